#include "quantized_logits.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"
#include "kernels/quantized_kernels.hpp"
#include "work.hpp"

namespace manyclass {

namespace {

using kernels::lane_multiple;

// Up to so many examples are multiplied by each row one by one.
constexpr std::int64_t few_examples = 8;

// Widened rows stay in the first-level cache, beside a strip of examples. Any kernel multiplies 12
// rows without a rest.
constexpr std::int64_t panel_bytes = 24 * 1024;
constexpr std::int64_t rows_multiple = 12;

std::int64_t length_of_input(std::int64_t stride) {
  return round_up(stride, kernels::quantized_multiple);
}

}  // namespace

QuantizedLogits::QuantizedLogits(const QuantizedRows& rows, std::int64_t most_examples,
                                 int num_threads, Scratch& scratch)
    : rows_(rows), stride_(rows.rows().row_stride) {
  most_ = static_cast<float>(std::min<std::int64_t>(0x7fff, 0x7fffffff / (127 * rows.dim())));
  const std::int64_t fitting = panel_bytes / (2 * stride_ * rows_multiple);
  panel_rows_ = std::max<std::int64_t>(fitting, 1) * rows_multiple;
  const std::int64_t most_lanes = round_up(most_examples, lane_multiple);
  scales_ = scratch.take<float>(most_lanes);
  inputs_ = scratch.take<std::int16_t>(few_examples * length_of_input(stride_));
  strips_ = scratch.take<std::int16_t>(most_lanes * stride_);
  panels_ = scratch.take<std::int16_t>(num_threads * panel_rows_ * stride_);
}

void QuantizedLogits::load(MatrixView<const float> examples) {
  size_ = examples.rows;
  lanes_ = round_up(size_, lane_multiple);
  std::fill_n(scales_, lanes_, 0.0F);
  if (size_ > few_examples) {
    load_strips(examples);
    return;
  }
  const std::int64_t length = length_of_input(stride_);
  std::fill_n(inputs_, size_ * length, std::int16_t{0});
  for (std::int64_t l = 0; l < size_; ++l) {
    scales_[l] = kernels::quantized_table().quantize_input(examples.row(l), examples.cols, most_,
                                                           inputs_ + l * length);
  }
}

void QuantizedLogits::load_strips(MatrixView<const float> examples) {
  std::fill_n(strips_, lanes_ * stride_, std::int16_t{0});
  for (std::int64_t l = 0; l < size_; ++l) {
    scales_[l] =
        kernels::quantized_table().quantize_input(examples.row(l), examples.cols, most_, inputs_);
    std::int16_t* strip = strips_ + l / lane_multiple * lane_multiple * stride_;
    for (std::int64_t p = 0; p < examples.cols; ++p) {
      strip[(p / 2 * lane_multiple + l % lane_multiple) * 2 + p % 2] = inputs_[p];
    }
  }
}

void QuantizedLogits::fill(std::int64_t position, std::int64_t count, const float* biases,
                           int thread, float* logits) const {
  const kernels::QuantizedTable& kernel = kernels::quantized_table();
  const std::int8_t* rows = rows_.rows().row(position);
  const float* scales = rows_.scales().data + position;
  if (size_ <= few_examples) {
    std::fill_n(logits, count * lanes_, 0.0F);
    for (std::int64_t l = 0; l < size_; ++l) {
      kernel.row_products(rows, count, stride_, scales, inputs_ + l * length_of_input(stride_),
                          scales_[l], biases, logits + l, lanes_);
    }
    return;
  }
  std::int16_t* panel = panels_ + thread * panel_rows_ * stride_;
  for (std::int64_t r = 0; r < count; r += panel_rows_) {
    const std::int64_t height = std::min(panel_rows_, count - r);
    kernel.widen(rows + r * stride_, height * stride_, panel);
    for (std::int64_t lane = 0; lane < lanes_; lane += lane_multiple) {
      kernel.strip_products(panel, height, stride_, scales + r, strips_ + lane * stride_,
                            scales_ + lane, biases + r, logits + r * lanes_ + lane, lanes_);
    }
  }
}

}  // namespace manyclass
