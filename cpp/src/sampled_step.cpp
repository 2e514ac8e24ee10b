#include "sampled_step.hpp"

#include <algorithm>
#include <limits>

#include "kernels/kernel_table.hpp"
#include "logistic_tile.hpp"
#include "manyclass/threads.hpp"
#include "softmax_tile.hpp"

namespace manyclass {

namespace {

// Examples a block: enough for a wide product, few enough that a small batch makes two blocks.
std::int64_t lanes_for(std::int64_t batch) {
  if (batch >= 128) return 64;
  return batch >= 64 ? 32 : kernels::lane_multiple;
}

constexpr std::int64_t candidates_per_task = 64;
// Logits of as many blocks as fit are kept between the two halves of the backward pass.
constexpr std::int64_t kept_logits_bytes = std::int64_t{8} << 20;

std::int64_t round_up(std::int64_t n, std::int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace

template <TileLoss Loss>
SampledStep<Loss>::SampledStep(const OutputLayer<T>& layer, const Examples<T>& examples,
                               const StepPlan<T>& plan, int num_threads, Scratch& scratch)
    : layer_(layer),
      examples_(examples),
      plan_(plan),
      num_threads_(num_threads),
      scratch_(scratch),
      lanes_(lanes_for(plan.batch)),
      row_stride_(round_up(plan.dim, kernels::lane_multiple)),
      rows_(scratch.take<T>(plan.num_sampled * row_stride_)) {
  gather();
}

template <TileLoss Loss>
void SampledStep<Loss>::gather() {
  const std::int64_t tasks = (plan_.num_sampled + candidates_per_task - 1) / candidates_per_task;
  parallel_for(tasks, num_threads_, [&](std::int64_t task, int) {
    const std::int64_t first = task * candidates_per_task;
    const std::int64_t last = std::min(first + candidates_per_task, plan_.num_sampled);
    for (std::int64_t k = first; k < last; ++k) {
      const T* row = layer_.weights.row_at(plan_.candidate_positions()[k]);
      std::copy_n(row, plan_.dim, rows_ + k * row_stride_);
    }
  });
}

template <TileLoss Loss>
typename SampledStep<Loss>::Lane* SampledStep<Loss>::make_lanes() {
  auto* lanes = scratch_.take<Lane>(num_threads_);
  for (int t = 0; t < num_threads_; ++t) {
    lanes[t] = {scratch_.take<T>(plan_.dim * lanes_), scratch_.take<T>(plan_.num_true * lanes_),
                scratch_.take<T>(lanes_), scratch_.take<T>(lanes_), Loss(lanes_, scratch_)};
  }
  return lanes;
}

template <TileLoss Loss>
typename SampledStep<Loss>::Block SampledStep<Loss>::block(std::int64_t b) const {
  return {b * lanes_, std::min(lanes_, plan_.batch - b * lanes_)};
}

template <TileLoss Loss>
auto SampledStep<Loss>::tile(const Lane& lane, T* sampled) const -> LogitsTile<T> {
  return {lanes_, plan_.num_true, plan_.num_sampled, lane.truth, sampled};
}

template <TileLoss Loss>
void SampledStep<Loss>::logits(Block block, const Lane& lane, T* sampled) const {
  const auto& kernel = kernels::table<T>();
  const MatrixView<const T>& inputs = examples_.inputs;
  kernel.transpose(inputs.row(block.first), block.size, plan_.dim, inputs.row_stride, lane.inputs,
                   lanes_);
  for (std::int64_t k = 0; k < plan_.num_sampled; ++k) {
    std::fill_n(sampled + k * lanes_, lanes_, plan_.candidate_offsets()[k]);
  }
  kernel.multiply_add(plan_.num_sampled, lanes_, plan_.dim, rows_, row_stride_, 1, lane.inputs,
                      lanes_, sampled, lanes_);
  std::fill_n(lane.truth, plan_.num_true * lanes_, T{0});
  for (std::int64_t l = 0; l < block.size; ++l) {
    for (std::int64_t j = 0; j < plan_.num_true; ++j) {
      const std::int64_t label = (block.first + l) * plan_.num_true + j;
      const T* row = layer_.weights.row_at(plan_.positions[label]);
      lane.truth[j * lanes_ + l] =
          kernel.dot(inputs.row(block.first + l), row, plan_.dim) + plan_.offsets[label];
      for (const std::int64_t entry : plan_.hits_of(label)) {
        sampled[(entry - plan_.num_labels()) * lanes_ + l] = -std::numeric_limits<T>::infinity();
      }
    }
  }
}

template <TileLoss Loss>
void SampledStep<Loss>::forward(Block block, const Lane& lane, T* sampled,
                                VectorView<T> loss) const {
  poll_interrupt();
  logits(block, lane, sampled);
  lane.tile_loss.forward(tile(lane, sampled), lane.loss);
  for (std::int64_t l = 0; l < block.size; ++l) loss[block.first + l] = lane.loss[l];
}

template <TileLoss Loss>
void SampledStep<Loss>::backward(Block block, const Lane& lane, T* sampled,
                                 VectorView<const T> grad_loss, MatrixView<T> grad_inputs,
                                 const GradientParts<T>& parts) const {
  const auto& kernel = kernels::table<T>();
  std::fill_n(lane.grad_loss, lanes_, T{0});
  for (std::int64_t l = 0; l < block.size; ++l) {
    lane.grad_loss[l] = grad_loss.data == nullptr ? T{1} : grad_loss[block.first + l];
  }
  lane.tile_loss.backward(tile(lane, sampled), lane.grad_loss);
  for (std::int64_t l = 0; l < block.size; ++l) {
    T* grad_row = grad_inputs.row(block.first + l);
    std::fill_n(grad_row, plan_.dim, T{0});
    for (std::int64_t j = 0; j < plan_.num_true; ++j) {
      const std::int64_t label = (block.first + l) * plan_.num_true + j;
      const T grad = lane.truth[j * lanes_ + l];
      parts.labels[label] = grad;
      kernel.axpy(grad, layer_.weights.row_at(plan_.positions[label]), grad_row, plan_.dim);
    }
  }
  kernel.multiply_add(block.size, plan_.dim, plan_.num_sampled, sampled, 1, lanes_, rows_,
                      row_stride_, grad_inputs.row(block.first), grad_inputs.row_stride);
}

template <TileLoss Loss>
void SampledStep<Loss>::add_candidate_gradients(std::int64_t first_block, std::int64_t num_blocks,
                                                const T* logits,
                                                const GradientParts<T>& parts) const {
  const auto& kernel = kernels::table<T>();
  const MatrixView<const T>& inputs = examples_.inputs;
  const std::int64_t tasks = (plan_.num_sampled + candidates_per_task - 1) / candidates_per_task;
  parallel_for(tasks, num_threads_, [&](std::int64_t task, int) {
    const std::int64_t first = task * candidates_per_task;
    const std::int64_t size = std::min(candidates_per_task, plan_.num_sampled - first);
    for (std::int64_t b = 0; b < num_blocks; ++b) {
      const Block part = block(first_block + b);
      const T* gradients = logits + b * tile_size() + first * lanes_;
      kernel.multiply_add(size, plan_.dim, part.size, gradients, lanes_, 1, inputs.row(part.first),
                          inputs.row_stride, parts.candidates + first * row_stride_, row_stride_);
      for (std::int64_t k = 0; k < size; ++k) {
        parts.candidate_biases[first + k] += kernel.sum(gradients + k * lanes_, part.size);
      }
    }
  });
}

template <TileLoss Loss>
void SampledStep<Loss>::loss(VectorView<T> loss) {
  Lane* lanes = make_lanes();
  T* logits = scratch_.take<T>(num_threads_ * tile_size());
  parallel_for(num_blocks(), num_threads_, [&](std::int64_t b, int t) {
    forward(block(b), lanes[t], logits + t * tile_size(), loss);
  });
}

template <TileLoss Loss>
auto SampledStep<Loss>::loss_and_grad(VectorView<const T> grad_loss, VectorView<T> loss,
                                      MatrixView<T> grad_inputs) -> GradientParts<T> {
  Lane* lanes = make_lanes();
  const std::int64_t tile_bytes = tile_size() * static_cast<std::int64_t>(sizeof(T));
  const std::int64_t fitting = kept_logits_bytes / std::max<std::int64_t>(tile_bytes, 1);
  const std::int64_t kept =
      std::clamp<std::int64_t>(fitting, 2, std::max<std::int64_t>(2, num_blocks()));
  T* logits = scratch_.take<T>(kept * tile_size());
  const GradientParts<T> parts{scratch_.take<T>(plan_.num_labels()),
                               scratch_.take<T>(plan_.num_sampled * row_stride_),
                               scratch_.take<T>(plan_.num_sampled), row_stride_};
  std::fill_n(parts.candidates, plan_.num_sampled * row_stride_, T{0});
  std::fill_n(parts.candidate_biases, plan_.num_sampled, T{0});
  for (std::int64_t first = 0; first < num_blocks(); first += kept) {
    const std::int64_t count = std::min(kept, num_blocks() - first);
    parallel_for(count, num_threads_, [&](std::int64_t b, int t) {
      T* sampled = logits + b * tile_size();
      forward(block(first + b), lanes[t], sampled, loss);
      backward(block(first + b), lanes[t], sampled, grad_loss, grad_inputs, parts);
    });
    add_candidate_gradients(first, count, logits, parts);
  }
  return parts;
}

template class SampledStep<SoftmaxTile<float>>;
template class SampledStep<SoftmaxTile<double>>;
template class SampledStep<LogisticTile<float>>;
template class SampledStep<LogisticTile<double>>;

}  // namespace manyclass
