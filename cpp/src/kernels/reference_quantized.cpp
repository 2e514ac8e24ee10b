// The kernels over int8 rows in plain loops: what every other target is tested against.
#include <algorithm>
#include <cmath>
#include <limits>

#include "targets.hpp"

namespace manyclass::kernels {

namespace {

template <class Q>
float quantize(const float* x, std::int64_t n, float most, Q* q) {
  std::fill_n(q, n, Q{0});
  float largest = 0.0F;
  for (std::int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(x[i])) return std::numeric_limits<float>::quiet_NaN();
    largest = std::max(largest, std::abs(x[i]));
  }
  const float scale = largest / most;
  if (scale < std::numeric_limits<float>::min()) return 0.0F;
  for (std::int64_t i = 0; i < n; ++i) q[i] = static_cast<Q>(std::nearbyint(x[i] / scale));
  return scale;
}

float quantize_row(const float* x, std::int64_t n, std::int8_t* q) {
  return quantize(x, n, 127.0F, q);
}

void widen(const std::int8_t* x, std::int64_t n, std::int16_t* y) { std::copy_n(x, n, y); }

void row_products(const std::int8_t* rows, std::int64_t m, std::int64_t k, const float* scales,
                  const std::int16_t* x, float x_scale, const float* start, float* z,
                  std::int64_t z_row) {
  for (std::int64_t r = 0; r < m; ++r) {
    std::int32_t sum = 0;
    for (std::int64_t p = 0; p < k; ++p) sum += std::int32_t{rows[r * k + p]} * x[p];
    z[r * z_row] = static_cast<float>(sum) * (scales[r] * x_scale) + start[r];
  }
}

void strip_products(const std::int16_t* rows, std::int64_t m, std::int64_t k, const float* scales,
                    const std::int16_t* strip, const float* x_scales, const float* start, float* z,
                    std::int64_t z_row) {
  for (std::int64_t r = 0; r < m; ++r) {
    for (std::int64_t l = 0; l < lane_multiple; ++l) {
      std::int32_t sum = 0;
      for (std::int64_t p = 0; p < k; ++p) {
        sum += std::int32_t{rows[r * k + p]} * strip[(p / 2 * lane_multiple + l) * 2 + p % 2];
      }
      z[r * z_row + l] = static_cast<float>(sum) * (scales[r] * x_scales[l]) + start[r];
    }
  }
}

}  // namespace

const QuantizedTable reference_quantized = {quantize_row, quantize<std::int16_t>, widen,
                                            row_products, strip_products};

}  // namespace manyclass::kernels
