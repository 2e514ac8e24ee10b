// Optimizers that touch only the rows of a table that a gradient names.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "manyclass/bfloat16.hpp"
#include "manyclass/row_rule.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// A table, or one shard of it, and the gradient of some of its rows: `indices` ascending, each
/// once; `values` has a row for each. `state` has what the rule's `state_tables` ask for: the shape
/// of the variable, or one column; all zero before the first step.
template <class T>
struct RowUpdate {
  MatrixView<T> variable;
  std::array<MatrixView<ComputeType<T>>, most_state_tables> state{};
  VectorView<const std::int64_t> indices;
  MatrixView<const ComputeType<T>> values;
  std::string place{};  // what messages say before "variable", "indices" or "values"
};

using AnyRowUpdate = std::variant<RowUpdate<float>, RowUpdate<double>, RowUpdate<Bfloat16>>;

/// Throws std::invalid_argument unless `learning_rate` is finite and not negative.
void check_learning_rate(double learning_rate);

/// Throws std::invalid_argument unless `clip_norm` is finite and above zero.
void check_clip_norm(double clip_norm);

/// One step of a rule, for all updates, one after another, each in parallel.
///
/// With `clip_norm`, all gradients are multiplied by min(1, clip_norm / norm), where norm is the
/// Euclidean norm of all of them together; one that is not finite is refused. Without it they are
/// not looked at: a NaN stays with its element (with its row, for RowwiseAdagrad).
///
/// `num_threads` 0 means get_num_threads(). Throws std::invalid_argument, before anything is
/// written, if shapes disagree, indices are out of range, repeated or out of order, or numbers are
/// out of their range.
void apply_row_updates(const RowRule& rule, std::span<const AnyRowUpdate> updates,
                       double learning_rate, std::optional<double> clip_norm, int num_threads);

}  // namespace manyclass
