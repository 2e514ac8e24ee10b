// The kernels of row optimizers on rows that lie beside forbidden pages, and on rows with NaN.
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

#include "guarded_array.hpp"
#include "kernel_testing.hpp"

using namespace manyclass;
using namespace manyclass::kernels;

namespace {

template <class T>
const OptimizerTable<T>& optimizers_of(const OptimizerTables& tables) {
  if constexpr (std::is_same_v<T, float>) return tables.of_float;
  if constexpr (std::is_same_v<T, double>) return tables.of_double;
  if constexpr (std::is_same_v<T, Bfloat16>) return tables.of_bfloat16;
}

// A rule and the sizes of a row's state, where -1 stands for the row's own.
template <class T>
struct Rule {
  typename OptimizerTable<T>::UpdateRow OptimizerTable<T>::* update;
  std::array<std::int64_t, 3> state_sizes;
  bool is_elementwise = true;
};

template <class T>
constexpr Rule<T> rules[] = {{&OptimizerTable<T>::sgd, {0, 0, 0}},
                             {&OptimizerTable<T>::momentum, {-1, 0, 0}},
                             {&OptimizerTable<T>::nesterov, {-1, 0, 0}},
                             {&OptimizerTable<T>::adagrad, {-1, 0, 0}},
                             {&OptimizerTable<T>::rowwise_adagrad, {1, 0, 0}, false},
                             {&OptimizerTable<T>::adam, {-1, -1, 1}}};

template <class V>
constexpr StepConstants<V> step{V(0.1),   V(0.5),       V(0.25),     V(0.75), V(0.5),
                                V(1e-6),  V(0.9),       V(0.99),     V(0.1),  V(0.01),
                                V(0.975), -0.105360516, -0.010050336};

template <class T>
std::vector<T> row_of(std::int64_t n) {
  const auto values = reals<float>(std::size_t(n), -1, 1, 1);
  std::vector<T> row(values.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    if constexpr (std::is_same_v<T, Bfloat16>) {
      row[i].bits = static_cast<std::uint16_t>(0x3f00U + i);  // from 0.5 upwards
    } else {
      row[i] = values[i];
    }
  }
  return row;
}

// A row as kernels take it; bfloat16 are rounded by some words.
template <class T>
UpdatedRow<T> updated_row(T* elements) {
  if constexpr (std::is_same_v<T, Bfloat16>) {
    return {elements, 1, 2, 3};
  } else {
    return elements;
  }
}

template <class T>
bool same_bytes(const std::vector<T>& x, const std::vector<T>& y) {
  return x.size() == y.size() &&
         (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(T)) == 0);
}

template <class T, class Check>
void on_every_rule(Check check) {
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    for (const Rule<T>& rule : rules<T>) {
      check(optimizers_of<T>(*target.optimizers).*rule.update, rule);
    }
  }
}

}  // namespace

TEST_CASE_TEMPLATE("optimizers: rows of every size beside forbidden memory", T, float, double,
                   Bfloat16) {
  using V = ComputeType<T>;
  on_every_rule<T>([](auto update, const Rule<T>& rule) {
    for (std::int64_t n = 1; n <= 70; ++n) {
      const auto gradient = reals<V>(std::size_t(n), -2, 2, 2);
      std::vector<T> row = row_of<T>(n);
      std::array<std::vector<V>, 3> state;
      for (std::size_t s = 0; s < 3; ++s) {
        const std::int64_t size = rule.state_sizes[s];
        state[s] = reals<V>(std::size_t(size < 0 ? n : size), 1, 2, unsigned(s));
      }
      for (const Guard guard : {Guard::before, Guard::behind}) {
        GuardedArray<V> g(gradient, guard);
        GuardedArray<T> w(row, guard);
        GuardedArray<V> first(state[0], guard), second(state[1], guard), third(state[2], guard);
        V* const guarded[] = {first.data(), second.data(), third.data()};
        update(step<V>, g.data(), updated_row(w.data()), guarded, n);
        auto expected = row;
        auto states = state;
        V* const plain[] = {states[0].data(), states[1].data(), states[2].data()};
        update(step<V>, gradient.data(), updated_row(expected.data()), plain, n);
        REQUIRE(same_bytes(w.values(), expected));
        REQUIRE(same_bytes(first.values(), states[0]));
        REQUIRE(same_bytes(second.values(), states[1]));
        REQUIRE(same_bytes(third.values(), states[2]));
        REQUIRE(same_bytes(g.values(), gradient));
      }
    }
  });
}

TEST_CASE_TEMPLATE("optimizers: NaN and infinities of a gradient stay in their element", T, float,
                   double) {
  on_every_rule<T>([](auto update, const Rule<T>& rule) {
    if (!rule.is_elementwise) return;
    for (const T special : {std::numeric_limits<T>::quiet_NaN(), std::numeric_limits<T>::infinity(),
                            -std::numeric_limits<T>::infinity()}) {
      for (const std::size_t place : {0U, 3U, 16U, 36U}) {
        constexpr std::int64_t n = 37;
        const auto run = [&](bool with_special) {
          auto gradient = reals<T>(n, -2, 2, 2);
          if (with_special) gradient[place] = special;
          std::vector<T> row = row_of<T>(n);
          std::array<std::vector<T>, 3> state;
          for (std::size_t s = 0; s < 3; ++s) state[s] = reals<T>(n, 1, 2, unsigned(s));
          T* const states[] = {state[0].data(), state[1].data(), state[2].data()};
          update(step<T>, gradient.data(), row.data(), states, n);
          return row;
        };
        auto result = run(true);
        const auto expected = run(false);
        CHECK(!std::isfinite(result[place]));
        result[place] = expected[place];
        CHECK(same_bytes(result, expected));
      }
    }
  });
}

TEST_CASE_TEMPLATE("sum_of_squares of every size beside forbidden memory", T, float, double) {
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    for (std::int64_t n = 0; n <= 70; ++n) {
      const auto x = integers<T>(std::size_t(n), 1);
      double expected = 0;
      for (const T value : x) expected += double{value} * double{value};
      for (const Guard guard : {Guard::before, Guard::behind}) {
        GuardedArray<T> guarded(x, guard);
        if constexpr (std::is_same_v<T, float>) {
          REQUIRE(target.optimizers->sum_of_squares_float(guarded.data(), n) == expected);
        } else {
          REQUIRE(target.optimizers->sum_of_squares_double(guarded.data(), n) == expected);
        }
      }
    }
  }
}
