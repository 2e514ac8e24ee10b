#include "manyclass/label_ranks.hpp"

#include "checks.hpp"
#include "class_stream.hpp"
#include "exact_loss.hpp"
#include "label_targets.hpp"
#include "loss_checks.hpp"
#include "manyclass/full_softmax.hpp"
#include "manyclass/threads.hpp"
#include "rank_count.hpp"

namespace manyclass {

namespace {

template <class T>
void check_ranks(const Examples<T>& examples, VectorView<std::int64_t> ranks) {
  require(ranks.size == examples.labels.size(), "ranks has ", ranks.size,
          " entries; it must have one for each of the ", examples.labels.size(), " labels");
}

}  // namespace

template <class T, class W>
void full_softmax_loss_and_ranks(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                                 int num_threads, VectorView<T> loss,
                                 VectorView<std::int64_t> ranks, ComputeDtype compute_dtype) {
  check_full_softmax(layer, examples, {}, compute_dtype);
  check_loss(examples, loss);
  check_ranks(examples, ranks);
  Scratch scratch;
  ClassStream<T> stream(layer, examples.inputs, resolve_num_threads(num_threads), scratch,
                        compute_dtype);
  const auto targets = make_targets(examples, scratch);
  const std::int64_t most = most_labels(targets, examples.inputs.rows, ClassStream<T>::most_lanes);
  ChunkLabels<T> labels(most, scratch);
  RankCount<T> counts(layer.weights, labels, most, stream, scratch);
  ExactLoss<T> exact(layer.weights.num_rows(), targets.smoothing, stream, scratch);
  stream.for_each_chunk([&](std::int64_t first) {
    labels.load(stream, examples.labels, targets, first);
    counts.reset();
    exact.reset();
    stream.for_each_block([&](const ClassBlock<T>& block) {
      counts.add(block);
      exact.add(block);
    });
    exact.write(labels, stream.size(), loss.from(first));
    counts.write(ranks.from(targets.begin(first)));
  });
}

template <class T, class W>
void label_ranks(const OutputLayer<T, W>& layer, const Examples<T>& examples, int num_threads,
                 VectorView<std::int64_t> ranks, ComputeDtype compute_dtype) {
  check_full_softmax(layer, examples, {}, compute_dtype);
  check_ranks(examples, ranks);
  Scratch scratch;
  ClassStream<T> stream(layer, examples.inputs, resolve_num_threads(num_threads), scratch,
                        compute_dtype);
  const auto targets = make_targets(examples, scratch);
  const std::int64_t most = most_labels(targets, examples.inputs.rows, ClassStream<T>::most_lanes);
  ChunkLabels<T> labels(most, scratch);
  RankCount<T> counts(layer.weights, labels, most, stream, scratch);
  stream.for_each_chunk([&](std::int64_t first) {
    labels.load(stream, examples.labels, targets, first);
    counts.reset();
    stream.for_each_block([&](const ClassBlock<T>& block) { counts.add(block); });
    counts.write(ranks.from(targets.begin(first)));
  });
}

#define MANYCLASS_INSTANTIATE(T, W)                                                            \
  template void label_ranks(const OutputLayer<T, W>&, const Examples<T>&, int,                 \
                            VectorView<std::int64_t>, ComputeDtype);                           \
  template void full_softmax_loss_and_ranks(const OutputLayer<T, W>&, const Examples<T>&, int, \
                                            VectorView<T>, VectorView<std::int64_t>,           \
                                            ComputeDtype);
MANYCLASS_INSTANTIATE(float, float)
MANYCLASS_INSTANTIATE(float, Bfloat16)
MANYCLASS_INSTANTIATE(double, double)
#undef MANYCLASS_INSTANTIATE

}  // namespace manyclass
