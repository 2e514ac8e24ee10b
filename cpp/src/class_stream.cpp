#include "class_stream.hpp"

#include "work.hpp"

namespace manyclass {

template <class T>
template <class W>
ClassStream<T>::ClassStream(const OutputLayer<T, W>& layer, MatrixView<const T> inputs,
                            int num_threads, Scratch& scratch, ComputeDtype compute_dtype)
    : classes_(layer.weights),
      biases_(layer.biases),
      inputs_(inputs),
      num_threads_(std::min(num_threads, static_cast<int>(most_segments))),
      products_(make_class_products<T>(layer.weights, compute_dtype, num_threads_, scratch)),
      logits_(scratch.take<T>(num_threads_ * block_classes * most_lanes)) {
  select(0, classes_.num_rows());
}

template <class T>
void ClassStream<T>::select(std::int64_t begin, std::int64_t end) {
  begin_ = begin;
  end_ = end;
  const std::int64_t blocks = divide_up(end - begin, block_classes);
  segment_classes_ = divide_up(blocks, std::min(blocks, most_segments)) * block_classes;
  num_segments_ = divide_up(end - begin, segment_classes_);
}

template <class T>
void ClassStream<T>::load(std::int64_t first, std::int64_t size) {
  size_ = size;
  products_->load(inputs_.middle_rows(first, size));
}

template <class T>
void ClassStream<T>::read_biases(std::int64_t position, std::int64_t count, T* biases) const {
  if (classes_.is_in_order() && biases_.is_in_order()) {
    const MatrixView<const T> run = biases_.run_at(position, count);
    if (run.rows == count) {
      for (std::int64_t r = 0; r < count; ++r) biases[r] = run.data[r * run.row_stride];
      return;
    }
  }
  for (std::int64_t r = 0; r < count; ++r) {
    biases[r] = *biases_.row(classes_.class_at(position + r));
  }
}

template <class T>
void ClassStream<T>::fill_block(std::int64_t position, std::int64_t count, int thread,
                                T* logits) const {
  alignas(64) T biases[block_classes];
  read_biases(position, count, biases);
  products_->multiply_run(position, count, thread, biases, logits);
}

template <class T>
void ClassStream<T>::logits_of(const std::int64_t* classes, const std::int64_t* first,
                               T* logits) const {
  for (std::int64_t e = 0; e < first[size_] - first[0]; ++e) logits[e] = *biases_.row(classes[e]);
  products_->add_products_of(classes, first, logits);
}

template <class T>
ChunkLabels<T>::ChunkLabels(std::int64_t most_labels, Scratch& scratch)
    : classes(scratch.take<std::int64_t>(most_labels)), logits(scratch.take<T>(most_labels)) {}

template <class T>
void ChunkLabels<T>::load(const ClassStream<T>& stream, const LabelsView& labels,
                          const LabelTargets<T>& of_batch, std::int64_t first) {
  targets = of_batch.from(first);
  const std::int64_t begin = of_batch.begin(first);
  for (std::int64_t e = 0; e < targets.begin(stream.size()); ++e) {
    classes[e] = labels[begin + e];
    stream.check_class(classes[e]);
  }
  stream.logits_of(classes, targets.first, logits);
}

template struct ChunkLabels<float>;
template struct ChunkLabels<double>;
template class ClassStream<float>;
template class ClassStream<double>;
#define MANYCLASS_INSTANTIATE(T, W)                                                        \
  template ClassStream<T>::ClassStream(const OutputLayer<T, W>&, MatrixView<const T>, int, \
                                       Scratch&, ComputeDtype);
MANYCLASS_INSTANTIATE(float, float)
MANYCLASS_INSTANTIATE(float, Bfloat16)
MANYCLASS_INSTANTIATE(double, double)
#undef MANYCLASS_INSTANTIATE

}  // namespace manyclass
