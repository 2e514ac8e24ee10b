#include <pybind11/stl.h>

#include "layer_view.hpp"
#include "manyclass/sampled_loss.hpp"
#include "module.hpp"
#include "slices_array.hpp"

namespace manyclass::bindings {

namespace {

// Candidates come as arrays (sampled_candidates, true_expected_count, sampled_expected_count), or
// as what they are drawn from (sampler, num_sampled, seed or None).
bool are_given(const py::tuple& candidates) { return py::isinstance<py::array>(candidates[0]); }

SampledValuesView read_candidates(const py::tuple& given) {
  const auto candidates = given[0].cast<py::array>();
  const auto truth = given[1].cast<py::array>();
  const auto sampled = given[2].cast<py::array>();
  check_rank(sampled, "sampled_expected_count", 1, "one entry for each candidate");
  return {read_vector<std::int64_t>(candidates, "sampled_candidates"),
          read_counts(truth, "true_expected_count"),
          read_counts(sampled, "sampled_expected_count")};
}

struct Draw {
  Sampler& sampler;
  std::int64_t num_sampled;
  std::optional<Seed> seed;
};

Draw read_draw(const py::tuple& drawn) {
  std::optional<Seed> seed;
  if (!drawn[2].is_none()) {
    const auto pair = drawn[2].cast<py::tuple>();
    seed = Seed{pair[0].cast<std::uint64_t>(), pair[1].cast<std::uint64_t>()};
  }
  return {drawn[0].cast<Sampler&>(), drawn[1].cast<std::int64_t>(), seed};
}

// Calls `step(candidates)` without the GIL. Shapes are checked before candidates are drawn, and
// labels before the sampler's stream moves: a refused call leaves it where it was.
template <class T, class Step>
auto with_candidates(const py::tuple& candidates, const OutputLayer<T>& layer,
                     const Examples<T>& examples, VectorView<const T> grad_loss, Step step) {
  if (are_given(candidates)) {
    const SampledValuesView view = read_candidates(candidates);
    const py::gil_scoped_release release;
    return step(view);
  }
  const Draw draw = read_draw(candidates);
  const py::gil_scoped_release release;
  check_examples(layer, examples, grad_loss);
  const SampledValues values =
      draw.sampler.sample(examples.labels, draw.num_sampled, true, draw.seed, "labels");
  return step(view_of(values, examples.labels.cols));
}

LogQCorrection log_q_correction(const std::string& name) {
  if (name == "all") return LogQCorrection::all;
  if (name == "sampled") return LogQCorrection::sampled;
  if (name == "none") return LogQCorrection::none;
  throw py::value_error("log_q_correction is \"" + name +
                        "\"; it must be \"all\", \"sampled\" or \"none\"");
}

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

template <class Loss, class T>
py::array loss_of(const LayerArrays& arrays, const py::array& labels, const py::array& inputs,
                  const py::tuple& candidates, const SampledLossOptions& options) {
  check_options(options);
  const auto layer = read_layer<T>(arrays);
  const auto examples = read_examples<T>(labels, inputs);
  auto loss = new_array<T>({examples.inputs.rows});
  const VectorView<T> out{loss.mutable_data(), loss.size()};
  with_candidates(candidates, layer, examples, {}, [&](const SampledValuesView& sampled) {
    Loss::loss(layer, examples, sampled, options, out);
  });
  return loss;
}

template <class Loss, class T>
py::tuple loss_and_grad_of(const LayerArrays& arrays, const py::array& labels,
                           const py::array& inputs, const py::tuple& candidates,
                           const SampledLossOptions& options,
                           const std::optional<py::array>& grad_loss) {
  check_options(options);
  const auto layer = read_layer<T>(arrays);
  const auto examples = read_examples<T>(labels, inputs);
  const auto upstream = read_grad_loss<T>(grad_loss);
  auto loss = new_array<T>({examples.inputs.rows});
  auto grad_inputs = new_array<T>({examples.inputs.rows, examples.inputs.cols});
  const VectorView<T> out{loss.mutable_data(), loss.size()};
  const MatrixView<T> inputs_out = matrix_of(grad_inputs);
  SampledGradients<T> gradients =
      with_candidates(candidates, layer, examples, upstream, [&](const SampledValuesView& sampled) {
        return Loss::loss_and_grad(layer, examples, sampled, options, upstream, out, inputs_out);
      });
  return py::make_tuple(loss, slices_by_shard(std::move(gradients.weights), layer.weights.dim()),
                        slices_by_shard(std::move(gradients.biases), 0), grad_inputs);
}

template <class Loss>
void bind_loss(py::module_& module, const char* name) {
  module.def(
      name,
      [](py::object weights, py::object biases, const py::array& labels, const py::array& inputs,
         const py::tuple& candidates, bool remove_accidental_hits, bool mask_repeats,
         const std::string& correction, std::string partition_strategy, int num_threads) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        const SampledLossOptions options{remove_accidental_hits, mask_repeats,
                                         log_q_correction(correction), num_threads};
        return with_float_type(inputs, "inputs", [&]<class T>() {
          return loss_of<Loss, T>(layer, labels, inputs, candidates, options);
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("labels"), py::arg("inputs"),
      py::arg("candidates"), py::arg("remove_accidental_hits"), py::arg("mask_repeats"),
      py::arg("log_q_correction"), py::arg("partition_strategy"), py::arg("num_threads"));
}

template <class Loss>
void bind_loss_and_grad(py::module_& module, const char* name) {
  module.def(
      name,
      [](py::object weights, py::object biases, const py::array& labels, const py::array& inputs,
         const py::tuple& candidates, bool remove_accidental_hits, bool mask_repeats,
         const std::string& correction, std::string partition_strategy, int num_threads,
         const std::optional<py::array>& grad_loss) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        const SampledLossOptions options{remove_accidental_hits, mask_repeats,
                                         log_q_correction(correction), num_threads};
        return with_float_type(inputs, "inputs", [&]<class T>() {
          return loss_and_grad_of<Loss, T>(layer, labels, inputs, candidates, options, grad_loss);
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("labels"), py::arg("inputs"),
      py::arg("candidates"), py::arg("remove_accidental_hits"), py::arg("mask_repeats"),
      py::arg("log_q_correction"), py::arg("partition_strategy"), py::arg("num_threads"),
      py::arg("grad_loss"));
}

}  // namespace

void bind_sampled_loss(py::module_& module) {
  bind_loss<SampledSoftmax>(module, "sampled_softmax_loss");
  bind_loss_and_grad<SampledSoftmax>(module, "sampled_softmax_loss_and_grad");
  bind_loss<Nce>(module, "nce_loss");
  bind_loss_and_grad<Nce>(module, "nce_loss_and_grad");
}

}  // namespace manyclass::bindings
