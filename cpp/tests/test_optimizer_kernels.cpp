// The row optimizers' kernels on every instruction set against the plain reference.
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "kernel_testing.hpp"
#include "manyclass/random.hpp"

using namespace manyclass;
using namespace manyclass::kernels;

namespace {

template <class T>
const OptimizerTable<T>& optimizers_of(const OptimizerTables& tables) {
  if constexpr (std::is_same_v<T, float>) return tables.of_float;
  if constexpr (std::is_same_v<T, double>) return tables.of_double;
  if constexpr (std::is_same_v<T, Bfloat16>) return tables.of_bfloat16;
}

float value_of(float x) { return x; }
double value_of(double x) { return x; }
float value_of(Bfloat16 x) { return std::bit_cast<float>(std::uint32_t{x.bits} << 16); }

template <class T>
T as_element(double x) {
  if constexpr (std::is_same_v<T, Bfloat16>) {
    return {static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(float(x)) >> 16)};
  } else {
    return static_cast<T>(x);
  }
}

template <class V>
StepConstants<V> constants(double scale, double decay) {
  return {V(0.1),
          V(scale),
          V(decay),
          V(0.75),
          V(0.5),
          V(1e-6),
          V(0.9),
          V(0.99),
          V(1 - 0.9),
          V(1 - 0.99),
          V(1 - 0.1 * decay),
          std::log(0.9),
          std::log(0.99)};
}

// A row as kernels take it; bfloat16 are rounded by some words.
template <class T>
UpdatedRow<T> updated_row(T* elements) {
  if constexpr (std::is_same_v<T, Bfloat16>) {
    return {elements, 0x0123456789abcdefU, std::uint64_t{3} << 32, 41};
  } else {
    return elements;
  }
}

// A row and its state, with one element more that nobody may touch.
template <class T>
struct Row {
  using V = ComputeType<T>;
  std::vector<T> w;
  std::array<std::vector<V>, 3> state;

  explicit Row(std::int64_t n) {
    for (const double x : reals<double>(std::size_t(n + 1), -1, 1, 1))
      w.push_back(as_element<T>(x));
    for (unsigned s = 0; s < 3; ++s) state[s] = reals<V>(std::size_t(n + 1), 0, 2, 2 + s);
    state[2][0] = V{3};  // a count of steps
  }
  void update(typename OptimizerTable<T>::UpdateRow rule, const StepConstants<V>& step,
              const std::vector<V>& g) {
    V* const states[] = {state[0].data(), state[1].data(), state[2].data()};
    rule(step, g.data(), updated_row(w.data()), states, std::int64_t(g.size()));
  }
};

template <class T>
using RuleOf = typename OptimizerTable<T>::UpdateRow OptimizerTable<T>::*;

template <class T>
void check_close(const Row<T>& result, const Row<T>& expected) {
  using V = ComputeType<T>;
  constexpr double epsilon = double{std::numeric_limits<V>::epsilon()};
  // bfloat16: where only one of the two is carried up by the noise, they differ by one step.
  constexpr double row_epsilon = std::is_same_v<T, Bfloat16> ? 0x1p-8 : 8 * epsilon;
  for (std::size_t i = 0; i < result.w.size(); ++i) {
    const double w = double{value_of(expected.w[i])};
    REQUIRE(std::abs(double{value_of(result.w[i])} - w) <= row_epsilon * (1 + std::abs(w)));
    for (std::size_t s = 0; s < 3; ++s) {
      const double x = double{expected.state[s][i]};
      REQUIRE(std::abs(double{result.state[s][i]} - x) <= 8 * epsilon * (1 + std::abs(x)));
    }
  }
  CHECK(value_of(result.w.back()) == value_of(expected.w.back()));
}

template <class Check>
void on_every_optimizer(Check check) {
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    check(*target.optimizers);
  }
}

}  // namespace

TEST_CASE_TEMPLATE("every rule is within rounding of the reference", T, float, double, Bfloat16) {
  using V = ComputeType<T>;
  const RuleOf<T> rules[] = {&OptimizerTable<T>::sgd,      &OptimizerTable<T>::momentum,
                             &OptimizerTable<T>::nesterov, &OptimizerTable<T>::adagrad,
                             &OptimizerTable<T>::adam,     &OptimizerTable<T>::rowwise_adagrad};
  on_every_optimizer([&](const OptimizerTables& tables) {
    for (const std::int64_t n : {1, 2, 3, 7, 15, 16, 17, 31, 33, 64, 100, 300, 1031}) {
      const auto g = reals<V>(std::size_t(n), -2, 2, 7);
      for (const double decay : {0.0, 0.25}) {
        const auto step = constants<V>(0.5, decay);
        for (const RuleOf<T> rule : rules) {
          Row<T> expected(n), result(n);
          for (int steps = 0; steps < 3; ++steps) {
            expected.update(optimizers_of<T>(reference_optimizers).*rule, step, g);
            result.update(optimizers_of<T>(tables).*rule, step, g);
          }
          check_close(result, expected);
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("sgd and momentum are exact on integers", T, float, double) {
  on_every_optimizer([](const OptimizerTables& tables) {
    for (const std::int64_t n : {1, 5, 16, 39}) {
      const auto g = integers<T>(std::size_t(n), 1);
      auto step = constants<T>(2.0, 1.0);
      step.learning_rate = T{0.5};
      step.momentum = T{0.5};
      for (const RuleOf<T> rule :
           {&OptimizerTable<T>::sgd, &OptimizerTable<T>::momentum, &OptimizerTable<T>::nesterov}) {
        Row<T> expected(n), result(n);
        expected.w = result.w = integers<T>(std::size_t(n + 1), 2);
        expected.state[0] = result.state[0] = integers<T>(std::size_t(n + 1), 3);
        expected.update(optimizers_of<T>(reference_optimizers).*rule, step, g);
        result.update(optimizers_of<T>(tables).*rule, step, g);
        CHECK(result.w == expected.w);
        CHECK(result.state[0] == expected.state[0]);
      }
    }
  });
}

TEST_CASE("Adam corrects bias by the row's own steps") {
  on_every_optimizer([](const OptimizerTables& tables) {
    auto step = constants<double>(1.0, 0.0);
    step.epsilon = 0.0;
    for (const int before : {0, 1, 10, 1000, 1000000}) {
      // Moments as `before` gradients of 1 leave them: corrected, they are 1, and stay 1.
      double w = 0.0;
      double first = 1 - std::pow(0.9, before);
      double second = 1 - std::pow(0.99, before);
      double steps = before;
      double* const state[] = {&first, &second, &steps};
      const double g = 1.0;
      tables.of_double.adam(step, &g, &w, state, 1);
      CHECK(steps == before + 1);
      CHECK(w == doctest::Approx(-0.1).epsilon(1e-12));
    }
  });
}

TEST_CASE("every bfloat16 is read and written back as it is, NaN as NaN") {
  constexpr std::int64_t n = 65536;
  std::vector<Bfloat16> every(n);
  for (std::size_t i = 0; i < every.size(); ++i) every[i].bits = static_cast<std::uint16_t>(i);
  const std::vector<float> g(n, 0.0F);
  on_every_optimizer([&](const OptimizerTables& tables) {
    for (const std::int64_t width : {n, std::int64_t{1}}) {  // as vectors, and one by one
      auto result = every;
      for (std::int64_t i = 0; i < n; i += width) {
        tables.of_bfloat16.sgd(constants<float>(1.0, 0.0), g.data(), updated_row(result.data() + i),
                               nullptr, width);
      }
      for (std::size_t i = 0; i < every.size(); ++i) {
        if (std::isfinite(value_of(every[i]))) {
          REQUIRE(result[i].bits == every[i].bits);
        } else {  // 0 times infinity, where there is weight decay, is NaN
          REQUIRE(!std::isfinite(value_of(result[i])));
        }
      }
    }
  });
}

TEST_CASE("bfloat16 rows are rounded up where their random bits carry") {
  auto step = constants<float>(1.0, 0.0);
  step.learning_rate = 1.0F;
  const std::uint64_t key = 0xfedcba9876543210U, row = (std::uint64_t{7} << 32) + 5;
  const std::uint64_t first_block = (std::uint64_t{2} << 32) + 1;
  on_every_optimizer([&](const OptimizerTables& tables) {
    for (const std::int64_t n : {1, 7, 8, 9, 31, 64, 65, 200, 255, 256, 257, 1031}) {
      auto x = reals<float>(std::size_t(n), -4, 4, 3);  // what the update gives, exactly
      x[0] = -std::numeric_limits<float>::max();        // beyond the largest bfloat16
      std::vector<float> g;
      for (const float value : x) g.push_back(-value);
      std::vector<Bfloat16> w(std::size_t(n + 1), as_element<Bfloat16>(0.0));
      tables.of_bfloat16.sgd(step, g.data(), {w.data(), key, first_block, row}, nullptr, n);
      for (std::uint32_t i = 0; i < std::uint32_t(n); ++i) {
        const auto words = philox4x32_10({1 + i / 8, 2, 5, 7}, {0x76543210U, 0xfedcba98U});
        const std::uint32_t pair = words[i % 8 / 2];
        const std::uint32_t noise = i % 2 == 0 ? pair % 65536 : pair / 65536;
        REQUIRE(w[i].bits == (std::bit_cast<std::uint32_t>(x[i]) + noise) / 65536);
      }
      CHECK(w.back().bits == 0);
    }
  });
}

TEST_CASE("sums of squares do not overflow in float32, and show what is not finite") {
  on_every_optimizer([](const OptimizerTables& tables) {
    for (const std::int64_t n : {0, 1, 3, 16, 31, 32, 33, 100}) {
      const auto x = integers<float>(std::size_t(n), 1);
      const auto y = integers<double>(std::size_t(n), 1);
      CHECK(tables.sum_of_squares_float(x.data(), n) ==
            reference_optimizers.sum_of_squares_float(x.data(), n));
      CHECK(tables.sum_of_squares_double(y.data(), n) ==
            reference_optimizers.sum_of_squares_double(y.data(), n));
      for (std::int64_t i = 0; i < n; ++i) {
        auto bad = x;
        bad[std::size_t(i)] = std::numeric_limits<float>::quiet_NaN();
        CHECK(std::isnan(tables.sum_of_squares_float(bad.data(), n)));
      }
    }
    const std::vector<float> large(40, 1e30F);
    CHECK(tables.sum_of_squares_float(large.data(), 40) == doctest::Approx(40e60).epsilon(1e-6));
  });
}
