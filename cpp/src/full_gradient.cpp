#include "full_gradient.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"

namespace manyclass {

namespace {

// C = A B
template <class T>
void overwrite(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
               std::int64_t a_col, const T* b, std::int64_t b_row, T* c, std::int64_t c_row) {
  kernels::table<T>().multiply(m, n, k, a, a_row, a_col, b, b_row, nullptr, c, c_row);
}

}  // namespace

template <class T>
FullGradient<T>::FullGradient(const OutputLayer<T>& layer, const Examples<T>& examples,
                              const LabelTargets<T>& targets, VectorView<const T> grad_loss,
                              ClassStream<T>& stream, Scratch& scratch)
    : layer_(layer),
      examples_(examples),
      targets_(targets),
      grad_loss_(grad_loss),
      stream_(stream) {
  const std::int64_t size = examples.inputs.rows + kernels::lane_multiple;  // whole lanes
  top_ = scratch.take<T>(size);
  factor_ = scratch.take<T>(size);
  grad_ = scratch.take<T>(size);
  spread_ = scratch.take<T>(size);
  inputs_ = scratch.take<T>(ClassStream<T>::most_segments * ClassStream<T>::most_lanes *
                            layer.weights.dim());
}

template <class T>
void FullGradient<T>::take_softmax(std::int64_t first, const RunningSoftmax<T>& softmax) {
  for (std::int64_t l = 0; l < stream_.lanes(); ++l) {
    const std::int64_t i = first + l;
    const SoftmaxTotal<T> total = softmax.total(l);
    T grad{0};  // lanes beyond the chunk
    if (l < stream_.size()) grad = grad_loss_.data == nullptr ? T{1} : grad_loss_[i];
    const double mass = l < stream_.size() ? double{grad} * double{targets_.mass(i)} : 0.0;
    top_[i] = total.top;
    factor_[i] = static_cast<T>(mass / total.sum);
    grad_[i] = grad;
    spread_[i] =
        static_cast<T>(mass * targets_.smoothing / static_cast<double>(layer_.weights.num_rows()));
  }
}

// The chunk's labels, numbered from its first, grouped by the position of their class.
template <class T>
EntryGroups FullGradient<T>::group_labels(std::int64_t first, Scratch& scratch) const {
  const std::int64_t begin = targets_.begin(first);
  const std::int64_t count = targets_.begin(first + stream_.size()) - begin;
  auto* positions = scratch.take<std::int64_t>(count);
  for (std::int64_t e = 0; e < count; ++e) {
    const std::int64_t id = examples_.labels[begin + e];
    stream_.check_class(id);
    positions[e] = layer_.weights.position(id);
  }
  return group_entries(positions, count, layer_.weights.num_rows(), scratch);
}

// grad_loss * (softmax - target), in place.
template <class T>
void FullGradient<T>::logits_to_gradients(std::int64_t first, const ClassBlock<T>& block,
                                          const EntryGroups& labels) const {
  const auto& kernel = kernels::table<T>();
  alignas(64) T unused[ClassStream<T>::most_lanes] = {};
  kernel.column_exp(block.logits, block.size, block.lanes, top_ + first, unused);
  kernel.column_scale(block.logits, block.size, block.lanes, factor_ + first);
  for (std::int64_t r = 0; targets_.smoothing > 0.0 && r < block.size; ++r) {
    T* row = block.logits + r * block.lanes;
    for (std::int64_t l = 0; l < block.lanes; ++l) row[l] -= spread_[first + l];
  }
  const LabelTargets<T> targets = targets_.from(first);
  const auto kept = static_cast<T>(1.0 - targets.smoothing);
  const std::int64_t* end = labels.keys + labels.num_groups;
  const std::int64_t* place = std::lower_bound(labels.keys, end, block.position);
  for (; place != end && *place < block.position + block.size; ++place) {
    const std::int64_t g = place - labels.keys;
    T* row = block.logits + (*place - block.position) * block.lanes;
    for (std::int64_t e = labels.begin[g]; e < labels.begin[g + 1];) {
      const std::int64_t l = targets.example_of(labels.entries[e]);
      // At once for an example that names the class several times: three thirds are exactly one.
      T weight{0};
      for (; e < labels.begin[g + 1] && targets.example_of(labels.entries[e]) == l; ++e) {
        weight += targets.weights[labels.entries[e]];
      }
      row[l] -= grad_[first + l] * (kept * weight) / targets.divisors[l];
    }
  }
}

template <class T>
void FullGradient<T>::add_block(std::int64_t first, const ClassBlock<T>& block,
                                const EntryGroups& labels, const RowGradients<T>& gradients) {
  const auto& kernel = kernels::table<T>();
  const std::int64_t dim = layer_.weights.dim();
  const std::int64_t size = stream_.size();
  logits_to_gradients(first, block, labels);
  const std::int64_t position = block.position - gradients.begin;
  const MatrixView<T> rows = gradients.weights.run_at(position, block.size);
  // The first chunk writes what the others add to.
  const auto product = first == 0 ? overwrite<T> : kernel.multiply_add;
  product(block.size, dim, size, block.logits, block.lanes, 1, examples_.inputs.row(first),
          examples_.inputs.row_stride, rows.data, rows.row_stride);
  for (std::int64_t r = 0; r < block.size; ++r) {
    T& bias = gradients.bias(block.position + r);
    bias = (first == 0 ? T{0} : bias) + kernel.sum(block.logits + r * block.lanes, size);
  }
  const MatrixView<const T> weights = layer_.weights.run_at(block.position, block.size);
  kernel.multiply_add(size, dim, block.size, block.logits, 1, block.lanes, weights.data,
                      weights.row_stride,
                      inputs_ + block.segment * ClassStream<T>::most_lanes * dim, dim);
}

template <class T>
void FullGradient<T>::add_chunk(std::int64_t first, const RowGradients<T>& gradients,
                                MatrixView<T> grad_inputs) {
  const std::int64_t dim = layer_.weights.dim();
  const std::int64_t segment_size = ClassStream<T>::most_lanes * dim;
  std::fill_n(inputs_, stream_.num_segments() * segment_size, T{0});
  Scratch scratch;
  const EntryGroups labels = group_labels(first, scratch);
  stream_.for_each_block(
      [&](const ClassBlock<T>& block) { add_block(first, block, labels, gradients); });
  for (std::int64_t l = 0; l < stream_.size(); ++l) {
    T* sum = inputs_ + l * dim;
    for (std::int64_t s = 1; s < stream_.num_segments(); ++s) {
      kernels::table<T>().axpy(T{1}, inputs_ + s * segment_size + l * dim, sum, dim);
    }
    kernels::table<T>().axpy(T{1}, sum, grad_inputs.row(first + l), dim);
  }
}

template class FullGradient<float>;
template class FullGradient<double>;

}  // namespace manyclass
