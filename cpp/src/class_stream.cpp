#include "class_stream.hpp"

#include "checks.hpp"

namespace manyclass {

namespace {

constexpr std::int64_t most_segments = 32;

std::int64_t divide_up(std::int64_t n, std::int64_t d) { return (n + d - 1) / d; }

}  // namespace

template <class T>
void check_labels(const OutputLayer<T>& layer, const Examples<T>& examples) {
  for (std::int64_t i = 0; i < examples.labels.rows; ++i) {
    for (std::int64_t j = 0; j < examples.labels.cols; ++j) {
      require_class(examples.labels.row(i)[j], layer.weights.num_rows(), "labels[", i, ", ", j,
                    "]");
    }
  }
}

template <class T>
ClassStream<T>::ClassStream(const OutputLayer<T>& layer, MatrixView<const T> inputs,
                            int num_threads, Scratch& scratch)
    : layer_(layer), inputs_(inputs), num_threads_(num_threads) {
  const std::int64_t blocks = divide_up(layer.weights.num_rows(), block_classes);
  segment_classes_ = divide_up(blocks, std::min(blocks, most_segments)) * block_classes;
  num_segments_ = divide_up(layer.weights.num_rows(), segment_classes_);
  const std::int64_t dim = layer.weights.dim();
  transposed_ = scratch.take<T>(dim * most_lanes);
  logits_ = scratch.take<T>(num_threads * block_classes * most_lanes);
  rows_ = scratch.take<T>(kernels::lane_multiple * dim);
}

template <class T>
void ClassStream<T>::load(std::int64_t first, std::int64_t size) {
  size_ = size;
  lanes_ = divide_up(size, kernels::lane_multiple) * kernels::lane_multiple;
  kernels::table<T>().transpose(inputs_.row(first), size, inputs_.cols, inputs_.row_stride,
                                transposed_, lanes_);
}

template <class T>
void ClassStream<T>::fill_block(const MatrixView<const T>& rows, std::int64_t position,
                                T* logits) const {
  for (std::int64_t r = 0; r < rows.rows; ++r) {
    std::fill_n(logits + r * lanes_, lanes_,
                *layer_.biases.row(layer_.weights.class_at(position + r)));
  }
  kernels::table<T>().multiply_add(rows.rows, lanes_, rows.cols, rows.data, rows.row_stride, 1,
                                   transposed_, lanes_, logits, lanes_);
}

template <class T>
void ClassStream<T>::logits_of(const std::int64_t* classes, T* logits) {
  constexpr std::int64_t group = kernels::lane_multiple;
  const std::int64_t dim = layer_.weights.dim();
  alignas(64) T square[group * group];
  for (std::int64_t first = 0; first < size_; first += group) {
    const std::int64_t count = std::min(group, size_ - first);
    for (std::int64_t l = 0; l < count; ++l) {
      std::copy_n(layer_.weights.row(classes[first + l]), dim, rows_ + l * dim);
      std::fill_n(square + l * group, group, *layer_.biases.row(classes[first + l]));
    }
    // The diagonal of this product: as many products too many, but the same sums in the same order.
    kernels::table<T>().multiply_add(count, group, dim, rows_, dim, 1, transposed_ + first, lanes_,
                                     square, group);
    for (std::int64_t l = 0; l < count; ++l) logits[first + l] = square[l * group + l];
  }
}

template <class T>
void true_logits(ClassStream<T>& stream, const Examples<T>& examples, std::int64_t first,
                 std::int64_t j, T* logits) {
  std::int64_t classes[ClassStream<T>::most_lanes];
  for (std::int64_t l = 0; l < stream.size(); ++l) classes[l] = examples.labels.row(first + l)[j];
  stream.logits_of(classes, logits);
}

template void true_logits(ClassStream<float>&, const Examples<float>&, std::int64_t, std::int64_t,
                          float*);
template void true_logits(ClassStream<double>&, const Examples<double>&, std::int64_t, std::int64_t,
                          double*);
template class ClassStream<float>;
template class ClassStream<double>;
template void check_labels(const OutputLayer<float>&, const Examples<float>&);
template void check_labels(const OutputLayer<double>&, const Examples<double>&);

}  // namespace manyclass
