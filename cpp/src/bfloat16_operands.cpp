#include "bfloat16_operands.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"
#include "prefetch.hpp"
#include "stored_rows.hpp"
#include "work.hpp"

namespace manyclass {

namespace {

using Pair = kernels::Bfloat16Pair;

std::int64_t even(std::int64_t n) { return round_up(n, 2); }

}  // namespace

// A row of pairs along dim is half as long as one of dim pairs; both are whole vectors.
template <class W>
Bfloat16Operands<W>::Rows::Rows(std::int64_t num_sampled, std::int64_t dim, Scratch& scratch)
    : num_sampled_(num_sampled),
      dim_(dim),
      pairs_(divide_up(dim, 2)),
      stride_(round_up(pairs_, kernels::lane_multiple)),
      by_row_(scratch.take<Pair>(num_sampled * stride_)),
      by_two_(scratch.take<Pair>(even(num_sampled) * stride_)),
      zeros_(scratch.take<Pair>(stride_)) {
  std::fill_n(zeros_, stride_, Pair{0});
}

template <class W>
void Bfloat16Operands<W>::Rows::put(std::int64_t k, const W* row) const {
  const auto& kernel = kernels::bfloat16_table();
  Pair* place = by_row_ + k * stride_;
  in_pieces(row, dim_, [&](const float* elements, std::int64_t first, std::int64_t count) {
    kernel.round(elements, count, place + first / 2);
  });
  Pair* two = by_two_ + k / 2 * 2 * stride_;
  if (k % 2 == 1) {
    kernel.interleave(place - stride_, place, pairs_, two);
  } else if (k + 1 == num_sampled_) {
    kernel.interleave(place, zeros_, pairs_, two);
  }
}

template <class W>
Bfloat16Operands<W>::Workspace::Workspace(const Rows& rows, std::int64_t lanes, Scratch& scratch)
    : sampled(scratch.take<float>(even(rows.num_sampled_) * lanes)),
      inputs(scratch.take<Pair>(lanes * rows.stride_)),
      transposed(scratch.take<Pair>(rows.pairs_ * lanes)),
      derivatives(scratch.take<Pair>(even(rows.num_sampled_) / 2 * lanes)) {}

template <class W>
std::int64_t Bfloat16Operands<W>::bytes(const Rows& rows, std::int64_t lanes) {
  const std::int64_t pairs = (even(rows.num_sampled_) / 2 + rows.stride_) * lanes;
  return (pairs + even(rows.num_sampled_)) * static_cast<std::int64_t>(sizeof(Pair));
}

template <class W>
Bfloat16Operands<W>::Bfloat16Operands(const Rows& rows, std::int64_t lanes, Scratch& scratch)
    : rows_(rows),
      by_candidate_(scratch.take<Pair>(even(rows.num_sampled_) * lanes / 2)),
      by_two_(scratch.take<Pair>(rows.stride_ * lanes)),
      bias_sums_(scratch.take<float>(even(rows.num_sampled_))) {}

template <class W>
float* Bfloat16Operands<W>::take_inputs(MatrixView<const float> inputs, std::int64_t lanes,
                                        const Workspace& workspace) {
  const auto& kernel = kernels::bfloat16_table();
  workspace_ = &workspace;
  size_ = inputs.rows;
  lanes_ = lanes;
  for (std::int64_t l = 0; l < size_; ++l) {
    kernel.round(inputs.row(l), rows_.dim_, workspace.inputs + l * rows_.stride_);
  }
  kernel.transpose(workspace.inputs, size_, rows_.pairs_, rows_.stride_, workspace.transposed,
                   lanes);
  return workspace.sampled;
}

template <class W>
void Bfloat16Operands<W>::multiply_logits(std::int64_t first, std::int64_t last,
                                          const float* offsets) const {
  kernels::bfloat16_table().multiply(last - first, lanes_, rows_.pairs_,
                                     rows_.by_row_ + first * rows_.stride_, rows_.stride_, 1,
                                     workspace_->transposed, lanes_, offsets + first,
                                     workspace_->sampled + first * lanes_, lanes_);
}

template <class W>
void Bfloat16Operands<W>::take_derivatives(const float* factor) {
  const auto& kernel = kernels::bfloat16_table();
  for (std::int64_t l = 0; l < size_; l += 2) {
    const Pair* first = workspace_->inputs + l * rows_.stride_;
    kernel.interleave(first, l + 1 < size_ ? first + rows_.stride_ : rows_.zeros_, rows_.pairs_,
                      by_two_ + l * rows_.stride_);
  }
  float* sampled = workspace_->sampled;
  const std::int64_t num_sampled = even(rows_.num_sampled_);
  std::fill(sampled + rows_.num_sampled_ * lanes_, sampled + num_sampled * lanes_, 0.0F);
  for (std::int64_t k = 0; k < num_sampled; k += 2) {
    kernel.round_two_rows(sampled + k * lanes_, lanes_, factor, by_candidate_ + k * (lanes_ / 2),
                          lanes_ / 2, workspace_->derivatives + k / 2 * lanes_, bias_sums_ + k);
  }
}

template <class W>
void Bfloat16Operands<W>::multiply_inputs(std::int64_t first, std::int64_t last,
                                          MatrixView<float> grad_inputs) const {
  kernels::bfloat16_table().multiply(size_, last - first, even(rows_.num_sampled_) / 2,
                                     workspace_->derivatives, 1, lanes_, rows_.by_two_ + first,
                                     2 * rows_.stride_, nullptr, grad_inputs.data + first,
                                     grad_inputs.row_stride);
}

template <class W>
void Bfloat16Operands<W>::prefetch_candidates(std::int64_t first, std::int64_t last) const {
  prefetch_row(by_candidate_ + first * (lanes_ / 2), (last - first) * (lanes_ / 2));
}

template <class W>
void Bfloat16Operands<W>::add_to_candidates(std::int64_t first, std::int64_t last, bool add,
                                            float* const* rows, float* biases) const {
  kernels::bfloat16_table().multiply_to_rows(last - first, rows_.dim_, divide_up(size_, 2),
                                             by_candidate_ + first * (lanes_ / 2), lanes_ / 2, 1,
                                             by_two_, 2 * rows_.stride_, add, rows + first);
  for (std::int64_t k = first; k < last; ++k) biases[k] += bias_sums_[k];
}

template <class W>
float Bfloat16Operands<W>::dot(const float* input, const W* row, std::int64_t n) {
  float sum = 0.0F;
  in_pieces(row, n, [&](const float* elements, std::int64_t first, std::int64_t count) {
    sum += kernels::bfloat16_table().dot(input + first, elements, count);
  });
  return sum;
}

template <class W>
void Bfloat16Operands<W>::add_row(float alpha, const W* row, float* y, std::int64_t n) {
  in_pieces(row, n, [&](const float* elements, std::int64_t first, std::int64_t count) {
    kernels::bfloat16_table().axpy(alpha, elements, y + first, count);
  });
}

template <class W>
void Bfloat16Operands<W>::add_input(float alpha, const float* input, float* y, std::int64_t n) {
  kernels::bfloat16_table().axpy(alpha, input, y, n);
}

template class Bfloat16Operands<float>;
template class Bfloat16Operands<Bfloat16>;

}  // namespace manyclass
