// A training step of a layer in one call: candidates, loss, gradients, update.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "manyclass/candidates.hpp"
#include "manyclass/row_optimizers.hpp"
#include "manyclass/sampled_loss.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// A table that a step updates, and the state that its rule keeps for each shard: the tables that
/// `RowUpdate::state` has.
template <class T>
struct TrainedTable {
  RowsView<T> rows;
  std::vector<std::array<MatrixView<ComputeType<T>>, most_state_tables>> state;
};

/// Rows of weights may be Bfloat16 where all else is float.
template <class T, class W = T>
struct TrainedLayer {
  TrainedTable<W> weights;
  TrainedTable<T> biases;  // a table of one column
};

/// What a step does with its gradients.
struct UpdateOptions {
  RowRule rule;
  double learning_rate;
  std::optional<double> clip_norm{};       // of weights' and biases' gradients together
  std::optional<PhiloxStream> rounding{};  // of rows of Bfloat16, as `apply_row_updates` takes it
};

/// Draws candidates if they are to be drawn, computes the sampled softmax loss and its gradients,
/// and updates the touched rows of weights and biases: the same bits as `Sampler::sample`,
/// `sampled_softmax_loss_and_grad` and `apply_row_updates` one after another.
///
/// `loss` and `grad_inputs` are those before the update. Throws as these functions; the layer, its
/// state and the sampler are then as they were.
template <class T, class W = T>
void sampled_softmax_train_step(const TrainedLayer<T, W>& layer, const Examples<T>& examples,
                                const Candidates& candidates, const SampledLossOptions& options,
                                const UpdateOptions& update, VectorView<const T> grad_loss,
                                VectorView<T> loss, MatrixView<T> grad_inputs);

}  // namespace manyclass
