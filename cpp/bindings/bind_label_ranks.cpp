#include "layer_view.hpp"
#include "manyclass/label_ranks.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace {

// Of the shape of labels.
py::array_t<std::int64_t> new_ranks(const LabelsView& labels) {
  const MatrixView<const std::int64_t> ids = labels.ids();
  return labels.is_ragged() ? new_array<std::int64_t>({ids.rows})
                            : new_array<std::int64_t>({ids.rows, ids.cols});
}

template <class T, class W>
py::array ranks_of(const LayerArrays& arrays, const Targets& targets, const py::array& inputs,
                   int num_threads, ComputeDtype computed_in) {
  const auto layer = read_layer<T, W>(arrays);
  const auto examples = read_examples<T>(targets, inputs);
  auto ranks = new_ranks(examples.labels);
  const VectorView<std::int64_t> out{ranks.mutable_data(), ranks.size()};
  const py::gil_scoped_release release;
  label_ranks(layer, examples, num_threads, out, computed_in);
  return ranks;
}

template <class T, class W>
py::tuple loss_and_ranks_of(const LayerArrays& arrays, const Targets& targets,
                            const py::array& inputs, int num_threads, ComputeDtype computed_in) {
  const auto layer = read_layer<T, W>(arrays);
  const auto examples = read_examples<T>(targets, inputs);
  auto loss = new_array<T>({examples.inputs.rows});
  auto ranks = new_ranks(examples.labels);
  const VectorView<T> loss_out{loss.mutable_data(), loss.size()};
  const VectorView<std::int64_t> ranks_out{ranks.mutable_data(), ranks.size()};
  {
    const py::gil_scoped_release release;
    full_softmax_loss_and_ranks(layer, examples, num_threads, loss_out, ranks_out, computed_in);
  }
  return py::make_tuple(loss, ranks);
}

}  // namespace

void bind_label_ranks(py::module_& module) {
  module.def(
      "label_ranks",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         std::string partition_strategy, int num_threads,
         const std::optional<std::string>& computed_in) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        return with_layer_types(layer, inputs, [&]<class T, class W>() {
          return ranks_of<T, W>(layer, targets, inputs, num_threads, compute_dtype(computed_in));
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("partition_strategy"), py::arg("num_threads"), py::arg("compute_dtype") = py::none());
  module.def(
      "full_softmax_loss_and_ranks",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         std::string partition_strategy, int num_threads,
         const std::optional<std::string>& computed_in) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        return with_layer_types(layer, inputs, [&]<class T, class W>() {
          return loss_and_ranks_of<T, W>(layer, targets, inputs, num_threads,
                                         compute_dtype(computed_in));
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("partition_strategy"), py::arg("num_threads"), py::arg("compute_dtype") = py::none());
}

}  // namespace manyclass::bindings
