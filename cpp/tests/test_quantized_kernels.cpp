// Vectors of int8 and int16: on every target what the plain reference gives, beside forbidden
// pages.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "guarded_array.hpp"
#include "kernel_testing.hpp"

using namespace manyclass::kernels;
using manyclass::Guard;
using manyclass::GuardedArray;

namespace {

template <class Check>
void at_both_guards(Check check) {
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    for (const Guard guard : {Guard::before, Guard::behind}) check(*target.table_quantized, guard);
  }
}

template <class Q>
std::vector<Q> any_integers(std::int64_t size, int most, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Q> values(static_cast<std::size_t>(size));
  for (Q& value : values) value = static_cast<Q>(int(random() % unsigned(2 * most + 1)) - most);
  return values;
}

// Powers of two: scaled sums are exact, however products and sums fuse.
std::vector<float> powers(std::int64_t size, unsigned seed) {
  auto values = integers<float>(std::size_t(size), seed);
  for (float& value : values) value = std::exp2(value);
  return values;
}

}  // namespace

TEST_CASE("quantise: every size beside forbidden memory") {
  at_both_guards([](const QuantizedTable& kernel, Guard guard) {
    for (std::int64_t n = 1; n <= 70; ++n) {
      CAPTURE(n);
      const auto values = reals<float>(std::size_t(n), -3, 3, unsigned(n));
      GuardedArray<float> x(values, guard);
      std::vector<std::int8_t> expected(values.size());
      GuardedArray<std::int8_t> row(expected, guard);
      const float scale = reference_quantized.quantize_row(values.data(), n, expected.data());
      REQUIRE(kernel.quantize_row(x.data(), n, row.data()) == scale);
      REQUIRE(row.values() == expected);
      const auto largest = *std::max_element(
          expected.begin(), expected.end(), [](int a, int b) { return std::abs(a) < std::abs(b); });
      REQUIRE(std::abs(int{largest}) == 127);

      std::vector<std::int16_t> expected_input(values.size());
      GuardedArray<std::int16_t> input(expected_input, guard);
      const float input_scale =
          reference_quantized.quantize_input(values.data(), n, 20000.0F, expected_input.data());
      REQUIRE(kernel.quantize_input(x.data(), n, 20000.0F, input.data()) == input_scale);
      REQUIRE(input.values() == expected_input);

      GuardedArray<std::int16_t> wide(expected_input, guard);
      kernel.widen(row.data(), n, wide.data());
      REQUIRE(wide.values() == std::vector<std::int16_t>(expected.begin(), expected.end()));
    }
  });
}

TEST_CASE("quantise: ties go to even, odd values have a meaning") {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  constexpr float least = std::numeric_limits<float>::min();
  constexpr float most = std::numeric_limits<float>::max();
  at_both_guards([&](const QuantizedTable& kernel, Guard) {
    std::vector<std::int8_t> q(40, 1);
    std::vector<float> x = {127.0F, 0.5F, 1.5F, -2.5F, -3.5F, 126.5F, 0.49F};
    CHECK(kernel.quantize_row(x.data(), 7, q.data()) == 1.0F);
    CHECK(std::vector<int>(q.begin(), q.begin() + 7) ==
          std::vector<int>{127, 0, 2, -2, -4, 126, 0});
    for (std::size_t place = 0; place < 40; ++place) {
      CAPTURE(place);
      x.assign(40, -1.0F);
      const auto scale_with = [&](float value) {
        x[place] = value;
        std::fill(q.begin(), q.end(), std::int8_t{1});
        const float scale = kernel.quantize_row(x.data(), 40, q.data());
        return scale;
      };
      for (const float value : {nan, infinity, -infinity}) {
        CHECK(std::isnan(scale_with(value)));
        CHECK(q == std::vector<std::int8_t>(40));
      }
      CHECK(scale_with(most) == most / 127.0F);
      CHECK(q[place] == 127);
      x.assign(40, 0.0F);
      CHECK(scale_with(-least) == 0.0F);
      CHECK(q == std::vector<std::int8_t>(40));
      CHECK(scale_with(0.0F) == 0.0F);
      CHECK(scale_with(-128.0F * least) == 128.0F * least / 127.0F);
      CHECK(q[place] == -127);
    }
  });
}

TEST_CASE("products of quantised vectors: every size beside forbidden memory") {
  at_both_guards([](const QuantizedTable& kernel, Guard guard) {
    for (const std::int64_t k : {2, 4, 6, 14, 16, 18, 30, 32, 34, 62, 64, 66, 130}) {
      for (const std::int64_t m : {1, 2, 3, 5, 7, 8, 11, 12, 13, 16, 17, 33}) {
        CAPTURE(k);
        CAPTURE(m);
        const std::int64_t z_row = lane_multiple + 3;
        const auto scales = powers(m, 1);
        const auto start = integers<float>(std::size_t(m), 2);
        auto rows = any_integers<std::int8_t>(m * k + bytes_behind_rows, 127, unsigned(m + k));
        const std::vector<std::int16_t> wide(rows.begin(), rows.begin() + m * k);
        GuardedArray<std::int8_t> guarded_rows(rows, guard);
        GuardedArray<std::int16_t> guarded_wide(wide, guard);
        GuardedArray<float> guarded_scales(scales, guard), guarded_start(start, guard);

        const std::int64_t padded =
            (k + quantized_multiple - 1) / quantized_multiple * quantized_multiple;
        auto x = any_integers<std::int16_t>(padded, 1000, 3);
        std::fill(x.begin() + k, x.end(), std::int16_t{0});
        GuardedArray<std::int16_t> guarded_x(x, guard);
        std::vector<float> expected(std::size_t((m - 1) * z_row + 1), -7.0F);
        GuardedArray<float> z(expected, guard);
        reference_quantized.row_products(rows.data(), m, k, scales.data(), x.data(), 0.5F,
                                         start.data(), expected.data(), z_row);
        kernel.row_products(guarded_rows.data(), m, k, guarded_scales.data(), guarded_x.data(),
                            0.5F, guarded_start.data(), z.data(), z_row);
        REQUIRE(z.values() == expected);

        const auto strip = any_integers<std::int16_t>(k * lane_multiple, 1000, 4);
        const auto x_scales = powers(lane_multiple, 5);
        GuardedArray<std::int16_t> guarded_strip(strip, guard);
        GuardedArray<float> guarded_x_scales(x_scales, guard);
        std::vector<float> expected_tile(std::size_t((m - 1) * z_row + lane_multiple), -7.0F);
        GuardedArray<float> tile(expected_tile, guard);
        reference_quantized.strip_products(wide.data(), m, k, scales.data(), strip.data(),
                                           x_scales.data(), start.data(), expected_tile.data(),
                                           z_row);
        kernel.strip_products(guarded_wide.data(), m, k, guarded_scales.data(),
                              guarded_strip.data(), guarded_x_scales.data(), guarded_start.data(),
                              tile.data(), z_row);
        REQUIRE(tile.values() == expected_tile);
      }
    }
  });
}

TEST_CASE("products of quantised vectors: one by one and in strips the same bits") {
  constexpr std::int64_t m = 29, k = 96;
  const auto rows = any_integers<std::int8_t>(m * k + bytes_behind_rows, 127, 1);
  const std::vector<std::int16_t> wide(rows.begin(), rows.begin() + m * k);
  const auto x = any_integers<std::int16_t>(k * lane_multiple, 32767, 2);
  const auto scales = reals<float>(m, 0, 1, 3), start = reals<float>(m, -1, 1, 4);
  const auto x_scales = reals<float>(lane_multiple, 0, 1, 5);
  std::vector<std::int16_t> strip(x.size());
  for (std::int64_t l = 0; l < lane_multiple; ++l) {
    for (std::int64_t p = 0; p < k; ++p) {
      strip[std::size_t((p / 2 * lane_multiple + l) * 2 + p % 2)] = x[std::size_t(l * k + p)];
    }
  }
  at_both_guards([&](const QuantizedTable& kernel, Guard) {
    std::vector<float> one(m * lane_multiple), all(m * lane_multiple);
    kernel.strip_products(wide.data(), m, k, scales.data(), strip.data(), x_scales.data(),
                          start.data(), all.data(), lane_multiple);
    for (std::int64_t l = 0; l < lane_multiple; ++l) {
      kernel.row_products(rows.data(), m, k, scales.data(), x.data() + l * k,
                          x_scales[std::size_t(l)], start.data(), one.data() + l, lane_multiple);
    }
    CHECK(one == all);
  });
}
