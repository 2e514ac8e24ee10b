// Vectors of int8 and int16 with a scale, and their products, as functions behind one table per
// instruction set.
//
// Rows are int8 and inputs int16: instructions multiply and add pairs of int16, to which int8 is
// widened on the way, so that finer inputs cost nothing. Sums are of int32, exact in any order.
// Kernels assume their arguments, those that no sum overflows included.
#pragma once

#include <cstdint>

namespace manyclass::kernels {

/// Inputs end with zeros up to a multiple of so many elements.
inline constexpr std::int64_t quantized_multiple = 32;

/// The bytes behind the last row that may be read; what they hold counts nothing.
inline constexpr std::int64_t bytes_behind_rows = quantized_multiple - 1;

struct QuantizedTable {
  /// q[i] = x[i] / scale to the nearest integer, ties to even. Returns scale = max |x[i]| / 127, or
  /// 0 where that is no normal number, or NaN if any x[i] is NaN or infinite; q is then all 0.
  float (*quantize_row)(const float* x, std::int64_t n, std::int8_t* q);
  /// The same with scale = max |x[i]| / most, 1 <= most <= 32767.
  float (*quantize_input)(const float* x, std::int64_t n, float most, std::int16_t* q);
  /// y[i] = x[i]
  void (*widen)(const std::int8_t* x, std::int64_t n, std::int16_t* y);

  /// z[r z_row] = start[r] + <row r, x> scales[r] x_scale for m rows of k elements.
  void (*row_products)(const std::int8_t* rows, std::int64_t m, std::int64_t k, const float* scales,
                       const std::int16_t* x, float x_scale, const float* start, float* z,
                       std::int64_t z_row);
  /// z[r z_row + l] = start[r] + <row r, x of lane l> scales[r] x_scales[l], with the same bits,
  /// for all lanes of a strip. k is even; `strip` has element p of lane l at
  /// [(p / 2 * lane_multiple + l) * 2 + p % 2].
  void (*strip_products)(const std::int16_t* rows, std::int64_t m, std::int64_t k,
                         const float* scales, const std::int16_t* strip, const float* x_scales,
                         const float* start, float* z, std::int64_t z_row);
};

/// The table chosen for this process.
const QuantizedTable& quantized_table();

}  // namespace manyclass::kernels
