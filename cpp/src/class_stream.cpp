#include "class_stream.hpp"

#include "work.hpp"

namespace manyclass {

namespace {

// Up to so many examples are multiplied by each row one by one, which is as fast as rows can be
// read; a tile of them has at least `lane_multiple` lanes.
constexpr std::int64_t few_examples = 4;

}  // namespace

template <class T>
ClassStream<T>::ClassStream(const OutputLayer<T>& layer, MatrixView<const T> inputs,
                            int num_threads, Scratch& scratch)
    : layer_(layer),
      inputs_(inputs),
      num_threads_(std::min(num_threads, static_cast<int>(most_segments))) {
  select(0, layer.weights.num_rows());
  const std::int64_t dim = layer.weights.dim();
  transposed_ = scratch.take<T>(dim * most_lanes);
  logits_ = scratch.take<T>(num_threads_ * block_classes * most_lanes);
  rows_ = scratch.take<T>(kernels::lane_multiple * dim);
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
  examples_ = inputs_.middle_rows(first, size);
  size_ = size;
  lanes_ = divide_up(size, kernels::lane_multiple) * kernels::lane_multiple;
  if (size > few_examples) {
    kernels::table<T>().transpose(examples_.data, size, examples_.cols, examples_.row_stride,
                                  transposed_, lanes_);
  }
}

template <class T>
void ClassStream<T>::read_biases(std::int64_t position, std::int64_t count, T* biases) const {
  if (layer_.weights.is_in_order() && layer_.biases.is_in_order()) {
    const MatrixView<const T> run = layer_.biases.run_at(position, count);
    if (run.rows == count) {
      for (std::int64_t r = 0; r < count; ++r) biases[r] = run.data[r * run.row_stride];
      return;
    }
  }
  for (std::int64_t r = 0; r < count; ++r) {
    biases[r] = *layer_.biases.row(layer_.weights.class_at(position + r));
  }
}

template <class T>
void ClassStream<T>::fill_block(const MatrixView<const T>& rows, std::int64_t position,
                                T* logits) const {
  alignas(64) T biases[block_classes];
  read_biases(position, rows.rows, biases);
  if (size_ > few_examples) {
    kernels::table<T>().multiply(rows.rows, lanes_, rows.cols, rows.data, rows.row_stride, 1,
                                 transposed_, lanes_, biases, logits, lanes_);
    return;
  }
  std::fill_n(logits, rows.rows * lanes_, T{0});
  for (std::int64_t l = 0; l < size_; ++l) {
    alignas(64) T column[block_classes];
    std::copy_n(biases, rows.rows, column);
    kernels::table<T>().row_products(rows.data, rows.rows, rows.cols, rows.row_stride,
                                     examples_.row(l), column);
    for (std::int64_t r = 0; r < rows.rows; ++r) logits[r * lanes_ + l] = column[r];
  }
}

template <class T>
void ClassStream<T>::logits_of(const std::int64_t* classes, const std::int64_t* first,
                               T* logits) const {
  if (size_ > few_examples) {
    logits_in_tiles(classes, first, logits);
    return;
  }
  for (std::int64_t l = 0; l < size_; ++l) {
    for (std::int64_t e = first[l] - first[0]; e < first[l + 1] - first[0]; ++e) {
      logits[e] = *layer_.biases.row(classes[e]);
      kernels::table<T>().row_products(layer_.weights.row(classes[e]), 1, examples_.cols,
                                       examples_.cols, examples_.row(l), logits + e);
    }
  }
}

template <class T>
void ClassStream<T>::logits_in_tiles(const std::int64_t* classes, const std::int64_t* first,
                                     T* logits) const {
  constexpr std::int64_t group = kernels::lane_multiple;
  const std::int64_t dim = layer_.weights.dim();
  alignas(64) T square[group * group];
  T biases[group];
  for (std::int64_t lane = 0; lane < size_; lane += group) {
    const std::int64_t end = first[std::min(lane + group, size_)] - first[0];
    std::int64_t owner = lane;
    for (std::int64_t e = first[lane] - first[0]; e < end; e += group) {
      const std::int64_t count = std::min(group, end - e);
      for (std::int64_t i = 0; i < count; ++i) {
        std::copy_n(layer_.weights.row(classes[e + i]), dim, rows_ + i * dim);
        biases[i] = *layer_.biases.row(classes[e + i]);
      }
      // One element of each row of this product: as many products too many, but the same sums in
      // the same order.
      kernels::table<T>().multiply(count, group, dim, rows_, dim, 1, transposed_ + lane, lanes_,
                                   biases, square, group);
      for (std::int64_t i = 0; i < count; ++i) {
        while (e + i >= first[owner + 1] - first[0]) ++owner;
        logits[e + i] = square[i * group + (owner - lane)];
      }
    }
  }
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

}  // namespace manyclass
