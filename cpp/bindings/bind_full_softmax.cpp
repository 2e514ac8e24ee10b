#include <pybind11/stl.h>

#include "layer_view.hpp"
#include "manyclass/full_softmax.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace {

template <class T>
py::array full_loss_of(const LayerArrays& arrays, const Targets& targets, const py::array& inputs,
                       int num_threads) {
  const auto layer = read_layer<T>(arrays);
  const auto examples = read_examples<T>(targets, inputs);
  auto loss = new_array<T>({examples.inputs.rows});
  const VectorView<T> out{loss.mutable_data(), loss.size()};
  const py::gil_scoped_release release;
  full_softmax_loss(layer, examples, num_threads, out);
  return loss;
}

}  // namespace

void bind_full_softmax(py::module_& module) {
  module.def(
      "check_full_softmax",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         std::string partition_strategy) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        with_float_type(inputs, "inputs", [&]<class T>() {
          check_full_softmax(read_layer<T>(layer), read_examples<T>(targets, inputs));
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("partition_strategy"));
  module.def(
      "full_softmax_loss",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         std::string partition_strategy, int num_threads) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        return with_float_type(inputs, "inputs", [&]<class T>() {
          return full_loss_of<T>(layer, targets, inputs, num_threads);
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("partition_strategy"), py::arg("num_threads"));
}

}  // namespace manyclass::bindings
