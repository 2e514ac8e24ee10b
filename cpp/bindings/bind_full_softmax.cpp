#include <pybind11/stl.h>

#include "layer_view.hpp"
#include "manyclass/full_softmax.hpp"
#include "manyclass/label_ranks.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace {

// A new table of the shape and the shards of `table`, and the view of it.
template <class T>
struct NewTable {
  py::list arrays;
  RowsView<T> view;
};

template <class T>
NewTable<T> table_like(const RowsView<const T>& table, bool is_vector, const Name& name) {
  NewTable<T> result;
  std::vector<MatrixView<T>> shards;
  for (std::int64_t p = 0; p < table.num_shards(); ++p) {
    const std::int64_t rows = table.shard(p).rows;
    auto array = is_vector ? new_array<T>({rows}) : new_array<T>({rows, table.dim()});
    shards.push_back({array.mutable_data(), rows, table.dim(), table.dim()});
    result.arrays.append(std::move(array));
  }
  result.view = RowsView<T>(std::move(shards), table.strategy(), name);
  return result;
}

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

template <class T>
py::tuple full_loss_and_grad_of(const LayerArrays& arrays, const Targets& targets,
                                const py::array& inputs, int num_threads,
                                const std::optional<py::array>& grad_loss) {
  const auto layer = read_layer<T>(arrays);
  const auto examples = read_examples<T>(targets, inputs);
  const auto upstream = read_grad_loss<T>(grad_loss);
  check_examples(layer, examples);
  auto loss = new_array<T>({examples.inputs.rows});
  auto grad_inputs = new_array<T>({examples.inputs.rows, examples.inputs.cols});
  const auto weights = table_like<T>(layer.weights, false, "weights");
  const auto biases = table_like<T>(layer.biases, true, "biases");
  const VectorView<T> out{loss.mutable_data(), loss.size()};
  const DenseGradients<T> gradients{weights.view, biases.view, matrix_of(grad_inputs)};
  {
    const py::gil_scoped_release release;
    full_softmax_loss_and_grad(layer, examples, upstream, num_threads, out, gradients);
  }
  return py::make_tuple(loss, weights.arrays, biases.arrays, grad_inputs);
}

template <class T>
py::array ranks_of(const LayerArrays& arrays, const Targets& targets, const py::array& inputs,
                   int num_threads) {
  const auto layer = read_layer<T>(arrays);
  const auto examples = read_examples<T>(targets, inputs);
  const MatrixView<const std::int64_t> ids = examples.labels.ids();
  auto ranks = examples.labels.is_ragged() ? new_array<std::int64_t>({ids.rows})
                                           : new_array<std::int64_t>({ids.rows, ids.cols});
  const VectorView<std::int64_t> out{ranks.mutable_data(), ranks.size()};
  const py::gil_scoped_release release;
  label_ranks(layer, examples, num_threads, out);
  return ranks;
}

}  // namespace

void bind_full_softmax(py::module_& module) {
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
  module.def(
      "full_softmax_loss_and_grad",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         std::string partition_strategy, int num_threads,
         const std::optional<py::array>& grad_loss) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        return with_float_type(inputs, "inputs", [&]<class T>() {
          return full_loss_and_grad_of<T>(layer, targets, inputs, num_threads, grad_loss);
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("partition_strategy"), py::arg("num_threads"), py::arg("grad_loss"));
  module.def(
      "label_ranks",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         std::string partition_strategy, int num_threads) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        return with_float_type(inputs, "inputs", [&]<class T>() {
          return ranks_of<T>(layer, targets, inputs, num_threads);
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("partition_strategy"), py::arg("num_threads"));
}

}  // namespace manyclass::bindings
