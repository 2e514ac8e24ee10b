// Optimizers that touch only the rows of a table that a gradient names.
#pragma once

#include <cstdint>
#include <span>

#include "manyclass/views.hpp"

namespace manyclass {

/// A table, or one shard of it, and the gradient of some of its rows: `indices` ascending, each
/// once; `values` has a row for each. `state` has the shape of the variable where an optimizer
/// keeps one number for each of its elements, and is empty otherwise.
template <class T>
struct RowUpdate {
  MatrixView<T> variable;
  MatrixView<T> state;
  VectorView<const std::int64_t> indices;
  MatrixView<const T> values;
};

/// w -= learning_rate * g, for all updates, in parallel.
///
/// `num_threads` 0 means get_num_threads(). Throws std::invalid_argument, before anything is
/// written, if shapes disagree or indices are out of range, repeated or out of order.
template <class T>
void sgd_apply(std::span<const RowUpdate<T>> updates, double learning_rate, int num_threads);

/// a += g^2; w -= learning_rate * g / (sqrt(initial + a) + epsilon), with a = `state`, which
/// starts at zero: Adagrad (Duchi, Hazan and Singer 2011) whose accumulator starts at `initial`.
template <class T>
void adagrad_apply(std::span<const RowUpdate<T>> updates, double learning_rate, double initial,
                   double epsilon, int num_threads);

}  // namespace manyclass
