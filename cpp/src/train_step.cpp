#include "manyclass/train_step.hpp"

#include <string>

#include "checks.hpp"

namespace manyclass {

namespace {

template <class W>
void check_state(const TrainedTable<W>& table, const char* name) {
  require(static_cast<std::int64_t>(table.state.size()) == table.rows.num_shards(), "the state of ",
          name, " is for ", table.state.size(), " shards, ", name, " has ",
          table.rows.num_shards());
}

// The update of each shard by its part of the gradient.
template <class W>
void add_updates(const TrainedTable<W>& table, const IndexedSlices<ComputeType<W>>& gradient,
                 const std::string& name, std::vector<AnyRowUpdate>& updates) {
  const std::int64_t dim = table.rows.dim();
  for (std::size_t p = 0; p < table.state.size(); ++p) {
    const std::int64_t first = gradient.shard_begin[p];
    const std::int64_t size = gradient.shard_begin[p + 1] - first;
    const std::string place = table.state.size() == 1 ? name : name + "[" + std::to_string(p) + "]";
    updates.push_back(RowUpdate<W>{table.rows.shard(static_cast<std::int64_t>(p)),
                                   table.state[p],
                                   {gradient.indices.data() + first, size},
                                   {gradient.values.data() + first * dim, size, dim, dim},
                                   place + ": "});
  }
}

}  // namespace

template <class T, class W>
void sampled_softmax_train_step(const TrainedLayer<T, W>& layer, const Examples<T>& examples,
                                const Candidates& candidates, const SampledLossOptions& options,
                                const UpdateOptions& update, VectorView<const T> grad_loss,
                                VectorView<T> loss, MatrixView<T> grad_inputs) {
  check_state(layer.weights, "weights");
  check_state(layer.biases, "biases");
  const OutputLayer<T, W> current{layer.weights.rows, layer.biases.rows};
  with_candidates(candidates, current, examples, grad_loss, [&](const SampledValuesView& sampled) {
    const auto gradients = sampled_softmax_loss_and_grad(current, examples, sampled, options,
                                                         grad_loss, loss, grad_inputs);
    std::vector<AnyRowUpdate> updates;
    add_updates(layer.weights, gradients.weights, "weights", updates);
    add_updates(layer.biases, gradients.biases, "biases", updates);
    apply_row_updates(update.rule, updates, update.learning_rate, update.clip_norm,
                      options.num_threads, update.rounding);
  });
}

template void sampled_softmax_train_step(const TrainedLayer<float>&, const Examples<float>&,
                                         const Candidates&, const SampledLossOptions&,
                                         const UpdateOptions&, VectorView<const float>,
                                         VectorView<float>, MatrixView<float>);
template void sampled_softmax_train_step(const TrainedLayer<float, Bfloat16>&,
                                         const Examples<float>&, const Candidates&,
                                         const SampledLossOptions&, const UpdateOptions&,
                                         VectorView<const float>, VectorView<float>,
                                         MatrixView<float>);
template void sampled_softmax_train_step(const TrainedLayer<double>&, const Examples<double>&,
                                         const Candidates&, const SampledLossOptions&,
                                         const UpdateOptions&, VectorView<const double>,
                                         VectorView<double>, MatrixView<double>);

}  // namespace manyclass
