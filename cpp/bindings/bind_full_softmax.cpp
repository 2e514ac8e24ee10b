#include <pybind11/stl.h>

#include "layer_view.hpp"
#include "manyclass/full_softmax.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace {

template <class T, class W>
py::array full_loss_of(const LayerArrays& arrays, const Targets& targets, const py::array& inputs,
                       int num_threads, ComputeDtype computed_in) {
  const auto layer = read_layer<T, W>(arrays);
  const auto examples = read_examples<T>(targets, inputs);
  auto loss = new_array<T>({examples.inputs.rows});
  const VectorView<T> out{loss.mutable_data(), loss.size()};
  const py::gil_scoped_release release;
  full_softmax_loss(layer, examples, num_threads, out, computed_in);
  return loss;
}

}  // namespace

void bind_full_softmax(py::module_& module) {
  module.def(
      "check_full_softmax",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         std::string partition_strategy, const std::optional<std::string>& computed_in) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        with_layer_types(layer, inputs, [&]<class T, class W>() {
          check_full_softmax(read_layer<T, W>(layer), read_examples<T>(targets, inputs), {},
                             compute_dtype(computed_in));
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("partition_strategy"), py::arg("compute_dtype") = py::none());
  module.def(
      "full_softmax_loss",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         std::string partition_strategy, int num_threads,
         const std::optional<std::string>& computed_in) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        return with_layer_types(layer, inputs, [&]<class T, class W>() {
          return full_loss_of<T, W>(layer, targets, inputs, num_threads,
                                    compute_dtype(computed_in));
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("partition_strategy"), py::arg("num_threads"), py::arg("compute_dtype") = py::none());
}

}  // namespace manyclass::bindings
