#include "manyclass/full_softmax.hpp"

#include <algorithm>

#include "class_stream.hpp"
#include "full_gradient.hpp"
#include "label_checks.hpp"
#include "label_targets.hpp"
#include "logit_mean.hpp"
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
  check_labels(examples.labels, layer.weights.num_rows(), "labels");
}

// What the loss of a chunk of examples is computed from, once for all chunks.
template <class T>
struct LossMemory {
  LabelTargets<T> targets;
  RunningSoftmax<T> softmax;
  LogitMean<T> mean;
  ChunkLabels<T> labels;

  LossMemory(const OutputLayer<T>& layer, const Examples<T>& examples, std::int64_t num_segments,
             Scratch& scratch)
      : targets(make_targets(examples, scratch)),
        softmax(num_segments, scratch),
        mean(layer.weights.num_rows(), num_segments, scratch),
        labels(most_labels(targets, examples.inputs.rows, ClassStream<T>::most_lanes), scratch) {}
};

// Loss of the chunk of examples that the stream holds.
template <class T>
void chunk_loss(ClassStream<T>& stream, const Examples<T>& examples, std::int64_t first,
                LossMemory<T>& memory, VectorView<T> loss) {
  const double smoothing = memory.targets.smoothing;
  memory.softmax.reset();
  memory.mean.reset();
  stream.for_each_block([&](const ClassBlock<T>& block) {
    if (smoothing > 0.0) memory.mean.add(block);
    memory.softmax.add(block);
  });
  memory.labels.load(stream, examples.labels, memory.targets, first);
  const LabelTargets<T>& targets = memory.labels.targets;
  for (std::int64_t l = 0; l < stream.size(); ++l) {
    const double logsumexp = memory.softmax.total(l).logsumexp();
    double gap = 0.0;
    for (std::int64_t e = targets.begin(l); e < targets.begin(l + 1); ++e) {
      gap += double{targets.weights[e]} * (logsumexp - double{memory.labels.logits[e]});
    }
    gap = (1.0 - smoothing) * gap / double{targets.divisors[l]};
    if (smoothing > 0.0) {
      gap += smoothing * double{targets.mass(l)} * (logsumexp - memory.mean.of(l));
    }
    loss[first + l] = static_cast<T>(gap);
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
  LossMemory<T> memory(layer, examples, stream.num_segments(), scratch);
  for_each_chunk(stream, examples.inputs.rows,
                 [&](std::int64_t first) { chunk_loss(stream, examples, first, memory, loss); });
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
  LossMemory<T> memory(layer, examples, stream.num_segments(), scratch);
  FullGradient<T> gradient(layer, examples, memory.targets, grad_loss, gradients, threads, stream,
                           scratch);
  gradient.clear();
  for_each_chunk(stream, examples.inputs.rows, [&](std::int64_t first) {
    chunk_loss(stream, examples, first, memory, loss);
    gradient.add_chunk(first, memory.softmax);
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
