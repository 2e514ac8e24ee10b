#include <pybind11/stl.h>

#include "layer_view.hpp"
#include "manyclass/top_k.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace {

template <class T, class W>
py::tuple top_k_of(const LayerArrays& arrays, const py::array& inputs, std::int64_t k,
                   const std::optional<Excluded>& excluded, bool log_probabilities, int num_threads,
                   ComputeDtype computed_in) {
  const auto layer = read_layer<T, W>(arrays);
  const auto examples = read_matrix<T>(inputs, "inputs", "shape [batch, dim]");
  const LabelsView left_out = read_excluded(excluded);
  check_inputs(layer, examples);
  check_k(layer, k);
  auto values = new_array<T>({examples.rows, k});
  auto indices = new_array<std::int64_t>({examples.rows, k});
  auto log_values = new_array<T>({log_probabilities ? examples.rows : 0, k});
  TopK<T> result{matrix_of(values), matrix_of(indices)};
  if (log_probabilities) result.log_probabilities = matrix_of(log_values);
  {
    const py::gil_scoped_release release;
    top_k(layer, examples, left_out, num_threads, result, computed_in);
  }
  return py::make_tuple(log_probabilities ? log_values : values, indices);
}

}  // namespace

void bind_top_k(py::module_& module) {
  module.def(
      "top_k",
      [](py::object weights, py::object biases, const py::array& inputs, std::int64_t k,
         const std::optional<Excluded>& excluded, bool log_probabilities,
         std::string partition_strategy, int num_threads,
         const std::optional<std::string>& computed_in) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        return with_layer_types(layer, inputs, [&]<class T, class W>() {
          return top_k_of<T, W>(layer, inputs, k, excluded, log_probabilities, num_threads,
                                compute_dtype(computed_in));
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("inputs"), py::arg("k"), py::arg("excluded"),
      py::arg("log_probabilities"), py::arg("partition_strategy"), py::arg("num_threads"),
      py::arg("compute_dtype") = py::none());
}

}  // namespace manyclass::bindings
