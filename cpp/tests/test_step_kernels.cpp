// The kernels of the sampled step beside those of test_kernels.cpp, on every instruction set that
// runs here.
#include <cmath>
#include <limits>
#include <vector>

#include "kernel_testing.hpp"

using namespace manyclass::kernels;

TEST_CASE_TEMPLATE("multiply starts from a value for each row, or from nothing", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t m : {0, 1, 13, 15, 29}) {
      for (const std::int64_t n : {0, 1, 7, 16, 33, 64}) {
        for (const std::int64_t k : {0, 1, 128, 129, 300}) {
          const auto a = integers<T>(std::size_t(m * k), 1);
          const auto b = integers<T>(std::size_t(k * n), 2);
          const auto start = integers<T>(std::size_t(m), 3);
          for (const T* from : {start.data(), static_cast<const T*>(nullptr)}) {
            std::vector<T> expected(std::size_t(m * n), T{0});
            for (std::int64_t i = 0; from != nullptr && i < m * n; ++i) {
              expected[std::size_t(i)] = from[i / n];
            }
            kernel.multiply_add(m, n, k, a.data(), k, 1, b.data(), n, expected.data(), n);
            // What was there before must not matter.
            std::vector<T> result(std::size_t(m * n), std::numeric_limits<T>::quiet_NaN());
            kernel.multiply(m, n, k, a.data(), k, 1, b.data(), n, from, result.data(), n);
            REQUIRE(result == expected);
          }
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("multiply_to_rows writes or adds to rows anywhere", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t m : {1, 14, 31}) {
      for (const std::int64_t n : {1, 16, 37}) {
        for (const std::int64_t k : {0, 3, 200}) {
          const auto a = integers<T>(std::size_t(m * k), 1);
          const auto b = integers<T>(std::size_t(k * n), 2);
          std::vector<T> table(std::size_t(3 * m * n), T{7});
          std::vector<T*> rows;
          for (std::int64_t i = 0; i < m; ++i) rows.push_back(table.data() + 3 * (m - 1 - i) * n);
          std::vector<T> expected(std::size_t(m * n), T{0});
          kernel.multiply_add(m, n, k, a.data(), 1, m, b.data(), n, expected.data(), n);
          for (const T times : {T{1}, T{2}}) {
            kernel.multiply_to_rows(m, n, k, a.data(), 1, m, b.data(), n, times > T{1},
                                    rows.data());
            for (std::int64_t i = 0; i < m * n; ++i) {
              REQUIRE(rows[std::size_t(i / n)][i % n] == times * expected[std::size_t(i)]);
            }
          }
          for (std::int64_t i = n; i < 3 * n; ++i) CHECK(table[std::size_t(i)] == T{7});
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("row_products has one order of summation for every row", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t k : {0, 1, 5, 16, 32, 63, 64, 65, 3000}) {
      for (const std::int64_t m : {0, 1, 3, 4, 15, 16, 17, 50}) {
        const std::int64_t row = k + 3;
        const auto whole = integers<T>(std::size_t(m * row), 1);
        const auto factor = integers<T>(std::size_t(k), 2);
        auto expected = integers<T>(std::size_t(m), 3);
        auto result = expected;
        reference<T>().row_products(whole.data(), m, k, row, factor.data(), expected.data());
        kernel.row_products(whole.data(), m, k, row, factor.data(), result.data());
        CHECK(result == expected);

        const auto a = reals<T>(std::size_t(m * row), -1, 1, 4);
        const auto x = reals<T>(std::size_t(k), -1, 1, 5);
        std::vector<T> together(std::size_t(m), T{0});
        kernel.row_products(a.data(), m, k, row, x.data(), together.data());
        for (std::int64_t r = 0; r < m; ++r) {
          T alone{0};
          kernel.row_products(a.data() + r * row, 1, k, row, x.data(), &alone);
          CHECK(alone == together[std::size_t(r)]);
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("scale", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t n : {0, 1, 15, 16, 17, 65}) {
      auto x = integers<T>(std::size_t(n), 1);
      std::vector<T> y(std::size_t(n) + 1, T{9});
      kernel.scale(T{3}, x.data(), y.data(), n);
      for (std::int64_t i = 0; i < n; ++i) CHECK(y[std::size_t(i)] == T{3} * x[std::size_t(i)]);
      CHECK(y.back() == T{9});
      kernel.scale(T{3}, x.data(), x.data(), n);
      y.pop_back();
      CHECK(x == y);
    }
  });
}

TEST_CASE("log1p is within 3 ulp from nothing to the largest number, and keeps NaN") {
  std::vector<double> x = {0.0, 1.0, 0.5, 1e-300, 1e300, std::nextafter(1.0, 2.0)};
  for (const double exponent : reals<double>(5000, -300, 300, 1)) x.push_back(std::exp(exponent));
  for (const double near : reals<double>(5000, 0, 3, 2)) x.push_back(near);
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    auto result = x;
    target.table_random->log1p(result.data(), std::int64_t(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = std::log1p(x[i]);
      CAPTURE(x[i]);
      REQUIRE(std::abs(result[i] - exact) <= 3 * std::numeric_limits<double>::epsilon() * exact);
    }
    double special[] = {std::numeric_limits<double>::quiet_NaN(),
                        std::numeric_limits<double>::infinity()};
    target.table_random->log1p(special, 2);
    CHECK(std::isnan(special[0]));
    CHECK(special[1] == std::numeric_limits<double>::infinity());
  }
}

TEST_CASE("log is within 2 ulp for all positive numbers") {
  std::vector<double> x = {1.0,
                           std::sqrt(2.0),
                           std::sqrt(0.5),
                           std::nextafter(1.0, 0.0),
                           std::nextafter(1.0, 2.0),
                           std::numeric_limits<double>::max(),
                           std::numeric_limits<double>::min(),
                           std::numeric_limits<double>::denorm_min(),
                           1e-310};
  for (const double exponent : reals<double>(5000, -700, 700, 1)) x.push_back(std::exp(exponent));
  for (const double near : reals<double>(5000, 0.5, 2, 2)) x.push_back(near);
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    for (const std::size_t count : {std::size_t{1}, std::size_t{7}, x.size()}) {
      std::vector<double> result(x.begin(), x.begin() + std::ptrdiff_t(count));
      target.table_random->log(result.data(), std::int64_t(count));
      for (std::size_t i = 0; i < count; ++i) {
        const double exact = std::log(x[i]);
        CAPTURE(x[i]);
        REQUIRE(std::abs(result[i] - exact) <=
                2 * std::numeric_limits<double>::epsilon() * std::abs(exact));
      }
    }
  }
}
