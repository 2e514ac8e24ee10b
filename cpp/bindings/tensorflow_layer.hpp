// The inputs that every loss takes, and outputs of their shapes.
#pragma once

#include "manyclass/sampled_loss.hpp"
#include "tensorflow_kernel.hpp"

namespace manyclass::bindings::tensorflow {

/// Calls `call.template operator()<T>()` with the float type of an input.
template <class Call>
void with_float_type(Run& run, int index, Call call) {
  if (run.is_float64(index)) {
    call.template operator()<double>();
  } else {
    call.template operator()<float>();
  }
}

template <class T>
MatrixView<const T> read_inputs(Run& run, int index) {
  return matrix_of<T>(run.input(index), "inputs", "shape [batch, dim]");
}

/// Weights are the input `first`, biases the next.
template <class T>
OutputLayer<T> read_layer(Run& run, int first) {
  return {RowsView<const T>(matrix_of<T>(run.input(first), "weights", "shape [num_classes, dim]")),
          RowsView<const T>(column_of<T>(run.input(first + 1), "biases"))};
}

template <class T>
Examples<T> read_examples(Run& run, int inputs, int labels, double label_smoothing) {
  Examples<T> examples;
  examples.labels = matrix_of<std::int64_t>(run.input(labels), "labels", "shape [batch, num_true]");
  examples.inputs = read_inputs<T>(run, inputs);
  examples.label_smoothing = label_smoothing;
  return examples;
}

template <class T>
MatrixView<T> output_like(Run& run, int index, MatrixView<const T> matrix) {
  return {run.output<T>(index, {matrix.rows, matrix.cols}), matrix.rows, matrix.cols, matrix.cols};
}

}  // namespace manyclass::bindings::tensorflow
