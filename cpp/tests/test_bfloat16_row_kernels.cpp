// The kernels for stored bfloat16 on every instruction set that runs here.
#include <algorithm>
#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "bfloat16_testing.hpp"
#include "guarded_array.hpp"

using namespace manyclass;
using namespace manyclass::kernels;

namespace {

// The upper halves of float32 numbers.
std::vector<Bfloat16> stored(const std::vector<float>& values) {
  std::vector<Bfloat16> halves;
  for (const float value : values) {
    halves.push_back({static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16)});
  }
  return halves;
}

}  // namespace

TEST_CASE("products of bfloat16 rows are exact on integers, in the same order for any rows") {
  on_every_bfloat16_target([](const Bfloat16Table& kernel) {
    for (const std::int64_t m : {0, 1, 3, 8, 17, 33}) {
      for (const std::int64_t k : {0, 1, 7, 16, 31, 64, 1030}) {
        const std::int64_t stride = k + 3;
        const auto a = stored(integers<float>(std::size_t(m * stride), 1));
        const auto x = integers<float>(std::size_t(k), 2);
        auto expected = integers<float>(std::size_t(m), 3);
        auto result = expected;
        reference_bfloat16.row_products(a.data(), m, k, stride, x.data(), expected.data());
        kernel.row_products(a.data(), m, k, stride, x.data(), result.data());
        CHECK(result == expected);
      }
    }
    const std::int64_t m = 19, k = 501;
    const auto a = stored(reals<float>(m * k, -1, 1, 1));
    const auto x = reals<float>(k, -1, 1, 2);
    std::vector<float> whole(m);
    kernel.row_products(a.data(), m, k, k, x.data(), whole.data());
    for (std::int64_t r = 0; r < m; ++r) {
      float alone = 0;
      kernel.row_products(a.data() + r * k, 1, k, k, x.data(), &alone);
      CHECK(alone == whole[std::size_t(r)]);
    }
  });
}

TEST_CASE("bfloat16 is widened, flushed and searched for subnormal numbers, whatever its bits") {
  std::vector<Bfloat16> all(1 << 16);
  for (std::size_t i = 0; i < all.size(); ++i) all[i].bits = static_cast<std::uint16_t>(i);
  std::shuffle(all.begin(), all.end(), std::mt19937(1));
  on_every_bfloat16_target([&](const Bfloat16Table& kernel) {
    for (std::size_t n = 0; n < 80; ++n) {
      const std::size_t size = n < 79 ? n : all.size();
      const Bfloat16* x = all.data() + all.size() - size;
      const auto count = static_cast<std::int64_t>(size);
      std::vector<float> wide(size);
      kernel.widen(x, count, wide.data());
      std::vector<Bfloat16> flushed(size + size % 2, Bfloat16{7});
      kernel.flush(x, count, flushed.data());
      bool any = false;
      for (std::size_t i = 0; i < size; ++i) {
        CHECK(std::bit_cast<std::uint32_t>(wide[i]) == std::uint32_t{x[i].bits} << 16);
        const bool subnormal = std::fpclassify(wide[i]) == FP_SUBNORMAL;
        any = any || subnormal;
        CHECK(flushed[i].bits == (subnormal ? x[i].bits & 0x8000 : x[i].bits));
      }
      if (size % 2 == 1) CHECK(flushed[size].bits == 0);
      CHECK(kernel.any_subnormal(x, count > 0, count, count) == any);
    }
    const std::int64_t rows = 3, columns = 37, stride = 40;
    std::vector<Bfloat16> table(rows * stride, Bfloat16{1});  // subnormal between the rows
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t i = 0; i < columns; ++i) {
        table[std::size_t(r * stride + i)].bits = i % 2 == 0 ? 0 : 0x8000;
      }
    }
    CHECK(!kernel.any_subnormal(table.data(), rows, columns, stride));
    for (const std::int64_t place : {0, 31, 36, 40, 40 + 35, 80 + 36}) {
      auto one = table;
      one[std::size_t(place)].bits = 0x807f;
      CHECK(kernel.any_subnormal(one.data(), rows, columns, stride));
    }
  });
}

TEST_CASE("rounded values are the rounded pairs") {
  auto values = any_numbers(10'000, 9);
  values.insert(values.end(), {1e-39F, -1e-39F, 0.0F, 3.4e38F, -3.4e38F});
  on_every_bfloat16_target([&](const Bfloat16Table& kernel) {
    for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::size_t{37}, values.size()}) {
      const float* x = values.data() + values.size() - n;
      std::vector<float> result(n);
      kernel.round_values(x, std::int64_t(n), result.data());
      Pairs pairs((n + 1) / 2);
      reference_bfloat16.round(x, std::int64_t(n), pairs.data());
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t half = pairs[i / 2].bits >> (i % 2 * 16) << 16;
        if (std::isnan(values[values.size() - n + i])) {
          CHECK(std::isnan(result[i]));
        } else {
          CHECK(std::bit_cast<std::uint32_t>(result[i]) == half);
        }
      }
    }
  });
}

TEST_CASE("kernels for stored bfloat16 touch nothing beside their arrays") {
  on_every_bfloat16_target([](const Bfloat16Table& kernel) {
    for (const Guard guard : {Guard::before, Guard::behind}) {
      for (const std::int64_t n : {1, 2, 15, 16, 17, 37}) {
        GuardedArray<float> x(reals<float>(std::size_t(n), -1, 1, 3), guard);
        GuardedArray<float> y(std::vector<float>(std::size_t(n)), guard);
        GuardedArray<Bfloat16> rows(stored(reals<float>(std::size_t(3 * n), -1, 1, 5)), guard);
        GuardedArray<float> sums(std::vector<float>(3), guard);
        kernel.row_products(rows.data(), 3, n, n, x.data(), sums.data());
        kernel.widen(rows.data(), n, y.data());
        kernel.round_values(x.data(), n, y.data());
        GuardedArray<Bfloat16> flushed(std::vector<Bfloat16>(std::size_t(n + n % 2)), guard);
        kernel.flush(rows.data(), n, flushed.data());
        CHECK(!kernel.any_subnormal(rows.data(), 3, n, n));
      }
    }
  });
}

TEST_CASE("every bfloat16 is widened as it is, in rows of every length and place") {
  std::vector<Bfloat16> every(65536);
  for (std::size_t i = 0; i < every.size(); ++i) every[i].bits = static_cast<std::uint16_t>(i);
  const auto is_widened = [](float wide, Bfloat16 x) {
    return std::bit_cast<std::uint32_t>(wide) == std::uint32_t{x.bits} << 16;
  };
  on_every_bfloat16_target([&](const Bfloat16Table& table) {
    std::vector<float> wide(every.size());
    table.widen(every.data(), std::int64_t(every.size()), wide.data());
    REQUIRE(std::equal(wide.begin(), wide.end(), every.begin(), is_widened));
    for (std::int64_t n = 0; n <= 70; ++n) {
      const std::vector<Bfloat16> row(every.begin() + 16000, every.begin() + 16000 + n);
      for (const Guard guard : {Guard::before, Guard::behind}) {
        GuardedArray<Bfloat16> x(row, guard);
        GuardedArray<float> out(std::vector<float>(std::size_t(n)), guard);
        table.widen(x.data(), n, out.data());
        const auto values = out.values();
        REQUIRE(std::equal(values.begin(), values.end(), row.begin(), is_widened));
      }
    }
  });
}
