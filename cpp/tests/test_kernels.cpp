// Every kernel on every instruction set that runs here against the plain reference.
#include <cmath>
#include <limits>
#include <vector>

#include "kernel_testing.hpp"
#include "manyclass/random.hpp"

using namespace manyclass::kernels;

TEST_CASE_TEMPLATE("multiply_add is exact on integers for all shapes and strides", T, float,
                   double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t m : {0, 1, 5, 6, 7, 13, 14, 15, 29, 43}) {
      for (const std::int64_t n : {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 40, 65}) {
        for (const std::int64_t k : {0, 1, 2, 127, 128, 129, 300}) {
          const std::int64_t b_row = n + 3;
          const std::int64_t c_row = n + 2;
          const auto a = integers<T>(std::size_t((m + 1) * (k + 1)), 1);
          const auto b = integers<T>(std::size_t((k + 1) * b_row), 2);
          const auto c = integers<T>(std::size_t((m + 1) * c_row), 3);
          for (const bool transposed : {false, true}) {
            const std::int64_t a_row = transposed ? 1 : k + 1;
            const std::int64_t a_col = transposed ? m + 1 : 1;
            auto expected = c;
            auto result = c;
            reference<T>().multiply_add(m, n, k, a.data(), a_row, a_col, b.data(), b_row,
                                        expected.data(), c_row);
            kernel.multiply_add(m, n, k, a.data(), a_row, a_col, b.data(), b_row, result.data(),
                                c_row);
            REQUIRE(result == expected);
          }
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("an element of multiply_add has the same bits whatever the shape", T, float,
                   double) {
  constexpr std::int64_t m = 31, n = 70, k = 333;
  const auto a = reals<T>(m * k, -1, 1, 1);
  const auto b = reals<T>(k * n, -1, 1, 2);
  on_every_target<T>([&](const KernelTable<T>& kernel) {
    std::vector<T> whole(m * n, T{0});
    kernel.multiply_add(m, n, k, a.data(), k, 1, b.data(), n, whole.data(), n);
    for (const std::int64_t i : {0, 13, 14, 30}) {
      for (const std::int64_t j : {0, 15, 16, 31, 32, 64, 69}) {
        T alone{0};
        kernel.multiply_add(1, 1, k, a.data() + i * k, k, 1, b.data() + j, n, &alone, 1);
        CHECK(alone == whole[std::size_t(i * n + j)]);
      }
    }
  });
}

TEST_CASE_TEMPLATE("rows: transpose, dot, sum, axpy", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t n : {0, 1, 3, 15, 16, 17, 31, 64, 65, 100, 257}) {
      const auto x = integers<T>(std::size_t(n), 1);
      const auto y = integers<T>(std::size_t(n), 2);
      CHECK(kernel.dot(x.data(), y.data(), n) == reference<T>().dot(x.data(), y.data(), n));
      CHECK(kernel.sum(x.data(), n) == reference<T>().sum(x.data(), n));
      auto expected = y;
      auto result = y;
      reference<T>().axpy(T{3}, x.data(), expected.data(), n);
      kernel.axpy(T{3}, x.data(), result.data(), n);
      CHECK(result == expected);
    }
    for (const std::int64_t rows : {1, 15, 16, 33}) {
      for (const std::int64_t cols : {1, 16, 17, 100}) {
        const std::int64_t lanes = (rows + lane_multiple - 1) / lane_multiple * lane_multiple;
        const auto in = integers<T>(std::size_t(rows * (cols + 5)), 4);
        std::vector<T> expected(std::size_t(cols * lanes), T{9});
        std::vector<T> result(std::size_t(cols * lanes), T{7});
        reference<T>().transpose(in.data(), rows, cols, cols + 5, expected.data(), lanes);
        kernel.transpose(in.data(), rows, cols, cols + 5, result.data(), lanes);
        REQUIRE(result == expected);
      }
    }
  });
}

TEST_CASE_TEMPLATE("columns: max, scale, count above", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t lanes : {16, 32, 80}) {
      for (const std::int64_t rows : {0, 1, 5, 64, 65, 128}) {
        const auto z = integers<T>(std::size_t(rows * lanes), 1);
        const auto mark = integers<T>(std::size_t(lanes), 2);
        auto expected = integers<T>(std::size_t(lanes), 3);
        auto result = expected;
        reference<T>().column_max(z.data(), rows, lanes, expected.data());
        kernel.column_max(z.data(), rows, lanes, result.data());
        CHECK(result == expected);
        auto scaled = z;
        auto scaled_too = z;
        reference<T>().column_scale(scaled.data(), rows, lanes, mark.data());
        kernel.column_scale(scaled_too.data(), rows, lanes, mark.data());
        CHECK(scaled == scaled_too);
        auto ties = integers<T>(std::size_t(lanes), 4);
        for (T& tie : ties) tie *= T{20};
        reference<T>().column_count_above(z.data(), rows, lanes, mark.data(), ties.data(),
                                          expected.data());
        kernel.column_count_above(z.data(), rows, lanes, mark.data(), ties.data(), result.data());
        CHECK(result == expected);
      }
    }
  });
}

TEST_CASE_TEMPLATE("column_exp is within 3 ulp of exp, keeps NaN and gives 0 for -inf", T, float,
                   double) {
  constexpr std::int64_t lanes = 16, rows = 1000;
  constexpr T epsilon = std::numeric_limits<T>::epsilon();
  const double least = std::log(double{std::numeric_limits<T>::min()});
  const auto z = reals<T>(rows * lanes, least, 0, 5);
  on_every_target<T>([&](const KernelTable<T>& kernel) {
    auto result = z;
    std::vector<T> shift(lanes, T{0});
    std::vector<T> total(lanes, T{1});
    kernel.column_exp(result.data(), rows, lanes, shift.data(), total.data());
    auto same_total = std::vector<T>(lanes, T{1});
    kernel.column_sum_exp(z.data(), rows, lanes, shift.data(), same_total.data());
    CHECK(same_total == total);
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double exact = std::exp(double{z[i]});
      REQUIRE(std::abs(double{result[i]} - exact) <= 3 * double{epsilon} / 2 * exact);
    }
    for (std::size_t l = 0; l < lanes; ++l) {
      double sum = 1.0;
      for (std::size_t r = 0; r < rows; ++r) sum += double{result[r * lanes + l]};
      CHECK(double{total[l]} == doctest::Approx(sum).epsilon(20 * double{epsilon}));
    }
    std::vector<T> special(lanes, -std::numeric_limits<T>::infinity());
    special[1] = std::numeric_limits<T>::quiet_NaN();
    special[2] = T{0};
    special[3] = -std::numeric_limits<T>::max();
    std::fill(total.begin(), total.end(), T{0});
    kernel.column_exp(special.data(), 1, lanes, shift.data(), total.data());
    CHECK(special[0] == T{0});
    CHECK(std::isnan(special[1]));
    CHECK(std::isnan(total[1]));
    CHECK(special[2] == T{1});
    CHECK(special[3] == T{0});
  });
}

TEST_CASE("Philox in bulk gives the blocks one by one") {
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    for (const std::int64_t count : {0, 1, 2, 7, 8, 9, 100}) {
      const std::uint64_t key = 0x123456789abcdef0U;
      const std::uint64_t high = 0xfedcba9876543210U;
      const std::uint64_t counter = 0xfffffff0U;  // the carry into the second word is passed
      std::vector<std::uint64_t> first(std::size_t(count) + 1, 7),
          second(std::size_t(count) + 1, 7);
      target.table_random->philox(key, counter, high, count, first.data(), second.data());
      for (std::int64_t i = 0; i < count; ++i) {
        const auto words =
            manyclass::PhiloxStream({key, high}, counter).words(static_cast<std::uint64_t>(i));
        CHECK(first[std::size_t(i)] == (words[0] | std::uint64_t{words[1]} << 32));
        CHECK(second[std::size_t(i)] == (words[2] | std::uint64_t{words[3]} << 32));
      }
      CHECK(first.back() == 7);
      CHECK(second.back() == 7);
    }
  }
}
