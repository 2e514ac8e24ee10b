// The arguments that every loss takes, as the core's structures.
#pragma once

#include <optional>
#include <string>

#include "numpy_view.hpp"

namespace manyclass::bindings {

/// weights and biases: each an array or a list of shards.
struct LayerArrays {
  py::object weights;
  py::object biases;
  std::string partition_strategy;
};

inline PartitionStrategy partition_strategy(const std::string& name) {
  if (name == "div") return PartitionStrategy::div;
  if (name == "mod") return PartitionStrategy::mod;
  throw py::value_error("partition_strategy is \"" + name + "\"; it must be \"div\" or \"mod\"");
}

template <class T>
const char* dtype_of_inputs() {
  return std::same_as<T, float> ? "float32 or float64, and that of inputs, float32"
                                : "float32 or float64, and that of inputs, float64";
}

template <class T>
MatrixView<const T> read_weights(const py::array& shard, const Name& name) {
  return read_matrix<T>(shard, name, "shape [num_classes, dim]", dtype_of_inputs<T>());
}
template <class T>
MatrixView<const T> read_biases(const py::array& shard, const Name& name) {
  return read_column<T>(shard, name, dtype_of_inputs<T>());
}

template <class T>
OutputLayer<T> read_layer(const LayerArrays& arrays) {
  const PartitionStrategy strategy = partition_strategy(arrays.partition_strategy);
  return {read_table<const T>(arrays.weights, strategy, "weights", read_weights<T>),
          read_table<const T>(arrays.biases, strategy, "biases", read_biases<T>)};
}

template <class T>
Examples<T> read_examples(const py::array& labels, const py::array& inputs) {
  return {read_matrix<std::int64_t>(labels, "labels", "shape [batch, num_true]"),
          read_matrix<T>(inputs, "inputs", "shape [batch, dim]")};
}

/// None is a gradient of ones.
template <class T>
VectorView<const T> read_grad_loss(const std::optional<py::array>& grad_loss) {
  return grad_loss ? read_vector<T>(*grad_loss, "grad_loss") : VectorView<const T>{};
}

}  // namespace manyclass::bindings
