#include "manyclass/full_softmax_gradient.hpp"

#include <algorithm>

#include "checks.hpp"
#include "class_stream.hpp"
#include "exact_loss.hpp"
#include "full_gradient.hpp"
#include "label_targets.hpp"
#include "loss_checks.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

template <class T>
void check_table(const RowsView<const T>& table, const RowsView<T>& gradient, const char* name) {
  const std::int64_t shards = table.num_shards();
  require(gradient.num_shards() == shards, "the gradient of ", name, " has ", gradient.num_shards(),
          " shards, ", name, " has ", shards, "; both must have as many");
  require(shards == 1 || gradient.strategy() == table.strategy(), "the gradient of ", name, " and ",
          name, " must be cut by the same strategy");
  for (std::int64_t p = 0; p < shards; ++p) {
    const auto& own = gradient.shard(p);
    const auto& wanted = table.shard(p);
    require(own.rows == wanted.rows && own.cols == wanted.cols, "the gradient of ", name, " has ",
            own.rows, " rows of ", own.cols, " in shard ", p, "; it must have those of ", name,
            ", ", wanted.rows, " of ", wanted.cols);
  }
}

template <class T>
void check_grad_inputs(const MatrixView<const T>& inputs, const MatrixView<T>& gradient) {
  require(gradient.rows == inputs.rows && gradient.cols == inputs.cols,
          "the gradient of inputs has shape [", gradient.rows, ", ", gradient.cols,
          "]; it must have that of inputs, [", inputs.rows, ", ", inputs.cols, "]");
}

template <class T>
void clear(const MatrixView<T>& matrix) {
  for (std::int64_t i = 0; i < matrix.rows; ++i) std::fill_n(matrix.row(i), matrix.cols, T{0});
}

template <class T>
void clear(const RowsView<T>& table) {
  for (std::int64_t p = 0; p < table.num_shards(); ++p) clear(table.shard(p));
}

template <class T>
struct FullSoftmaxState {
  OutputLayer<T> layer;
  Examples<T> examples;
  Scratch scratch;
  ClassStream<T> stream;
  LabelTargets<T> targets;
  FullGradient<T> gradient;

  FullSoftmaxState(const OutputLayer<T>& given_layer, const Examples<T>& given_examples,
                   VectorView<const T> grad_loss, int num_threads)
      : layer(given_layer),
        examples(given_examples),
        stream(layer, examples.inputs, resolve_num_threads(num_threads), scratch),
        targets(make_targets(examples, scratch)),
        gradient(layer, examples, targets, grad_loss, stream, scratch) {}

  void compute_loss(VectorView<T> loss) {
    ChunkLabels<T> labels(most_labels(targets, examples.inputs.rows, ClassStream<T>::most_lanes),
                          scratch);
    ExactLoss<T> exact(layer.weights.num_rows(), targets.smoothing, stream, scratch);
    stream.for_each_chunk([&](std::int64_t first) {
      labels.load(stream, examples.labels, targets, first);
      exact.walk(stream);
      exact.write(labels, stream.size(), loss.from(first));
      gradient.take_softmax(first, exact.softmax());
    });
  }

  void add_rows(std::int64_t end, const RowGradients<T>& gradients, MatrixView<T> grad_inputs) {
    if (examples.inputs.rows == 0) {  // no chunk will write them
      clear(gradients.weights);
      clear(gradients.biases);
    }
    stream.select(gradients.begin, end);
    stream.for_each_chunk(
        [&](std::int64_t first) { gradient.add_chunk(first, gradients, grad_inputs); });
  }
};

}  // namespace

template <class T>
struct FullSoftmaxGradient<T>::State : FullSoftmaxState<T> {
  using FullSoftmaxState<T>::FullSoftmaxState;
};

template <class T>
FullSoftmaxGradient<T>::FullSoftmaxGradient(const OutputLayer<T>& layer,
                                            const Examples<T>& examples,
                                            VectorView<const T> grad_loss, int num_threads,
                                            VectorView<T> loss) {
  check_full_softmax(layer, examples, grad_loss);
  check_loss(examples, loss);
  state_ = std::make_unique<State>(layer, examples, grad_loss, num_threads);
  state_->compute_loss(loss);
}

template <class T>
FullSoftmaxGradient<T>::~FullSoftmaxGradient() = default;

template <class T>
void FullSoftmaxGradient<T>::add_rows(std::int64_t begin, MatrixView<T> weights,
                                      VectorView<T> biases, MatrixView<T> grad_inputs) {
  const std::int64_t num_rows = state_->layer.weights.num_rows();
  require(begin >= 0 && weights.rows >= 1 && begin <= num_rows - weights.rows, weights.rows,
          " rows from ", begin, " on are asked for; they must be some of the ", num_rows,
          " rows of weights");
  require(weights.cols == state_->layer.weights.dim() && biases.size == weights.rows,
          "gradients have dim ", weights.cols, " and ", biases.size, " biases; they must have dim ",
          state_->layer.weights.dim(), " and a bias for each row");
  check_grad_inputs(state_->examples.inputs, grad_inputs);
  const RowsView<T> weight_rows(weights);
  const RowsView<T> bias_rows(MatrixView<T>{biases.data, biases.size, 1, biases.stride});
  state_->add_rows(begin + weights.rows, {begin, weight_rows, bias_rows}, grad_inputs);
}

template <class T>
void full_softmax_loss_and_grad(const OutputLayer<T>& layer, const Examples<T>& examples,
                                VectorView<const T> grad_loss, int num_threads, VectorView<T> loss,
                                const DenseGradients<T>& gradients) {
  check_full_softmax(layer, examples, grad_loss);
  check_table(layer.weights, gradients.weights, "weights");
  check_table(layer.biases, gradients.biases, "biases");
  check_grad_inputs(examples.inputs, gradients.inputs);
  check_loss(examples, loss);
  FullSoftmaxState<T> state(layer, examples, grad_loss, num_threads);
  state.compute_loss(loss);
  clear(gradients.inputs);
  state.add_rows(layer.weights.num_rows(), {0, gradients.weights, gradients.biases, &layer.weights},
                 gradients.inputs);
}

#define MANYCLASS_INSTANTIATE(T)                                                      \
  template class FullSoftmaxGradient<T>;                                              \
  template void full_softmax_loss_and_grad(const OutputLayer<T>&, const Examples<T>&, \
                                           VectorView<const T>, int, VectorView<T>,   \
                                           const DenseGradients<T>&);
MANYCLASS_INSTANTIATE(float)
MANYCLASS_INSTANTIATE(double)
#undef MANYCLASS_INSTANTIATE

}  // namespace manyclass
