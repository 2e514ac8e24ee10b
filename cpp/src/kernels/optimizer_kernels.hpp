// What row optimizers do to one row, as functions behind one table per instruction set and element
// type. The rules are those of manyclass/row_rule.hpp.
#pragma once

#include <cstdint>
#include <type_traits>

#include "manyclass/bfloat16.hpp"

namespace manyclass::kernels {

/// The numbers of one step, the same for every row; a rule reads those that it knows. T is the type
/// of the arithmetic.
template <class T>
struct StepConstants {
  T learning_rate;
  T gradient_scale;
  T weight_decay;  // added to the gradient
  T momentum;
  T initial;
  T epsilon;
  T beta_1;
  T beta_2;
  T gain_1;  // 1 - beta_1
  T gain_2;  // 1 - beta_2
  T keep;    // Adam's 1 - learning_rate weight_decay
  double log_beta_1;
  double log_beta_2;
};

/// A bfloat16 row, and where the random words lie that its float32 results are rounded by. To
/// element i, below the half that is kept, is added the 16-bit piece i % 8 of the block
/// `counter + i / 8` of Philox4x32-10, which must not carry; the rest is cut off. A NaN stays one.
struct RoundedRow {
  Bfloat16* elements;
  std::uint64_t key;
  std::uint64_t counter;
  std::uint64_t counter_high;
};

/// What a kernel is given to write elements of type T to.
template <class T>
using UpdatedRow = std::conditional_t<std::is_same_v<T, Bfloat16>, RoundedRow, T*>;

/// Elements of type T, updated in ComputeType<T>. `state[s]` is the row's part of state table s.
template <class T>
struct OptimizerTable {
  using Value = ComputeType<T>;
  using UpdateRow = void (*)(const StepConstants<Value>& step, const Value* gradient,
                             UpdatedRow<T> row, Value* const* state, std::int64_t n);

  UpdateRow sgd;
  UpdateRow momentum;
  UpdateRow nesterov;
  UpdateRow adagrad;
  UpdateRow rowwise_adagrad;  // n > 0
  UpdateRow adam;
};

struct OptimizerTables {
  OptimizerTable<float> of_float;
  OptimizerTable<double> of_double;
  OptimizerTable<Bfloat16> of_bfloat16;
  /// In double, so that no square of a finite float32 overflows.
  double (*sum_of_squares_float)(const float* x, std::int64_t n);
  double (*sum_of_squares_double)(const double* x, std::int64_t n);
};

/// The tables chosen for this process.
const OptimizerTables& optimizer_tables();

template <class T>
const OptimizerTable<T>& optimizer_table() {
  if constexpr (std::is_same_v<T, Bfloat16>) {
    return optimizer_tables().of_bfloat16;
  } else if constexpr (std::is_same_v<T, float>) {
    return optimizer_tables().of_float;
  } else {
    return optimizer_tables().of_double;
  }
}

}  // namespace manyclass::kernels
