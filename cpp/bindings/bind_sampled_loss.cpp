#include <pybind11/stl.h>

#include "candidates_view.hpp"
#include "layer_view.hpp"
#include "manyclass/sampled_loss.hpp"
#include "module.hpp"
#include "slices_array.hpp"

namespace manyclass::bindings {

namespace {

// The two functions of each loss, under names that do not say which.
struct SampledSoftmax {
  static void loss(const auto&... arguments) { sampled_softmax_loss(arguments...); }
  static auto loss_and_grad(const auto&... arguments) {
    return sampled_softmax_loss_and_grad(arguments...);
  }
};
struct Nce {
  static void loss(const auto&... arguments) { nce_loss(arguments...); }
  static auto loss_and_grad(const auto&... arguments) { return nce_loss_and_grad(arguments...); }
};

template <class Loss, class T, class W>
py::array loss_of(const LayerArrays& arrays, const Targets& targets, const py::array& inputs,
                  const py::object& given, const SampledLossOptions& options) {
  const auto layer = read_layer<T, W>(arrays);
  const auto examples = read_examples<T>(targets, inputs);
  auto loss = new_array<T>({examples.inputs.rows});
  const VectorView<T> out{loss.mutable_data(), loss.size()};
  const Candidates candidates = read_candidates(given, examples.labels.ids().cols);
  {
    const py::gil_scoped_release release;
    with_candidates<T>(candidates, layer, examples, {}, [&](const SampledValuesView& sampled) {
      Loss::loss(layer, examples, sampled, options, out);
    });
  }
  return loss;
}

template <class Loss, class T, class W>
py::tuple loss_and_grad_of(const LayerArrays& arrays, const Targets& targets,
                           const py::array& inputs, const py::object& given,
                           const SampledLossOptions& options,
                           const std::optional<py::array>& grad_loss) {
  const auto layer = read_layer<T, W>(arrays);
  const auto examples = read_examples<T>(targets, inputs);
  const auto upstream = read_grad_loss<T>(grad_loss);
  auto loss = new_array<T>({examples.inputs.rows});
  auto grad_inputs = new_array<T>({examples.inputs.rows, examples.inputs.cols});
  const VectorView<T> out{loss.mutable_data(), loss.size()};
  const MatrixView<T> inputs_out = matrix_of(grad_inputs);
  const Candidates candidates = read_candidates(given, examples.labels.ids().cols);
  SampledGradients<T> gradients;
  std::optional<SampledValues> drawn;
  {
    const py::gil_scoped_release release;
    drawn = with_candidates(
        candidates, layer, examples, upstream, [&](const SampledValuesView& sampled) {
          gradients =
              Loss::loss_and_grad(layer, examples, sampled, options, upstream, out, inputs_out);
        });
  }
  return py::make_tuple(loss, slices_by_shard(std::move(gradients.weights), layer.weights.dim()),
                        slices_by_shard(std::move(gradients.biases), 0), grad_inputs,
                        std::move(drawn));
}

template <class Loss>
void bind_loss(py::module_& module, const char* name) {
  module.def(
      name,
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         const py::object& candidates, bool remove_accidental_hits, bool mask_repeats,
         const std::string& correction, std::string partition_strategy, int num_threads,
         const std::optional<std::string>& computed_in) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        const SampledLossOptions options{remove_accidental_hits, mask_repeats,
                                         log_q_correction(correction), num_threads,
                                         compute_dtype(computed_in)};
        return with_layer_types(layer, inputs, [&]<class T, class W>() {
          return loss_of<Loss, T, W>(layer, targets, inputs, candidates, options);
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("candidates"), py::arg("remove_accidental_hits"), py::arg("mask_repeats"),
      py::arg("log_q_correction"), py::arg("partition_strategy"), py::arg("num_threads"),
      py::arg("compute_dtype") = py::none());
}

template <class Loss>
void bind_loss_and_grad(py::module_& module, const char* name) {
  module.def(
      name,
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         const py::object& candidates, bool remove_accidental_hits, bool mask_repeats,
         const std::string& correction, std::string partition_strategy, int num_threads,
         const std::optional<py::array>& grad_loss, const std::optional<std::string>& computed_in) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        const SampledLossOptions options{remove_accidental_hits, mask_repeats,
                                         log_q_correction(correction), num_threads,
                                         compute_dtype(computed_in)};
        return with_layer_types(layer, inputs, [&]<class T, class W>() {
          return loss_and_grad_of<Loss, T, W>(layer, targets, inputs, candidates, options,
                                              grad_loss);
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("candidates"), py::arg("remove_accidental_hits"), py::arg("mask_repeats"),
      py::arg("log_q_correction"), py::arg("partition_strategy"), py::arg("num_threads"),
      py::arg("grad_loss"), py::arg("compute_dtype") = py::none());
}

}  // namespace

void bind_sampled_loss(py::module_& module) {
  py::class_<SampledValues>(module, "DrawnCandidates");
  bind_loss<SampledSoftmax>(module, "sampled_softmax_loss");
  bind_loss_and_grad<SampledSoftmax>(module, "sampled_softmax_loss_and_grad");
  bind_loss<Nce>(module, "nce_loss");
  bind_loss_and_grad<Nce>(module, "nce_loss_and_grad");
}

}  // namespace manyclass::bindings
