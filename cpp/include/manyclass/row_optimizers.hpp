// Optimizers that touch only the rows of a table that a gradient names.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>

#include "manyclass/bfloat16.hpp"
#include "manyclass/random.hpp"
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
/// A bfloat16 variable is updated in float32 and rounded stochastically: to one of the two
/// neighbours, the nearer the likelier, so that the mean over all random words is the float32
/// result, and changes far below a bfloat16's last place add up. What a bfloat16 can hold stays
/// exact, NaN and infinity stay what they are; beyond the largest bfloat16 the neighbour farther
/// from zero is infinity. The words are a function of their place alone. `rounding` is that
/// of the step, one that no other step has: the optimizer's seed and its number of steps. Its
/// block's first two words are the key of a stream for the step; element i of row r of updates[v]
/// takes piece i % 8, of 16 bits, of the block whose counter has v << 32 | i / 8 in its lower half
/// and r in its upper.
///
/// `num_threads` 0 means get_num_threads(). Throws std::invalid_argument, before anything is
/// written, if shapes disagree, indices are out of range, repeated or out of order, numbers are
/// out of their range, or a variable is bfloat16 and there is no `rounding`.
void apply_row_updates(const RowRule& rule, std::span<const AnyRowUpdate> updates,
                       double learning_rate, std::optional<double> clip_norm, int num_threads,
                       const std::optional<PhiloxStream>& rounding = std::nullopt);

}  // namespace manyclass
