#include "manyclass/full_softmax.hpp"

#include <algorithm>

#include "checks.hpp"
#include "class_stream.hpp"
#include "full_gradient.hpp"
#include "manyclass/threads.hpp"
#include "running_softmax.hpp"

namespace manyclass {

namespace {

template <class T>
void check_call(const OutputLayer<T>& layer, const Examples<T>& examples,
                VectorView<const T> grad_loss, VectorView<T> loss) {
  check_examples(layer, examples, grad_loss);
  require(loss.size == examples.inputs.rows, "loss has ", loss.size,
          " entries; it must have one for each of the ", examples.inputs.rows, " examples");
  check_labels(layer, examples);
}

// Loss of the chunk of examples that the stream holds.
template <class T>
void chunk_loss(ClassStream<T>& stream, const Examples<T>& examples, std::int64_t first,
                RunningSoftmax<T>& softmax, VectorView<T> loss) {
  softmax.reset();
  stream.for_each_block([&](const ClassBlock<T>& block) { softmax.add(block); });
  double gap[ClassStream<T>::most_lanes] = {};
  T logits[ClassStream<T>::most_lanes];
  double logsumexp[ClassStream<T>::most_lanes];
  for (std::int64_t l = 0; l < stream.size(); ++l) logsumexp[l] = softmax.total(l).logsumexp();
  for (std::int64_t j = 0; j < examples.labels.cols; ++j) {
    true_logits(stream, examples, first, j, logits);
    for (std::int64_t l = 0; l < stream.size(); ++l) gap[l] += logsumexp[l] - double{logits[l]};
  }
  for (std::int64_t l = 0; l < stream.size(); ++l) {
    loss[first + l] = static_cast<T>(gap[l] / static_cast<double>(examples.labels.cols));
  }
}

// Calls `work(first)` with each chunk of examples loaded.
template <class T, class Work>
void for_each_chunk(ClassStream<T>& stream, std::int64_t batch, Work work) {
  for (std::int64_t first = 0; first < batch; first += ClassStream<T>::most_lanes) {
    stream.load(first, std::min(ClassStream<T>::most_lanes, batch - first));
    work(first);
  }
}

}  // namespace

template <class T>
void full_softmax_loss(const OutputLayer<T>& layer, const Examples<T>& examples, int num_threads,
                       VectorView<T> loss) {
  check_call(layer, examples, {}, loss);
  Scratch scratch;
  ClassStream<T> stream(layer, examples.inputs, resolve_num_threads(num_threads), scratch);
  RunningSoftmax<T> softmax(stream.num_segments(), scratch);
  for_each_chunk(stream, examples.inputs.rows,
                 [&](std::int64_t first) { chunk_loss(stream, examples, first, softmax, loss); });
}

template <class T>
void full_softmax_loss_and_grad(const OutputLayer<T>& layer, const Examples<T>& examples,
                                VectorView<const T> grad_loss, int num_threads, VectorView<T> loss,
                                const DenseGradients<T>& gradients) {
  check_call(layer, examples, grad_loss, loss);
  check_gradients(layer, examples, gradients);
  const int threads = resolve_num_threads(num_threads);
  Scratch scratch;
  ClassStream<T> stream(layer, examples.inputs, threads, scratch);
  RunningSoftmax<T> softmax(stream.num_segments(), scratch);
  FullGradient<T> gradient(layer, examples, grad_loss, gradients, threads, stream, scratch);
  gradient.clear();
  for_each_chunk(stream, examples.inputs.rows, [&](std::int64_t first) {
    chunk_loss(stream, examples, first, softmax, loss);
    gradient.add_chunk(first, softmax);
  });
}

#define MANYCLASS_INSTANTIATE(T)                                                                  \
  template void full_softmax_loss(const OutputLayer<T>&, const Examples<T>&, int, VectorView<T>); \
  template void full_softmax_loss_and_grad(const OutputLayer<T>&, const Examples<T>&,             \
                                           VectorView<const T>, int, VectorView<T>,               \
                                           const DenseGradients<T>&);
MANYCLASS_INSTANTIATE(float)
MANYCLASS_INSTANTIATE(double)
#undef MANYCLASS_INSTANTIATE

}  // namespace manyclass
