#include "manyclass/full_softmax.hpp"

#include "class_stream.hpp"
#include "exact_loss.hpp"
#include "label_checks.hpp"
#include "label_targets.hpp"
#include "loss_checks.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

template <class T, class W>
void check_full_softmax(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                        VectorView<const T> grad_loss, ComputeDtype compute_dtype) {
  check_compute_dtype<T>(compute_dtype);
  check_examples(layer, examples, grad_loss);
  check_labels(examples.labels, layer.weights.num_rows(), "labels");
}

template <class T, class W>
void full_softmax_loss(const OutputLayer<T, W>& layer, const Examples<T>& examples, int num_threads,
                       VectorView<T> loss, ComputeDtype compute_dtype) {
  check_full_softmax(layer, examples, {}, compute_dtype);
  check_loss(examples, loss);
  Scratch scratch;
  ClassStream<T> stream(layer, examples.inputs, resolve_num_threads(num_threads), scratch,
                        compute_dtype);
  const auto targets = make_targets(examples, scratch);
  ChunkLabels<T> labels(most_labels(targets, examples.inputs.rows, ClassStream<T>::most_lanes),
                        scratch);
  ExactLoss<T> exact(layer.weights.num_rows(), targets.smoothing, stream, scratch);
  stream.for_each_chunk([&](std::int64_t first) {
    labels.load(stream, examples.labels, targets, first);
    exact.walk(stream);
    exact.write(labels, stream.size(), loss.from(first));
  });
}

#define MANYCLASS_INSTANTIATE(T, W)                                                  \
  template void check_full_softmax(const OutputLayer<T, W>&, const Examples<T>&,     \
                                   VectorView<const T>, ComputeDtype);               \
  template void full_softmax_loss(const OutputLayer<T, W>&, const Examples<T>&, int, \
                                  VectorView<T>, ComputeDtype);
MANYCLASS_INSTANTIATE(float, float)
MANYCLASS_INSTANTIATE(float, Bfloat16)
MANYCLASS_INSTANTIATE(double, double)
#undef MANYCLASS_INSTANTIATE

}  // namespace manyclass
