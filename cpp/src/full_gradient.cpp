#include "full_gradient.hpp"

#include <algorithm>

#include "checks.hpp"
#include "kernels/kernel_table.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

template <class T>
void check_table(const RowsView<const T>& table, const RowsView<T>& gradient, const char* name) {
  bool same = gradient.num_shards() == table.num_shards() && gradient.dim() == table.dim() &&
              gradient.strategy() == table.strategy();
  for (std::int64_t p = 0; same && p < table.num_shards(); ++p) {
    same = gradient.shard(p).rows == table.shard(p).rows;
  }
  require(same, "the gradient of ", name, " must have the shape and the shards of ", name);
}

}  // namespace

template <class T>
void check_gradients(const OutputLayer<T>& layer, const Examples<T>& examples,
                     const DenseGradients<T>& gradients) {
  const std::int64_t batch = examples.inputs.rows;
  check_table(layer.weights, gradients.weights, "weights");
  check_table(layer.biases, gradients.biases, "biases");
  require(gradients.inputs.rows == batch && gradients.inputs.cols == examples.inputs.cols,
          "the gradient of inputs must have their shape, [", batch, ", ", examples.inputs.cols,
          "]");
}

template <class T>
FullGradient<T>::FullGradient(const OutputLayer<T>& layer, const Examples<T>& examples,
                              const LabelTargets<T>& targets, VectorView<const T> grad_loss,
                              const DenseGradients<T>& gradients, int num_threads,
                              ClassStream<T>& stream, Scratch& scratch)
    : layer_(layer),
      examples_(examples),
      targets_(targets),
      grad_loss_(grad_loss),
      gradients_(gradients),
      num_threads_(num_threads),
      stream_(stream),
      top_(scratch.take<T>(ClassStream<T>::most_lanes)),
      factor_(scratch.take<T>(ClassStream<T>::most_lanes)),
      grad_(scratch.take<T>(ClassStream<T>::most_lanes)),
      spread_(scratch.take<T>(ClassStream<T>::most_lanes)),
      inputs_(scratch.take<T>(stream.num_segments() * ClassStream<T>::most_lanes *
                              layer.weights.dim())) {}

template <class T>
void FullGradient<T>::clear() const {
  constexpr std::int64_t rows = 1024;
  const std::int64_t num_classes = layer_.weights.num_rows();
  parallel_for((num_classes + rows - 1) / rows, num_threads_, [&](std::int64_t task, int) {
    for (std::int64_t i = task * rows; i < std::min(task * rows + rows, num_classes); ++i) {
      std::fill_n(gradients_.weights.row_at(i), layer_.weights.dim(), T{0});
      *gradients_.biases.row_at(i) = T{0};
    }
  });
}

// The chunk's labels, numbered from its first, grouped by the position of their class.
template <class T>
EntryGroups FullGradient<T>::group_labels(std::int64_t first, Scratch& scratch) const {
  const std::int64_t begin = targets_.begin(first);
  const std::int64_t count = targets_.begin(first + stream_.size()) - begin;
  auto* positions = scratch.take<std::int64_t>(count);
  for (std::int64_t e = 0; e < count; ++e) {
    positions[e] = layer_.weights.position(examples_.labels[begin + e]);
  }
  return group_entries(positions, count, layer_.weights.num_rows(), scratch);
}

// grad_loss * (softmax - target), in place.
template <class T>
void FullGradient<T>::logits_to_gradients(std::int64_t first, const ClassBlock<T>& block,
                                          const EntryGroups& labels) const {
  const auto& kernel = kernels::table<T>();
  alignas(64) T unused[ClassStream<T>::most_lanes] = {};
  kernel.column_exp(block.logits, block.size, block.lanes, top_, unused);
  kernel.column_scale(block.logits, block.size, block.lanes, factor_);
  for (std::int64_t r = 0; targets_.smoothing > 0.0 && r < block.size; ++r) {
    T* row = block.logits + r * block.lanes;
    for (std::int64_t l = 0; l < block.lanes; ++l) row[l] -= spread_[l];
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
      row[l] -= grad_[l] * (kept * weight) / targets.divisors[l];
    }
  }
}

template <class T>
void FullGradient<T>::add_block(std::int64_t first, const ClassBlock<T>& block,
                                const EntryGroups& labels) {
  const auto& kernel = kernels::table<T>();
  const std::int64_t dim = layer_.weights.dim();
  const std::int64_t size = stream_.size();
  logits_to_gradients(first, block, labels);
  const MatrixView<T> rows = gradients_.weights.run_at(block.position, block.size);
  kernel.multiply_add(block.size, dim, size, block.logits, block.lanes, 1,
                      examples_.inputs.row(first), examples_.inputs.row_stride, rows.data,
                      rows.row_stride);
  for (std::int64_t r = 0; r < block.size; ++r) {
    *gradients_.biases.row(layer_.weights.class_at(block.position + r)) +=
        kernel.sum(block.logits + r * block.lanes, size);
  }
  kernel.multiply_add(size, dim, block.size, block.logits, 1, block.lanes, block.rows.data,
                      block.rows.row_stride,
                      inputs_ + block.segment * ClassStream<T>::most_lanes * dim, dim);
}

template <class T>
void FullGradient<T>::add_chunk(std::int64_t first, const RunningSoftmax<T>& softmax) {
  const std::int64_t dim = layer_.weights.dim();
  const std::int64_t segment_size = ClassStream<T>::most_lanes * dim;
  for (std::int64_t l = 0; l < stream_.lanes(); ++l) {
    const SoftmaxTotal<T> total = softmax.total(l);
    T grad{0};  // lanes beyond the chunk
    if (l < stream_.size()) grad = grad_loss_.data == nullptr ? T{1} : grad_loss_[first + l];
    const double mass = l < stream_.size() ? double{grad} * double{targets_.mass(first + l)} : 0.0;
    top_[l] = total.top;
    factor_[l] = static_cast<T>(mass / total.sum);
    grad_[l] = grad;
    spread_[l] =
        static_cast<T>(mass * targets_.smoothing / static_cast<double>(layer_.weights.num_rows()));
  }
  std::fill_n(inputs_, stream_.num_segments() * segment_size, T{0});
  Scratch scratch;
  const EntryGroups labels = group_labels(first, scratch);
  stream_.for_each_block([&](const ClassBlock<T>& block) { add_block(first, block, labels); });
  for (std::int64_t l = 0; l < stream_.size(); ++l) {
    T* grad_row = gradients_.inputs.row(first + l);
    std::copy_n(inputs_ + l * dim, dim, grad_row);
    for (std::int64_t s = 1; s < stream_.num_segments(); ++s) {
      kernels::table<T>().axpy(T{1}, inputs_ + s * segment_size + l * dim, grad_row, dim);
    }
  }
}

template class FullGradient<float>;
template class FullGradient<double>;
template void check_gradients(const OutputLayer<float>&, const Examples<float>&,
                              const DenseGradients<float>&);
template void check_gradients(const OutputLayer<double>&, const Examples<double>&,
                              const DenseGradients<double>&);

}  // namespace manyclass
