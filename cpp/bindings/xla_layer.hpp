// The arguments that every loss takes, and results of their shapes.
#pragma once

#include "manyclass/sampled_loss.hpp"
#include "xla_call.hpp"

namespace manyclass::bindings::xla {

/// Calls `call.template operator()<T>()` with the float type of the next argument.
template <class Compute>
void with_float_type(Call& call, Compute compute) {
  if (call.is_float64()) {
    compute.template operator()<double>();
  } else {
    compute.template operator()<float>();
  }
}

/// Weights and, with the flag has_biases, biases; else one zero stands for all of them.
template <class T>
OutputLayer<T> read_layer(Call& call) {
  static constexpr T zero{};
  const auto weights =
      matrix_of<T>(call.argument<T>("weights"), "weights", "shape [num_classes, dim]");
  const MatrixView<const T> no_biases{&zero, weights.rows, 1, 0};
  const auto biases =
      call.flag("has_biases") ? column_of<T>(call.argument<T>("biases"), "biases") : no_biases;
  return {RowsView<const T>(weights), RowsView<const T>(biases)};
}

/// Labels, and their splits if has_row_splits.
inline LabelsView read_labels(Call& call) {
  if (!call.flag("has_row_splits")) {
    return matrix_of<std::int64_t>(call.ids("labels"), "labels", "shape [batch, num_true]");
  }
  const auto values = vector_of<std::int64_t>(call.ids("labels.values"), "labels.values");
  const char* const splits = "labels.row_splits";
  return {values, vector_of<std::int64_t>(call.ids(splits), splits)};
}

/// Inputs, labels and, if has_label_weights, their weights.
template <class T>
Examples<T> read_examples(Call& call) {
  Examples<T> examples;
  examples.inputs = matrix_of<T>(call.argument<T>("inputs"), "inputs", "shape [batch, dim]");
  examples.labels = read_labels(call);
  if (call.flag("has_label_weights")) {
    const DenseArray weights = call.argument<T>("label_weights");
    examples.label_weights = examples.labels.is_ragged() ? column_of<T>(weights, "label_weights")
                                                         : matrix_of<T>(weights, "label_weights",
                                                                        "shape [batch, num_true]");
  }
  examples.label_smoothing = call.number("label_smoothing");
  return examples;
}

template <class T>
VectorView<const T> read_grad_loss(Call& call) {
  return vector_of<T>(call.argument<T>("grad_loss"), "grad_loss");
}

template <class T>
VectorView<T> result_vector(Call& call, std::int64_t index, std::int64_t size) {
  return {call.result<T>(index, {size}), size};
}

template <class T>
MatrixView<T> result_like(Call& call, std::int64_t index, MatrixView<const T> matrix) {
  return {call.result<T>(index, {matrix.rows, matrix.cols}), matrix.rows, matrix.cols, matrix.cols};
}

}  // namespace manyclass::bindings::xla
