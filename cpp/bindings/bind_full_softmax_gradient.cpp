#include <pybind11/stl.h>

#include <atomic>
#include <stdexcept>

#include "layer_view.hpp"
#include "manyclass/full_softmax_gradient.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace {

// Of weights, biases and inputs, each of the shape and the shards of what it belongs to.
using GradientArrays = std::tuple<py::object, py::object, py::array>;

// A new table of the shape and the shards of `table`.
template <class T>
py::object table_like(const RowsView<const T>& table, const py::object& like, bool is_vector) {
  py::list arrays;
  for (std::int64_t p = 0; p < table.num_shards(); ++p) {
    const std::int64_t rows = table.shard(p).rows;
    arrays.append(is_vector ? new_array<T>({rows}) : new_array<T>({rows, table.dim()}));
  }
  return py::isinstance<py::list>(like) ? py::object(std::move(arrays)) : py::object(arrays[0]);
}

template <class T>
DenseGradients<T> write_gradients(const GradientArrays& out, PartitionStrategy strategy) {
  const auto& [weights, biases, inputs] = out;
  const auto write_rows = [](const py::array& array, const Name& name) {
    return writable<T>(array, name, read_matrix<T>(array, name, "shape [num_classes, dim]"));
  };
  const auto write_column = [](const py::array& array, const Name& name) {
    return writable<T>(array, name, read_column<T>(array, name));
  };
  return {read_table<T>(weights, strategy, "out.weights", write_rows),
          read_table<T>(biases, strategy, "out.biases", write_column),
          writable<T>(inputs, "out.inputs",
                      read_matrix<T>(inputs, "out.inputs", "shape [batch, dim]"))};
}

template <class T>
py::tuple full_loss_and_grad_of(const LayerArrays& arrays, const Targets& targets,
                                const py::array& inputs, int num_threads,
                                const std::optional<py::array>& grad_loss,
                                const std::optional<GradientArrays>& out) {
  const auto layer = read_layer<T>(arrays);
  const auto examples = read_examples<T>(targets, inputs);
  const auto upstream = read_grad_loss<T>(grad_loss);
  check_full_softmax(layer, examples, upstream);
  auto loss = new_array<T>({examples.inputs.rows});
  const VectorView<T> loss_out{loss.mutable_data(), loss.size()};
  const GradientArrays result =
      out ? *out
          : GradientArrays(table_like<T>(layer.weights, arrays.weights, false),
                           table_like<T>(layer.biases, arrays.biases, true),
                           new_array<T>({examples.inputs.rows, examples.inputs.cols}));
  const auto gradients = write_gradients<T>(result, partition_strategy(arrays.partition_strategy));
  {
    const py::gil_scoped_release release;
    full_softmax_loss_and_grad(layer, examples, upstream, num_threads, loss_out, gradients);
  }
  return py::make_tuple(loss, std::get<0>(result), std::get<1>(result), std::get<2>(result));
}

// The core's object, and whatever keeps the arrays alive that it looks at.
template <class T>
class RowBlocks {
 public:
  RowBlocks(const LayerArrays& arrays, const Targets& targets, const py::array& inputs,
            int num_threads, const std::optional<py::array>& grad_loss)
      : kept_(py::make_tuple(arrays.weights, arrays.biases, targets, inputs, grad_loss)),
        layer_(read_layer<T>(arrays)) {
    const auto examples = read_examples<T>(targets, inputs);
    const auto upstream = read_grad_loss<T>(grad_loss);
    check_full_softmax(layer_, examples, upstream);
    loss_ = new_array<T>({examples.inputs.rows});
    grad_inputs_ = new_array<T>({examples.inputs.rows, examples.inputs.cols});
    std::fill_n(grad_inputs_.mutable_data(), grad_inputs_.size(), T{0});
    const VectorView<T> loss{loss_.mutable_data(), loss_.size()};
    const py::gil_scoped_release release;
    gradient_.emplace(layer_, examples, upstream, num_threads, loss);
  }

  // The gradients of at most `most_rows` rows from the next position on, all in one shard: the
  // first class, the step from class to class, weights and biases; None after the last.
  py::object next(std::int64_t most_rows) {
    if (is_complete()) return py::none();
    if (broken_.exchange(true)) {
      throw std::runtime_error(
          "the gradients are being computed in another thread, or an exception has ended that "
          "halfway");
    }
    const std::int64_t rows = layer_.weights.run_at(position_, most_rows).rows;
    auto weights = new_array<T>({rows, layer_.weights.dim()});
    auto biases = new_array<T>({rows});
    const MatrixView<T> weight_rows = matrix_of(weights);
    const VectorView<T> bias_rows{biases.mutable_data(), rows};
    const MatrixView<T> grad_inputs = matrix_of(grad_inputs_);
    {
      const py::gil_scoped_release release;
      gradient_->add_rows(position_, weight_rows, bias_rows, grad_inputs);
    }
    const std::int64_t first = layer_.weights.class_at(position_);
    const bool strided = layer_.weights.strategy() == PartitionStrategy::mod;
    position_ += rows;
    broken_ = false;
    return py::make_tuple(first, strided ? layer_.weights.num_shards() : 1, weights, biases);
  }

  bool is_complete() const { return position_ == layer_.weights.num_rows(); }
  py::array loss() const { return loss_; }
  py::array grad_inputs() const { return grad_inputs_; }

 private:
  py::tuple kept_;
  OutputLayer<T> layer_;
  py::array_t<T> loss_;
  py::array_t<T> grad_inputs_;
  std::optional<FullSoftmaxGradient<T>> gradient_;
  std::int64_t position_ = 0;
  std::atomic<bool> broken_{false};  // or at work
};

template <class T>
void bind_row_blocks(py::module_& module, const char* name) {
  py::class_<RowBlocks<T>>(module, name)
      .def("next", &RowBlocks<T>::next, py::arg("most_rows"))
      .def_property_readonly("is_complete", &RowBlocks<T>::is_complete)
      .def_property_readonly("loss", &RowBlocks<T>::loss)
      .def_property_readonly("grad_inputs", &RowBlocks<T>::grad_inputs);
}

}  // namespace

void bind_full_softmax_gradient(py::module_& module) {
  module.def(
      "full_softmax_loss_and_grad",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         std::string partition_strategy, int num_threads, const std::optional<py::array>& grad_loss,
         const std::optional<GradientArrays>& out) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        return with_float_type(inputs, "inputs", [&]<class T>() {
          return full_loss_and_grad_of<T>(layer, targets, inputs, num_threads, grad_loss, out);
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("partition_strategy"), py::arg("num_threads"), py::arg("grad_loss"), py::arg("out"));
  bind_row_blocks<float>(module, "RowBlocksFloat32");
  bind_row_blocks<double>(module, "RowBlocksFloat64");
  module.def(
      "full_softmax_row_blocks",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         std::string partition_strategy, int num_threads,
         const std::optional<py::array>& grad_loss) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        return with_float_type(inputs, "inputs", [&]<class T>() {
          return py::cast(
              std::make_unique<RowBlocks<T>>(layer, targets, inputs, num_threads, grad_loss));
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("partition_strategy"), py::arg("num_threads"), py::arg("grad_loss"));
}

}  // namespace manyclass::bindings
