#include "step_block.hpp"

#include <algorithm>
#include <limits>

#include "bfloat16_operands.hpp"
#include "kernels/kernel_table.hpp"
#include "logistic_tile.hpp"
#include "phase_clock.hpp"
#include "plain_operands.hpp"
#include "prefetch.hpp"
#include "softmax_tile.hpp"

namespace manyclass {

namespace {

// Rows of labels that are brought into cache before the first of them is read.
constexpr std::int64_t most_rows_asked_for = 512;

}  // namespace

template <TileLoss Loss, class Operands>
std::int64_t StepBlock<Loss, Operands>::bytes(const StepData<Operands>& data, std::int64_t lanes) {
  return Operands::bytes(data.rows, lanes) +
         data.most_labels * static_cast<std::int64_t>(sizeof(T));
}

template <TileLoss Loss, class Operands>
StepBlock<Loss, Operands>::StepBlock(const StepData<Operands>& data, std::int64_t lanes,
                                     Scratch& scratch)
    : data_(data),
      tile_{lanes, data.plan.num_sampled, scratch.take<T>(data.most_labels), nullptr,
            data.plan.targets},
      operands_(data.rows, lanes, scratch),
      loss_(scratch.take<T>(lanes)),
      factor_(scratch.take<T>(lanes)),
      tile_loss_(lanes, data.most_labels, scratch) {}

// The weights of the block's label of this number.
template <TileLoss Loss, class Operands>
auto StepBlock<Loss, Operands>::label_row(std::int64_t label) const -> const
    typename Operands::Stored* {
  return data_.layer.weights.row(data_.plan.labels[first_label_ + label]);
}

template <TileLoss Loss, class Operands>
void StepBlock<Loss, Operands>::load(std::int64_t first, std::int64_t size,
                                     const typename Operands::Workspace& workspace) {
  const PhaseClock clock(Phase::logits);
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
  tile_.sampled = operands_.take_inputs(inputs.middle_rows(first, size), tile_.lanes, workspace);
  for (std::int64_t e = 0; e < num_labels; ++e) {
    const T* input = inputs.row(tile_.targets.owners[e]);
    tile_.truth[e] =
        Operands::dot(input, label_row(e), plan.dim) + plan.label_offsets[first_label_ + e];
  }
}

template <TileLoss Loss, class Operands>
void StepBlock<Loss, Operands>::add_candidates(std::int64_t first, std::int64_t last) {
  const PhaseClock clock(Phase::logits);
  operands_.multiply_logits(first, last, data_.plan.candidate_offsets);
}

template <TileLoss Loss, class Operands>
void StepBlock<Loss, Operands>::take_hits_out() {
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

template <TileLoss Loss, class Operands>
void StepBlock<Loss, Operands>::compute_loss(VectorView<T> loss) {
  const PhaseClock clock(Phase::loss);
  tile_loss_.forward(tile_, loss_);
  for (std::int64_t l = 0; l < size_; ++l) loss[first_ + l] = loss_[l];
}

template <TileLoss Loss, class Operands>
void StepBlock<Loss, Operands>::differentiate(VectorView<const T> grad_loss, T* label_gradients) {
  const PhaseClock clock(Phase::loss);
  T* upstream = loss_;  // no longer needed
  std::fill_n(upstream, tile_.lanes, T{0});
  for (std::int64_t l = 0; l < size_; ++l) {
    upstream[l] = grad_loss.data == nullptr ? T{1} : grad_loss[first_ + l];
  }
  tile_loss_.backward(tile_, upstream, factor_);
  std::copy_n(tile_.truth, tile_.num_labels(), label_gradients + first_label_);
  operands_.take_derivatives(factor_);
}

template <TileLoss Loss, class Operands>
void StepBlock<Loss, Operands>::multiply_inputs(std::int64_t first, std::int64_t last,
                                                MatrixView<T> grad_inputs) const {
  const PhaseClock clock(Phase::grad_inputs);
  operands_.multiply_inputs(first, last, grad_inputs.middle_rows(first_, size_));
}

template <TileLoss Loss, class Operands>
void StepBlock<Loss, Operands>::add_labels_to(MatrixView<T> grad_inputs) const {
  const PhaseClock clock(Phase::grad_inputs);
  const StepPlan<T>& plan = data_.plan;
  std::int64_t e = 0;
  for (std::int64_t l = 0; l < size_; ++l) {
    T* grad_row = grad_inputs.row(first_ + l);
    if constexpr (Operands::factor_is_left) {
      kernels::table<T>().scale(factor_[l], grad_row, grad_row, plan.dim);
    }
    for (; e < tile_.targets.begin(l + 1); ++e) {
      Operands::add_row(tile_.truth[e], label_row(e), grad_row, plan.dim);
    }
  }
}

template <TileLoss Loss, class Operands>
void StepBlock<Loss, Operands>::prefetch_candidates(std::int64_t first, std::int64_t last) const {
  operands_.prefetch_candidates(first, last);
}

template <TileLoss Loss, class Operands>
void StepBlock<Loss, Operands>::add_to_candidates(std::int64_t first, std::int64_t last, bool add,
                                                  T* const* rows, T* biases) const {
  operands_.add_to_candidates(first, last, add, rows, biases);
}

template class StepBlock<SoftmaxTile<float>, PlainOperands<float>>;
template class StepBlock<SoftmaxTile<float>, PlainOperands<float, Bfloat16>>;
template class StepBlock<SoftmaxTile<float>, Bfloat16Operands<float>>;
template class StepBlock<SoftmaxTile<float>, Bfloat16Operands<Bfloat16>>;
template class StepBlock<SoftmaxTile<double>, PlainOperands<double>>;
template class StepBlock<LogisticTile<float>, PlainOperands<float>>;
template class StepBlock<LogisticTile<float>, PlainOperands<float, Bfloat16>>;
template class StepBlock<LogisticTile<float>, Bfloat16Operands<float>>;
template class StepBlock<LogisticTile<float>, Bfloat16Operands<Bfloat16>>;
template class StepBlock<LogisticTile<double>, PlainOperands<double>>;

}  // namespace manyclass
