// column_logistic on every instruction set that runs here: against long double, and against the
// plain reference.
#include <algorithm>
#include <cmath>
#include <limits>

#include "kernel_testing.hpp"

using namespace manyclass::kernels;

namespace {

// Magnitudes from 1e-9 to where exp underflows, of both signs.
template <class T>
std::vector<T> logits_of_all_sizes(std::size_t size, unsigned seed) {
  const double most = std::log(-std::log(double{std::numeric_limits<T>::min()}) - 1.0);
  std::vector<T> values = reals<T>(size, std::log(1e-9), most, seed);
  std::mt19937 random(seed);
  for (T& value : values) value = (random() & 1U) != 0 ? std::exp(value) : -std::exp(value);
  return values;
}

}  // namespace

TEST_CASE_TEMPLATE("column_logistic: sigmoid and softplus are within 4 ulp at every size", T, float,
                   double) {
  constexpr std::int64_t lanes = 32, rows = 500;
  constexpr auto few = 4 * static_cast<long double>(std::numeric_limits<T>::epsilon());
  const auto z = logits_of_all_sizes<T>(rows * lanes, 6);
  on_every_target<T>([&](const KernelTable<T>& kernel) {
    for (std::size_t r = 0; r < rows; ++r) {
      std::vector<T> sigmoid(z.data() + r * lanes, z.data() + (r + 1) * lanes);
      std::vector<T> softplus(lanes, T{0});
      kernel.column_logistic(sigmoid.data(), 1, lanes, softplus.data());
      for (std::size_t l = 0; l < lanes; ++l) {
        const long double x = z[r * lanes + l];
        const long double tail = std::exp(-std::abs(x));
        const long double exact = (x < 0 ? tail : 1.0L) / (1.0L + tail);
        const long double exact_loss = std::max(x, 0.0L) + std::log1p(tail);
        CAPTURE(x);
        REQUIRE(std::abs(sigmoid[l] - exact) <= few * exact);
        REQUIRE(std::abs(softplus[l] - exact_loss) <= few * exact_loss);
      }
    }
  });
}

TEST_CASE_TEMPLATE("column_logistic is within rounding of the reference, sums included", T, float,
                   double) {
  constexpr double epsilon = std::numeric_limits<T>::epsilon();
  on_every_target<T>([](const KernelTable<T>& kernel) {
    for (const std::int64_t lanes : {16, 32, 80}) {
      for (const std::int64_t rows : {0, 1, 5, 16, 65}) {
        auto expected = reals<T>(std::size_t(rows * lanes), -20, 20, 7);
        auto result = expected;
        auto expected_total = reals<T>(std::size_t(lanes), 0, 5, 8);
        auto total = expected_total;
        reference<T>().column_logistic(expected.data(), rows, lanes, expected_total.data());
        kernel.column_logistic(result.data(), rows, lanes, total.data());
        for (std::size_t i = 0; i < result.size(); ++i) {
          REQUIRE(std::abs(result[i] - expected[i]) <= 4 * epsilon * expected[i]);
        }
        for (std::size_t l = 0; l < total.size(); ++l) {
          REQUIRE(std::abs(total[l] - expected_total[l]) <=
                  double(rows + 4) * epsilon * expected_total[l]);
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("column_logistic keeps NaN and gives exactly 0 for -inf", T, float, double) {
  on_every_target<T>([](const KernelTable<T>& kernel) {
    constexpr T infinity = std::numeric_limits<T>::infinity();
    std::vector<T> z(lane_multiple, -infinity);
    z[1] = std::numeric_limits<T>::quiet_NaN();
    z[2] = infinity;
    z[3] = -std::numeric_limits<T>::max();
    z[4] = std::numeric_limits<T>::max();
    z[5] = T{0};
    std::vector<T> total(lane_multiple, T{0});
    kernel.column_logistic(z.data(), 1, lane_multiple, total.data());
    CHECK(z[0] == T{0});
    CHECK(total[0] == T{0});
    CHECK(std::isnan(z[1]));
    CHECK(std::isnan(total[1]));
    CHECK(z[2] == T{1});
    CHECK(total[2] == infinity);
    CHECK(z[3] == T{0});
    CHECK(total[3] == T{0});
    CHECK(z[4] == T{1});
    CHECK(total[4] == std::numeric_limits<T>::max());
    CHECK(z[5] == T{0.5});
    CHECK(double{total[5]} == doctest::Approx(std::log(2.0)).epsilon(1e-7));
  });
}
