#include "step_block.hpp"

#include <algorithm>
#include <limits>

#include "kernels/kernel_table.hpp"
#include "logistic_tile.hpp"
#include "phase_clock.hpp"
#include "prefetch.hpp"
#include "softmax_tile.hpp"

namespace manyclass {

namespace {

// Rows of labels that are brought into cache before the first of them is read.
constexpr std::int64_t most_rows_asked_for = 512;

}  // namespace

template <TileLoss Loss>
std::int64_t StepBlock<Loss>::bytes(const StepData<T>& data, std::int64_t lanes) {
  const std::int64_t columns = data.plan.num_sampled + data.plan.dim + data.row_stride;
  return (columns * lanes + data.most_labels) * static_cast<std::int64_t>(sizeof(T));
}

template <TileLoss Loss>
StepBlock<Loss>::StepBlock(const StepData<T>& data, std::int64_t lanes, Scratch& scratch)
    : data_(data),
      tile_{lanes, data.plan.num_sampled, scratch.take<T>(data.most_labels),
            scratch.take<T>(data.plan.num_sampled * lanes), data.plan.targets},
      inputs_(scratch.take<T>(data.plan.dim * lanes)),
      scaled_(scratch.take<T>(data.row_stride * lanes)),
      loss_(scratch.take<T>(lanes)),
      factor_(scratch.take<T>(lanes)),
      tile_loss_(lanes, data.most_labels, scratch) {}

// The weights of the block's label of this number.
template <TileLoss Loss>
auto StepBlock<Loss>::label_row(std::int64_t label) const -> const T* {
  return data_.layer.weights.row(data_.plan.labels[first_label_ + label]);
}

template <TileLoss Loss>
void StepBlock<Loss>::load(std::int64_t first, std::int64_t size) {
  const PhaseClock clock(Phase::logits);
  const auto& kernel = kernels::table<T>();
  const MatrixView<const T>& inputs = data_.examples.inputs;
  const StepPlan<T>& plan = data_.plan;
  first_ = first;
  size_ = size;
  first_label_ = plan.targets.begin(first);
  tile_.targets = plan.targets.from(first);
  tile_.lanes = (size + kernels::lane_multiple - 1) / kernels::lane_multiple *
                kernels::lane_multiple;  // the last block may need fewer
  const std::int64_t num_labels = tile_.num_labels();
  const std::int64_t asked_for = std::min(num_labels, most_rows_asked_for);
  for (std::int64_t e = 0; e < asked_for; ++e) prefetch_row(label_row(e), plan.dim);
  kernel.transpose(inputs.row(first), size, plan.dim, inputs.row_stride, inputs_, tile_.lanes);
  for (std::int64_t e = 0; e < num_labels; ++e) {
    const T* input = inputs.row(tile_.targets.owners[e]);
    tile_.truth[e] =
        kernel.dot(input, label_row(e), plan.dim) + plan.label_offsets[first_label_ + e];
  }
}

template <TileLoss Loss>
void StepBlock<Loss>::add_candidates(std::int64_t first, std::int64_t last) {
  const PhaseClock clock(Phase::logits);
  kernels::table<T>().multiply(last - first, tile_.lanes, data_.plan.dim,
                               data_.rows + first * data_.row_stride, data_.row_stride, 1, inputs_,
                               tile_.lanes, data_.plan.candidate_offsets + first,
                               tile_.sampled + first * tile_.lanes, tile_.lanes);
}

template <TileLoss Loss>
void StepBlock<Loss>::take_hits_out() {
  const PhaseClock clock(Phase::logits);
  const StepPlan<T>& plan = data_.plan;
  if (plan.hits == nullptr) return;
  for (std::int64_t e = 0; e < tile_.num_labels(); ++e) {
    const CandidateRange hits = plan.hits[first_label_ + e];
    const std::int64_t l = tile_.targets.example_of(e);
    for (std::int64_t k = hits.first; k < hits.first + hits.count; ++k) {
      tile_.sampled[k * tile_.lanes + l] = -std::numeric_limits<T>::infinity();
    }
  }
}

template <TileLoss Loss>
void StepBlock<Loss>::compute_loss(VectorView<T> loss) {
  const PhaseClock clock(Phase::loss);
  tile_loss_.forward(tile_, loss_);
  for (std::int64_t l = 0; l < size_; ++l) loss[first_ + l] = loss_[l];
}

template <TileLoss Loss>
void StepBlock<Loss>::differentiate(VectorView<const T> grad_loss, T* label_gradients) {
  const PhaseClock clock(Phase::loss);
  const auto& kernel = kernels::table<T>();
  const StepPlan<T>& plan = data_.plan;
  T* upstream = loss_;  // no longer needed
  std::fill_n(upstream, tile_.lanes, T{0});
  for (std::int64_t l = 0; l < size_; ++l) {
    upstream[l] = grad_loss.data == nullptr ? T{1} : grad_loss[first_ + l];
  }
  tile_loss_.backward(tile_, upstream, factor_);
  std::copy_n(tile_.truth, tile_.num_labels(), label_gradients + first_label_);
  for (std::int64_t l = 0; l < size_; ++l) {
    kernel.scale(factor_[l], data_.examples.inputs.row(first_ + l), scaled_ + l * data_.row_stride,
                 plan.dim);
  }
}

template <TileLoss Loss>
void StepBlock<Loss>::multiply_inputs(std::int64_t first, std::int64_t last,
                                      MatrixView<T> grad_inputs) const {
  const PhaseClock clock(Phase::grad_inputs);
  kernels::table<T>().multiply(size_, last - first, data_.plan.num_sampled, tile_.sampled, 1,
                               tile_.lanes, data_.rows + first, data_.row_stride, nullptr,
                               grad_inputs.row(first_) + first, grad_inputs.row_stride);
}

template <TileLoss Loss>
void StepBlock<Loss>::add_labels_to(MatrixView<T> grad_inputs) const {
  const PhaseClock clock(Phase::grad_inputs);
  const auto& kernel = kernels::table<T>();
  const StepPlan<T>& plan = data_.plan;
  std::int64_t e = 0;
  for (std::int64_t l = 0; l < size_; ++l) {
    T* grad_row = grad_inputs.row(first_ + l);
    kernel.scale(factor_[l], grad_row, grad_row, plan.dim);
    for (; e < tile_.targets.begin(l + 1); ++e) {
      kernel.axpy(tile_.truth[e], label_row(e), grad_row, plan.dim);
    }
  }
}

template <TileLoss Loss>
void StepBlock<Loss>::prefetch_candidates(std::int64_t first, std::int64_t last) const {
  prefetch_row(tile_.sampled + first * tile_.lanes, (last - first) * tile_.lanes);
}

template <TileLoss Loss>
void StepBlock<Loss>::add_to_candidates(std::int64_t first, std::int64_t last, bool add,
                                        T* const* rows, T* biases) const {
  const auto& kernel = kernels::table<T>();
  const T* derivatives = tile_.sampled + first * tile_.lanes;
  kernel.multiply_to_rows(last - first, data_.plan.dim, size_, derivatives, tile_.lanes, 1, scaled_,
                          data_.row_stride, add, rows + first);
  kernel.row_products(derivatives, last - first, tile_.lanes, tile_.lanes, factor_, biases + first);
}

template class StepBlock<SoftmaxTile<float>>;
template class StepBlock<SoftmaxTile<double>>;
template class StepBlock<LogisticTile<float>>;
template class StepBlock<LogisticTile<double>>;

}  // namespace manyclass
