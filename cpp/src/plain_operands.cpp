#include "plain_operands.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"
#include "prefetch.hpp"
#include "stored_rows.hpp"
#include "work.hpp"

namespace manyclass {

template <class T, class W>
PlainOperands<T, W>::Rows::Rows(std::int64_t num_sampled, std::int64_t dim, Scratch& scratch)
    : num_sampled_(num_sampled),
      dim_(dim),
      stride_(round_up(dim, kernels::lane_multiple)),
      rows_(scratch.take<T>(num_sampled * stride_)) {}

template <class T, class W>
void PlainOperands<T, W>::Rows::put(std::int64_t k, const W* row) const {
  in_pieces(row, dim_, [&](const T* elements, std::int64_t first, std::int64_t count) {
    std::copy_n(elements, count, rows_ + k * stride_ + first);
  });
}

template <class T, class W>
std::int64_t PlainOperands<T, W>::bytes(const Rows& rows, std::int64_t lanes) {
  const std::int64_t columns = rows.num_sampled_ + rows.dim_ + rows.stride_;
  return columns * lanes * static_cast<std::int64_t>(sizeof(T));
}

template <class T, class W>
PlainOperands<T, W>::PlainOperands(const Rows& rows, std::int64_t lanes, Scratch& scratch)
    : rows_(rows),
      sampled_(scratch.take<T>(rows.num_sampled_ * lanes)),
      inputs_(scratch.take<T>(rows.dim_ * lanes)),
      scaled_(scratch.take<T>(rows.stride_ * lanes)) {}

template <class T, class W>
T* PlainOperands<T, W>::take_inputs(MatrixView<const T> inputs, std::int64_t lanes,
                                    const Workspace&) {
  examples_ = inputs;
  lanes_ = lanes;
  kernels::table<T>().transpose(inputs.data, inputs.rows, rows_.dim_, inputs.row_stride, inputs_,
                                lanes);
  return sampled_;
}

template <class T, class W>
void PlainOperands<T, W>::multiply_logits(std::int64_t first, std::int64_t last,
                                          const T* offsets) const {
  kernels::table<T>().multiply(last - first, lanes_, rows_.dim_,
                               rows_.rows_ + first * rows_.stride_, rows_.stride_, 1, inputs_,
                               lanes_, offsets + first, sampled_ + first * lanes_, lanes_);
}

template <class T, class W>
void PlainOperands<T, W>::take_derivatives(const T* factor) {
  factor_ = factor;
  for (std::int64_t l = 0; l < examples_.rows; ++l) {
    kernels::table<T>().scale(factor[l], examples_.row(l), scaled_ + l * rows_.stride_, rows_.dim_);
  }
}

template <class T, class W>
void PlainOperands<T, W>::multiply_inputs(std::int64_t first, std::int64_t last,
                                          MatrixView<T> grad_inputs) const {
  kernels::table<T>().multiply(examples_.rows, last - first, rows_.num_sampled_, sampled_, 1,
                               lanes_, rows_.rows_ + first, rows_.stride_, nullptr,
                               grad_inputs.data + first, grad_inputs.row_stride);
}

template <class T, class W>
void PlainOperands<T, W>::prefetch_candidates(std::int64_t first, std::int64_t last) const {
  prefetch_row(sampled_ + first * lanes_, (last - first) * lanes_);
}

template <class T, class W>
void PlainOperands<T, W>::add_to_candidates(std::int64_t first, std::int64_t last, bool add,
                                            T* const* rows, T* biases) const {
  const auto& kernel = kernels::table<T>();
  const T* derivatives = sampled_ + first * lanes_;
  kernel.multiply_to_rows(last - first, rows_.dim_, examples_.rows, derivatives, lanes_, 1, scaled_,
                          rows_.stride_, add, rows + first);
  kernel.row_products(derivatives, last - first, lanes_, lanes_, factor_, biases + first);
}

template <class T, class W>
T PlainOperands<T, W>::dot(const T* input, const W* row, std::int64_t n) {
  T sum{0};
  in_pieces(row, n, [&](const T* elements, std::int64_t first, std::int64_t count) {
    sum += kernels::table<T>().dot(input + first, elements, count);
  });
  return sum;
}

template <class T, class W>
void PlainOperands<T, W>::add_row(T alpha, const W* row, T* y, std::int64_t n) {
  in_pieces(row, n, [&](const T* elements, std::int64_t first, std::int64_t count) {
    kernels::table<T>().axpy(alpha, elements, y + first, count);
  });
}

template <class T, class W>
void PlainOperands<T, W>::add_input(T alpha, const T* input, T* y, std::int64_t n) {
  kernels::table<T>().axpy(alpha, input, y, n);
}

template class PlainOperands<float>;
template class PlainOperands<double>;
template class PlainOperands<float, Bfloat16>;

}  // namespace manyclass
