// The arguments that every loss takes, as the core's structures.
#pragma once

#include <pybind11/stl.h>

#include <optional>
#include <string>
#include <tuple>

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

inline ComputeDtype compute_dtype(const std::optional<std::string>& name) {
  if (!name) return ComputeDtype::of_arrays;
  if (*name == "bfloat16") return ComputeDtype::bfloat16;
  throw py::value_error("compute_dtype is \"" + *name + "\"; it must be None or \"bfloat16\"");
}

template <class T>
const char* dtype_of_inputs() {
  return std::same_as<T, float> ? "float32 or float64, and that of inputs, float32"
                                : "float32 or float64, and that of inputs, float64";
}

template <class W>
MatrixView<const W> read_weights(const py::array& shard, const Name& name) {
  const char* wanted = "bfloat16, that of weights[0]";
  if constexpr (!std::same_as<W, Bfloat16>) wanted = dtype_of_inputs<W>();
  return read_matrix<W>(shard, name, "shape [num_classes, dim]", wanted);
}
template <class T>
MatrixView<const T> read_biases(const py::array& shard, const Name& name) {
  return read_column<T>(shard, name, dtype_of_inputs<T>());
}

template <class T, class W = T>
OutputLayer<T, W> read_layer(const LayerArrays& arrays) {
  const PartitionStrategy strategy = partition_strategy(arrays.partition_strategy);
  return {read_table<const W>(arrays.weights, strategy, "weights", read_weights<W>),
          read_table<const T>(arrays.biases, strategy, "biases", read_biases<T>)};
}

/// For functions that take rows of bfloat16: calls `call.template operator()<T, W>()` with the
/// float type of inputs and the type of weights, that of its first shard.
template <class Call>
auto with_layer_types(const LayerArrays& arrays, const py::array& inputs, Call call) {
  const bool is_list = py::isinstance<py::list>(arrays.weights);
  const bool is_empty = is_list && py::len(arrays.weights) == 0;
  const Name name = is_list ? "weights[0]" : "weights";
  return with_float_type(inputs, "inputs", [&]<class T>() {
    if (is_empty) return call.template operator()<T, T>();
    const auto first = (is_list ? py::object(arrays.weights[py::int_(0)]) : arrays.weights)
                           .template cast<py::array>();
    if constexpr (std::same_as<T, float>) {
      if (has_dtype<Bfloat16>(first)) return call.template operator()<float, Bfloat16>();
      check_dtype<float>(first, name,
                         "float32 or float64, and that of inputs, float32, or bfloat16");
    } else {
      check_dtype<double>(first, name,
                          "float32 or float64, and that of inputs, float64, or bfloat16 beside "
                          "inputs of float32");
    }
    return call.template operator()<T, T>();
  });
}

/// labels (an array [batch, num_true]; for ragged ones values [size]), row_splits (None if there
/// are none), label_weights of the shape of labels or None, and label_smoothing.
using Targets = std::tuple<py::array, std::optional<py::array>, std::optional<py::array>, double>;

/// An array [batch, num_true], or values [size] with row_splits. Messages call it `argument`.
inline LabelsView read_labels(const py::array& ids, const std::optional<py::array>& row_splits,
                              const Name& argument, const char* shape) {
  if (!row_splits) return read_matrix<std::int64_t>(ids, argument, shape);
  return {read_vector<std::int64_t>(ids, argument + ".values"),
          read_vector<std::int64_t>(*row_splits, argument + ".row_splits"), argument};
}

/// Classes [batch, m]; for ragged ones values [size], and row_splits.
using Excluded = std::tuple<py::array, std::optional<py::array>>;

/// None excludes nothing.
inline LabelsView read_excluded(const std::optional<Excluded>& excluded) {
  if (!excluded) return {};
  return read_labels(std::get<0>(*excluded), std::get<1>(*excluded), "excluded",
                     "shape [batch, number of excluded classes]");
}

template <class T>
Examples<T> read_examples(const Targets& targets, const py::array& inputs) {
  const auto& [labels, row_splits, weights, smoothing] = targets;
  Examples<T> examples;
  examples.labels = read_labels(labels, row_splits, "labels", "shape [batch, num_true]");
  if (weights) {
    examples.label_weights =
        row_splits ? read_column<T>(*weights, "label_weights")
                   : read_matrix<T>(*weights, "label_weights", "shape [batch, num_true]");
  }
  examples.inputs = read_matrix<T>(inputs, "inputs", "shape [batch, dim]");
  examples.label_smoothing = smoothing;
  return examples;
}

/// None is a gradient of ones.
template <class T>
VectorView<const T> read_grad_loss(const std::optional<py::array>& grad_loss) {
  return grad_loss ? read_vector<T>(*grad_loss, "grad_loss") : VectorView<const T>{};
}

}  // namespace manyclass::bindings
