#include <pybind11/stl.h>

#include "candidates_view.hpp"
#include "layer_view.hpp"
#include "manyclass/train_step.hpp"
#include "module.hpp"
#include "stream_place.hpp"

namespace manyclass::bindings {

namespace {

// The tables of a rule's state for each shard.
using StateArrays = std::vector<std::vector<py::array>>;

template <class T, class Read>
TrainedTable<T> read_trained(const py::object& table, const StateArrays& state, const RowRule& rule,
                             PartitionStrategy strategy, const Name& name, Read read) {
  const auto read_writable = [&](const py::array& shard, const Name& place) {
    return writable<T>(shard, place, read(shard, place));
  };
  TrainedTable<T> result{read_table<T>(table, strategy, name, read_writable), {}};
  for (const std::vector<py::array>& arrays : state) {
    auto& tables = result.state.emplace_back();
    for (std::size_t s = 0; s < rule.state_tables().size(); ++s) {
      const std::string of(rule.state_tables()[s].name);
      tables[s] = write_table<ComputeType<T>>(arrays.at(s), "the state \"" + of + "\" of " + name);
    }
  }
  return result;
}

template <class T, class W>
py::tuple train_step(const LayerArrays& arrays, const StateArrays& weights_state,
                     const StateArrays& biases_state, const Targets& targets,
                     const py::array& inputs, const py::object& given,
                     const SampledLossOptions& options, const UpdateOptions& update,
                     const std::optional<py::array>& grad_loss, const py::object& count) {
  const PartitionStrategy strategy = partition_strategy(arrays.partition_strategy);
  const TrainedLayer<T, W> layer{read_trained<W>(arrays.weights, weights_state, update.rule,
                                                 strategy, "weights", read_weights<W>),
                                 read_trained<T>(arrays.biases, biases_state, update.rule, strategy,
                                                 "biases", read_biases<T>)};
  const auto examples = read_examples<T>(targets, inputs);
  const auto upstream = read_grad_loss<T>(grad_loss);
  const Candidates candidates = read_candidates(given, examples.labels.ids().cols);
  auto loss = new_array<T>({examples.inputs.rows});
  auto grad_inputs = new_array<T>({examples.inputs.rows, examples.inputs.cols});
  const VectorView<T> loss_out{loss.mutable_data(), loss.size()};
  const MatrixView<T> inputs_out = matrix_of(grad_inputs);
  py::tuple result = py::make_tuple(loss, grad_inputs);
  {
    const py::gil_scoped_release release;
    sampled_softmax_train_step(layer, examples, candidates, options, update, upstream, loss_out,
                               inputs_out);
  }
  count();
  return result;
}

}  // namespace

void bind_train_step(py::module_& module) {
  module.def(
      "sampled_softmax_train_step",
      [](py::object weights, py::object biases, const Targets& targets, const py::array& inputs,
         const py::object& candidates, bool remove_accidental_hits, bool mask_repeats,
         const std::string& correction, std::string partition_strategy, int num_threads,
         const std::optional<py::array>& grad_loss, const RowRule& rule,
         const StateArrays& weights_state, const StateArrays& biases_state, double learning_rate,
         std::optional<double> clip_norm, const Place& rounding, const py::object& count,
         const std::optional<std::string>& computed_in) {
        const LayerArrays layer{weights, biases, std::move(partition_strategy)};
        const SampledLossOptions options{remove_accidental_hits, mask_repeats,
                                         log_q_correction(correction), num_threads,
                                         compute_dtype(computed_in)};
        const UpdateOptions update{rule, learning_rate, clip_norm, stream_at(rounding)};
        return with_layer_types(layer, inputs, [&]<class T, class W>() {
          return train_step<T, W>(layer, weights_state, biases_state, targets, inputs, candidates,
                                  options, update, grad_loss, count);
        });
      },
      py::arg("weights"), py::arg("biases"), py::arg("targets"), py::arg("inputs"),
      py::arg("candidates"), py::arg("remove_accidental_hits"), py::arg("mask_repeats"),
      py::arg("log_q_correction"), py::arg("partition_strategy"), py::arg("num_threads"),
      py::arg("grad_loss"), py::arg("rule"), py::arg("weights_state"), py::arg("biases_state"),
      py::arg("learning_rate"), py::arg("clip_norm"), py::arg("rounding"), py::arg("count"),
      py::arg("compute_dtype") = py::none());
}

}  // namespace manyclass::bindings
