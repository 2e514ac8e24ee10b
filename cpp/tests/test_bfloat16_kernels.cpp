// The kernels for bfloat16 on every instruction set that runs here against the plain reference.
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "bfloat16_testing.hpp"
#include "guarded_array.hpp"
#include "kernel_testing.hpp"

using namespace manyclass;
using namespace manyclass::kernels;

namespace {

std::vector<std::uint32_t> bits_of(const Pairs& pairs) {
  std::vector<std::uint32_t> bits;
  for (const Bfloat16Pair pair : pairs) bits.push_back(pair.bits);
  return bits;
}

// The same with one NaN for all: which of them comes is not promised.
std::vector<float> with_one_nan(const Pairs& pairs) {
  std::vector<float> values;
  for (const Bfloat16Pair pair : pairs) {
    for (const unsigned half : {0U, 16U}) {
      const auto value = std::bit_cast<float>(pair.bits >> half << 16);
      values.push_back(std::isnan(value) ? 0x1p-140F : value);  // no result is so small
    }
  }
  return values;
}

// Pairs of small integers: products and sums are exact.
Pairs integer_pairs(std::int64_t size, unsigned seed) {
  const auto values = integers<float>(std::size_t(2 * size), seed);
  Pairs pairs(static_cast<std::size_t>(size));
  reference_bfloat16.round(values.data(), 2 * size, pairs.data());
  return pairs;
}

}  // namespace

TEST_CASE("products of pairs are exact on integers for all shapes and strides") {
  on_every_bfloat16_target([](const Bfloat16Table& kernel) {
    for (const std::int64_t m : {0, 1, 5, 13, 14, 15, 29}) {
      for (const std::int64_t n : {0, 1, 4, 15, 16, 17, 32, 33, 65}) {
        for (const std::int64_t pairs : {0, 1, 7, 128, 129, 300}) {
          const std::int64_t b_row = n + 3;
          const auto a = integer_pairs((m + 1) * (pairs + 1), 1);
          const auto b = integer_pairs((pairs + 1) * b_row, 2);
          const auto start = integers<float>(std::size_t(m + 1), 3);
          const auto before = integers<float>(std::size_t((m + 1) * (n + 2)), 4);
          for (const bool transposed : {false, true}) {
            const std::int64_t a_row = transposed ? 1 : pairs + 1;
            const std::int64_t a_col = transposed ? m + 1 : 1;
            const auto multiply = [&](const Bfloat16Table& table, const float* from) {
              auto c = before;
              table.multiply(m, n, pairs, a.data(), a_row, a_col, b.data(), b_row, from, c.data(),
                             n + 2);
              return c;
            };
            const auto to_rows = [&](const Bfloat16Table& table, bool add) {
              auto c = before;
              std::vector<float*> rows;
              for (std::int64_t i = m - 1; i >= 0; --i) rows.push_back(c.data() + i * (n + 2));
              table.multiply_to_rows(m, n, pairs, a.data(), a_row, a_col, b.data(), b_row, add,
                                     rows.data());
              return c;
            };
            REQUIRE(multiply(kernel, start.data()) == multiply(reference_bfloat16, start.data()));
            REQUIRE(multiply(kernel, nullptr) == multiply(reference_bfloat16, nullptr));
            REQUIRE(to_rows(kernel, true) == to_rows(reference_bfloat16, true));
            REQUIRE(to_rows(kernel, false) == to_rows(reference_bfloat16, false));
          }
        }
      }
    }
  });
}

TEST_CASE("an element of a product of pairs has the same bits whatever the shape") {
  constexpr std::int64_t m = 31, n = 70, pairs = 333;
  const auto values = reals<float>(2 * m * pairs, -1, 1, 1);
  const auto others = reals<float>(2 * n * pairs, -1, 1, 2);
  Pairs a(m * pairs), b(n * pairs);
  reference_bfloat16.round(values.data(), 2 * m * pairs, a.data());
  reference_bfloat16.round(others.data(), 2 * n * pairs, b.data());
  on_every_bfloat16_target([&](const Bfloat16Table& kernel) {
    std::vector<float> whole(m * n);
    kernel.multiply(m, n, pairs, a.data(), pairs, 1, b.data(), n, nullptr, whole.data(), n);
    for (const std::int64_t i : {0, 13, 14, 30}) {
      for (const std::int64_t j : {0, 15, 16, 31, 32, 64, 69}) {
        float alone = 0;
        kernel.multiply(1, 1, pairs, a.data() + i * pairs, pairs, 1, b.data() + j, n, nullptr,
                        &alone, 1);
        CHECK(alone == whole[std::size_t(i * n + j)]);
      }
    }
  });
}

TEST_CASE("rounding to bfloat16 is the same on every target, for whatever bits") {
  auto values = any_numbers(100'000, 5);
  for (const float x : {0.0F, 1.0F + 0x1p-8F, 1.0F + 0x3p-8F, 0x1p-126F, 0x1.fffffep-127F,
                        std::numeric_limits<float>::max(), 0x1.feffffp127F, 0x1.ffp127F,
                        std::numeric_limits<float>::infinity(), std::nanf("1")}) {
    values.push_back(x);
    values.push_back(-x);
  }
  on_every_bfloat16_target([&](const Bfloat16Table& kernel) {
    for (std::size_t n = 0; n < 40; ++n) {
      Pairs expected((n + 1) / 2 + 1, {7}), result = expected;
      reference_bfloat16.round(values.data() + values.size() - n, std::int64_t(n), expected.data());
      kernel.round(values.data() + values.size() - n, std::int64_t(n), result.data());
      CHECK(with_one_nan(result) == with_one_nan(expected));
    }
    Pairs expected(values.size() / 2), result(values.size() / 2);
    reference_bfloat16.round(values.data(), std::int64_t(values.size()), expected.data());
    kernel.round(values.data(), std::int64_t(values.size()), result.data());
    CHECK(with_one_nan(result) == with_one_nan(expected));
  });
}

TEST_CASE("rows of pairs: interleave, transpose") {
  on_every_bfloat16_target([](const Bfloat16Table& kernel) {
    for (const std::int64_t pairs : {0, 1, 3, 8, 15, 16, 17, 40}) {
      const auto first = integer_pairs(pairs, 1);
      const auto second = integer_pairs(pairs, 2);
      Pairs expected(std::size_t(2 * pairs)), result(std::size_t(2 * pairs));
      reference_bfloat16.interleave(first.data(), second.data(), pairs, expected.data());
      kernel.interleave(first.data(), second.data(), pairs, result.data());
      CHECK(bits_of(result) == bits_of(expected));
      for (const std::int64_t rows : {1, 15, 16, 33}) {
        const std::int64_t lanes = (rows + lane_multiple - 1) / lane_multiple * lane_multiple;
        const auto in = integer_pairs(rows * (pairs + 2), 3);
        Pairs wanted(std::size_t(pairs * lanes)), transposed(std::size_t(pairs * lanes), {9});
        reference_bfloat16.transpose(in.data(), rows, pairs, pairs + 2, wanted.data(), lanes);
        kernel.transpose(in.data(), rows, pairs, pairs + 2, transposed.data(), lanes);
        CHECK(bits_of(transposed) == bits_of(wanted));
      }
    }
  });
}

TEST_CASE("two rows of derivatives are rounded along both sides and summed before") {
  on_every_bfloat16_target([](const Bfloat16Table& kernel) {
    for (const std::int64_t lanes : {16, 32, 48, 64}) {
      const auto z = reals<float>(std::size_t(2 * lanes), -3, 3, 1);
      const auto factor = integers<float>(std::size_t(lanes), 2);  // products are exact enough
      const auto run = [&](const Bfloat16Table& table) {
        auto by_row = integer_pairs(lanes + 3, 3);
        auto by_pair = integer_pairs(lanes, 3);
        std::vector<float> sums(2);
        table.round_two_rows(z.data(), lanes, factor.data(), by_row.data(), lanes / 2 + 3,
                             by_pair.data(), sums.data());
        by_row.insert(by_row.end(), by_pair.begin(), by_pair.end());
        return std::pair(bits_of(by_row), sums);
      };
      const auto [pairs, sums] = run(kernel);
      const auto [wanted_pairs, wanted_sums] = run(reference_bfloat16);
      CHECK(pairs == wanted_pairs);
      for (const std::size_t r : {std::size_t{0}, std::size_t{1}}) {
        CHECK(double{sums[r]} == doctest::Approx(double{wanted_sums[r]}).epsilon(1e-5));
      }
    }
  });
}

TEST_CASE("dot and axpy round what they multiply") {
  on_every_bfloat16_target([](const Bfloat16Table& kernel) {
    for (const std::int64_t n : {0, 1, 3, 15, 16, 17, 31, 64, 65, 100, 257}) {
      auto x = integers<float>(std::size_t(n), 1);
      auto y = integers<float>(std::size_t(n), 2);
      const float exact = reference_bfloat16.dot(x.data(), y.data(), n);
      for (float& value : x) value *= 1.0F + 0x1p-10F;  // rounds back
      for (float& value : y) value *= 1.0F - 0x1p-10F;
      CHECK(kernel.dot(x.data(), y.data(), n) == exact);
      auto expected = y;
      auto result = y;
      reference_bfloat16.axpy(3.001F, x.data(), expected.data(), n);
      kernel.axpy(3.001F, x.data(), result.data(), n);
      for (std::size_t i = 0; i < result.size(); ++i) {
        CHECK(double{result[i]} == doctest::Approx(double{expected[i]}).epsilon(1e-6));
      }
    }
  });
}

TEST_CASE("kernels for bfloat16 touch nothing beside their arrays") {
  on_every_bfloat16_target([](const Bfloat16Table& kernel) {
    for (const Guard guard : {Guard::before, Guard::behind}) {
      for (const std::int64_t n : {1, 2, 15, 16, 17, 37}) {
        const std::int64_t m = 15, pairs = 9;
        GuardedArray<Bfloat16Pair> a(integer_pairs(m * pairs, 1), guard);
        GuardedArray<Bfloat16Pair> b(integer_pairs(pairs * n, 2), guard);
        GuardedArray<float> c(std::vector<float>(std::size_t(m * n)), guard);
        kernel.multiply(m, n, pairs, a.data(), pairs, 1, b.data(), n, nullptr, c.data(), n);
        kernel.multiply(m, n, pairs, a.data(), 1, m, b.data(), n, nullptr, c.data(), n);
        GuardedArray<float> x(reals<float>(std::size_t(n), -1, 1, 3), guard);
        GuardedArray<float> y(reals<float>(std::size_t(n), -1, 1, 4), guard);
        GuardedArray<Bfloat16Pair> out(Pairs(std::size_t(n + 1) / 2), guard);
        kernel.round(x.data(), n, out.data());
        kernel.axpy(kernel.dot(x.data(), y.data(), n), x.data(), y.data(), n);
        GuardedArray<Bfloat16Pair> both(Pairs(std::size_t(n + 1) / 2 * 2), guard);
        kernel.interleave(out.data(), out.data(), (n + 1) / 2, both.data());
      }
    }
  });
}
