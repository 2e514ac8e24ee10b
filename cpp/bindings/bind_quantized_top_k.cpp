#include <pybind11/stl.h>

#include "layer_view.hpp"
#include "manyclass/quantized_top_k.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace {

/// weights, biases and partition_strategy.
using Layer = std::tuple<py::object, py::object, std::string>;

constexpr const char* wanted = "float32, of which quantised copies are made";

OutputLayer<float> read_float_layer(const Layer& arrays) {
  const PartitionStrategy strategy = partition_strategy(std::get<2>(arrays));
  const auto weights = [](const py::array& shard, const Name& name) {
    return read_matrix<float>(shard, name, "shape [num_classes, dim]", wanted);
  };
  const auto biases = [](const py::array& shard, const Name& name) {
    return read_column<float>(shard, name, wanted);
  };
  return {read_table<const float>(std::get<0>(arrays), strategy, "weights", weights),
          read_table<const float>(std::get<1>(arrays), strategy, "biases", biases)};
}

std::unique_ptr<QuantizedRows> quantized_copy(const Layer& arrays, int num_threads) {
  const auto layer = read_float_layer(arrays);
  check_inputs(layer, {nullptr, 0, layer.weights.dim(), layer.weights.dim()});
  const py::gil_scoped_release release;
  return std::make_unique<QuantizedRows>(layer.weights, num_threads);
}

void update(QuantizedRows& quantized, const Layer& arrays, const std::optional<py::array>& ids,
            int num_threads) {
  const auto layer = read_float_layer(arrays);
  const auto classes =
      ids ? read_vector<std::int64_t>(*ids, "ids") : VectorView<const std::int64_t>{};
  const py::gil_scoped_release release;
  if (ids) {
    quantized.update(layer.weights, classes, num_threads);
  } else {
    quantized.update(layer.weights, num_threads);
  }
}

py::tuple best_of(const QuantizedRows& quantized, const Layer& arrays, const py::array& inputs,
                  std::int64_t k, const std::optional<std::int64_t>& num_reranked,
                  const std::optional<Excluded>& excluded, int num_threads) {
  const auto layer = read_float_layer(arrays);
  const auto examples = read_matrix<float>(inputs, "inputs", "shape [batch, dim]");
  const LabelsView left_out = read_excluded(excluded);
  check_inputs(layer, examples);
  check_k(layer, k);
  auto values = new_array<float>({examples.rows, k});
  auto indices = new_array<std::int64_t>({examples.rows, k});
  const TopK<float> result{matrix_of(values), matrix_of(indices)};
  {
    const py::gil_scoped_release release;
    quantized_top_k(layer, quantized, examples,
                    num_reranked.value_or(default_num_reranked(k, layer.weights.num_rows())),
                    left_out, num_threads, result);
  }
  return py::make_tuple(values, indices);
}

}  // namespace

void bind_quantized_top_k(py::module_& module) {
  py::class_<QuantizedRows>(module, "QuantizedRows")
      .def(py::init(&quantized_copy), py::arg("layer"), py::arg("num_threads"))
      .def_property_readonly("num_rows", &QuantizedRows::num_rows)
      .def_property_readonly("dim", &QuantizedRows::dim)
      .def_property_readonly("nbytes", &QuantizedRows::bytes)
      .def("update", &update, py::arg("layer"), py::arg("ids"), py::arg("num_threads"))
      .def("top_k", &best_of, py::arg("layer"), py::arg("inputs"), py::arg("k"),
           py::arg("num_reranked"), py::arg("excluded"), py::arg("num_threads"));
}

}  // namespace manyclass::bindings
