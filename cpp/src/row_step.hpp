// One step of a row rule, ready to be taken by row after row.
#pragma once

#include <cstdint>

#include "kernels/optimizer_kernels.hpp"
#include "manyclass/row_rule.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// A rule with this step's learning rate and factor for gradients, in the arithmetic of rows of
/// type T. Several threads may share it.
template <class T>
class RowStep {
 public:
  using Value = ComputeType<T>;

  RowStep(const RowRule& rule, double learning_rate, double gradient_scale);

  /// Updates a row of n > 0 elements; `state[s]` is its row of the rule's state table s.
  void update(const Value* gradient, kernels::UpdatedRow<T> row, Value* const* state,
              std::int64_t n) const {
    update_row_(constants_, gradient, row, state, n);
  }

 private:
  kernels::StepConstants<Value> constants_{};
  typename kernels::OptimizerTable<T>::UpdateRow update_row_;
};

/// Has the processor fetch a row that is to be updated soon: rows of a large table are far apart,
/// and each would be waited for. Inlined by force, as whatever does nothing else must be: GCC
/// drops the call of a function without a visible effect.
template <class T>
[[gnu::always_inline]] inline void prefetch_row(const MatrixView<T>& table, std::int64_t row) {
  constexpr std::int64_t line = 64;
  const auto* bytes = reinterpret_cast<const char*>(table.row(row));
  const std::int64_t size = table.cols * static_cast<std::int64_t>(sizeof(T));
  for (std::int64_t b = 0; b < size; b += line) __builtin_prefetch(bytes + b, 1);
}

}  // namespace manyclass
