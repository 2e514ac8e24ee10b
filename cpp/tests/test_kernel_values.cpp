// What kernels make of NaN, infinities, strides of any sign and sums of real numbers, on every
// instruction set that runs here.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernel_testing.hpp"

using namespace manyclass::kernels;

namespace {

template <class T>
constexpr T infinity = std::numeric_limits<T>::infinity();
template <class T>
constexpr T not_a_number = std::numeric_limits<T>::quiet_NaN();
template <class T>
constexpr double epsilon = std::numeric_limits<T>::epsilon();

// Equal, or both NaN.
template <class T>
bool same(const std::vector<T>& x, const std::vector<T>& y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](T a, T b) { return a == b || (std::isnan(a) && std::isnan(b)); });
}

// Small integers with NaN and infinities among them, every column of 16 with another mixture.
template <class T>
std::vector<T> with_specials(std::size_t size, unsigned seed) {
  std::vector<T> values = integers<T>(size, seed);
  std::mt19937 random(seed);
  const T special[] = {not_a_number<T>, infinity<T>, -infinity<T>, T{0}};
  for (std::size_t i = 0; i < size; ++i) {
    if (random() % 7 == 0) values[i] = special[random() % 4];
  }
  return values;
}

}  // namespace

TEST_CASE_TEMPLATE("products take strides of any sign, and zero", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    constexpr std::int64_t m = 17, n = 37, k = 131;
    constexpr std::int64_t wide = 140;  // room for every index below
    const auto a = integers<T>(wide * wide, 1);
    const auto b = integers<T>(wide * wide, 2);
    const T* last_a = a.data() + (wide - 1) * wide;
    const T* last_b = b.data() + (wide - 1) * wide;
    struct Strides {
      const T* from;
      std::int64_t row, col;
    };
    for (const Strides left : {Strides{last_a, -wide, 1}, Strides{a.data() + wide - 1, wide, -1},
                               Strides{last_a, 1, -wide}, Strides{a.data(), 0, 1},
                               Strides{a.data(), wide, 0}, Strides{a.data(), 3, 2}}) {
      for (const Strides right : {Strides{last_b, -wide, 1}, Strides{b.data(), 0, 1}}) {
        auto expected = integers<T>(m * n, 3);
        auto result = expected;
        reference<T>().multiply_add(m, n, k, left.from, left.row, left.col, right.from, right.row,
                                    expected.data(), n);
        kernel.multiply_add(m, n, k, left.from, left.row, left.col, right.from, right.row,
                            result.data(), n);
        CHECK(result == expected);
        // Rows of C from the last to the first.
        std::fill(result.begin(), result.end(), T{0});
        std::vector<T> upright(m * n, T{0});
        kernel.multiply_add(m, n, k, left.from, left.row, left.col, right.from, right.row,
                            result.data() + (m - 1) * n, -n);
        reference<T>().multiply_add(m, n, k, left.from, left.row, left.col, right.from, right.row,
                                    upright.data(), n);
        for (std::int64_t i = 0; i < m; ++i) {
          CHECK(std::equal(upright.begin() + i * n, upright.begin() + (i + 1) * n,
                           result.begin() + (m - 1 - i) * n));
        }
      }
    }
    std::vector<T> expected(k * 32), result(k * 32);
    for (const std::int64_t in_row : {-wide, std::int64_t{0}}) {
      reference<T>().transpose(last_a, m, k, in_row, expected.data(), 32);
      kernel.transpose(last_a, m, k, in_row, result.data(), 32);
      CHECK(result == expected);
    }
  });
}

TEST_CASE_TEMPLATE("a NaN or an infinity reaches its row or column of a product, no other", T,
                   float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t n : {1, 3, 15, 16, 33, 50}) {
      for (const std::int64_t m : {1, 7, 15, 30}) {
        constexpr std::int64_t k = 140;
        auto a = integers<T>(std::size_t(m * k), 1);
        auto b = integers<T>(std::size_t(k * n), 2);
        a[std::size_t((m / 2) * k + k - 1)] = not_a_number<T>;
        b[std::size_t((k - 1) * n + n / 2)] = infinity<T>;
        for (T& value : a) value = value == T{0} ? T{1} : value;  // 0 * infinity would be NaN
        std::vector<T> c(std::size_t(m * n), T{0});
        kernel.multiply_add(m, n, k, a.data(), k, 1, b.data(), n, c.data(), n);
        std::vector<T> finite(std::size_t(m * n), T{0});
        a[std::size_t((m / 2) * k + k - 1)] = b[std::size_t((k - 1) * n + n / 2)] = T{1};
        reference<T>().multiply_add(m, n, k, a.data(), k, 1, b.data(), n, finite.data(), n);
        for (std::int64_t i = 0; i < m; ++i) {
          for (std::int64_t j = 0; j < n; ++j) {
            const T value = c[std::size_t(i * n + j)];
            if (i == m / 2) {
              REQUIRE(std::isnan(value));
            } else if (j == n / 2) {
              REQUIRE(std::isinf(value));
            } else {
              REQUIRE(value == finite[std::size_t(i * n + j)]);
            }
          }
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("rows keep NaN and infinities where they are", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t n : {1, 5, 16, 67}) {
      const auto size = std::size_t(n);
      for (const T special : {not_a_number<T>, infinity<T>, -infinity<T>}) {
        for (std::size_t place = 0; place < size; ++place) {
          auto x = integers<T>(size, 1);
          x[place] = special;
          const std::vector<T> ones(size, T{1});
          for (const T total : {kernel.dot(x.data(), ones.data(), n), kernel.sum(x.data(), n)}) {
            REQUIRE((total == special || (std::isnan(total) && std::isnan(special))));
          }
          auto expected = ones, result = ones;
          reference<T>().axpy(T{2}, x.data(), expected.data(), n);
          kernel.axpy(T{2}, x.data(), result.data(), n);
          REQUIRE(same(result, expected));
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("columns keep NaN and infinities where they are", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t rows : {1, 2, 9, 64, 100}) {
      constexpr std::int64_t lanes = 48;
      const auto z = with_specials<T>(std::size_t(rows * lanes), 1);
      const auto line = with_specials<T>(lanes, 2);
      auto expected = with_specials<T>(lanes, 3), result = expected;
      reference<T>().column_max(z.data(), rows, lanes, expected.data());
      kernel.column_max(z.data(), rows, lanes, result.data());
      CHECK(same(result, expected));
      auto scaled = z, expected_scaled = z;
      reference<T>().column_scale(expected_scaled.data(), rows, lanes, line.data());
      kernel.column_scale(scaled.data(), rows, lanes, line.data());
      CHECK(same(scaled, expected_scaled));
      std::vector<T> above(lanes, T{0}), expected_above(lanes, T{0});
      const std::vector<T> ties(lanes, static_cast<T>(rows));
      reference<T>().column_count_above(z.data(), rows, lanes, line.data(), ties.data(),
                                        expected_above.data());
      kernel.column_count_above(z.data(), rows, lanes, line.data(), ties.data(), above.data());
      CHECK(same(above, expected_above));
    }
  });
}

TEST_CASE_TEMPLATE("column_exp is within rounding of the reference, shifts and sums included", T,
                   float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t lanes : {16, 32, 80}) {
      for (const std::int64_t rows : {0, 1, 5, 63, 64, 65, 129, 1000}) {
        auto z = reals<T>(std::size_t(rows * lanes), -30, 5, 1);
        const auto shift = reals<T>(std::size_t(lanes), 5, 9, 2);
        auto expected = z;
        auto total = reals<T>(std::size_t(lanes), 0, 1, 3), expected_total = total;
        reference<T>().column_exp(expected.data(), rows, lanes, shift.data(),
                                  expected_total.data());
        kernel.column_exp(z.data(), rows, lanes, shift.data(), total.data());
        for (std::size_t i = 0; i < z.size(); ++i) {
          REQUIRE(std::abs(z[i] - expected[i]) <= 3 * epsilon<T> * expected[i]);
        }
        for (std::size_t l = 0; l < total.size(); ++l) {
          REQUIRE(std::abs(total[l] - expected_total[l]) <=
                  double(rows + 4) * epsilon<T> * expected_total[l]);
        }
      }
    }
    // Columns whose maximum is no number, or infinite.
    std::vector<T> z(2 * lane_multiple, T{1}), shift(lane_multiple, T{1}), total(lane_multiple);
    shift[0] = not_a_number<T>;
    z[1] = z[lane_multiple + 1] = shift[1] = -infinity<T>;
    z[2] = shift[2] = infinity<T>;
    z[3] = -infinity<T>;
    kernel.column_exp(z.data(), 2, lane_multiple, shift.data(), total.data());
    CHECK(std::isnan(total[0]));
    CHECK(std::isnan(total[1]));
    CHECK(std::isnan(total[2]));
    CHECK(z[lane_multiple + 2] == T{0});
    CHECK(total[3] == T{1});
    CHECK(total[4] == T{2});
  });
}

TEST_CASE_TEMPLATE("sums of real numbers are near the exact ones", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t n : {1, 2, 16, 63, 100, 257, 1000}) {
      const auto x = reals<T>(std::size_t(n), -1, 1, 1);
      const auto y = reals<T>(std::size_t(n), -1, 1, 2);
      long double dot = 0, sum = 0, dot_size = 0, sum_size = 0;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const long double product = static_cast<long double>(x[i]) * y[i];
        dot += product;
        dot_size += std::abs(product);
        sum += x[i];
        sum_size += std::abs(x[i]);
      }
      const double few = double(n) * epsilon<T> / 2;  // the bound of any order of summation
      CHECK(std::abs(kernel.dot(x.data(), y.data(), n) - dot) <= few * dot_size);
      CHECK(std::abs(kernel.sum(x.data(), n) - sum) <= few * sum_size);
      // The product's own sums over k.
      std::vector<T> products(std::size_t(7 * 50), T{0});
      const auto a = reals<T>(std::size_t(7 * n), -1, 1, 3);
      const auto b = reals<T>(std::size_t(n * 50), -1, 1, 4);
      kernel.multiply_add(7, 50, n, a.data(), n, 1, b.data(), 50, products.data(), 50);
      for (std::int64_t i = 0; i < 7; ++i) {
        for (std::int64_t j = 0; j < 50; ++j) {
          long double exact = 0, size = 0;
          for (std::int64_t p = 0; p < n; ++p) {
            const long double term =
                static_cast<long double>(a[std::size_t(i * n + p)]) * b[std::size_t(p * 50 + j)];
            exact += term;
            size += std::abs(term);
          }
          REQUIRE(std::abs(products[std::size_t(i * 50 + j)] - exact) <=
                  double(n + 1) * epsilon<T> / 2 * size);
        }
      }
    }
  });
}
