// A block of examples in a sampled step: its logits, its loss, its share of the gradients.
#pragma once

#include <cstdint>

#include "logits_tile.hpp"
#include "manyclass/sampled_loss.hpp"
#include "scratch.hpp"
#include "step_plan.hpp"

namespace manyclass {

/// What all blocks of a step read.
template <class T>
struct StepData {
  const OutputLayer<T>& layer;
  const Examples<T>& examples;
  const StepPlan<T>& plan;
  std::int64_t most_labels;  // of a block, a multiple of kernels::lane_multiple
  std::int64_t row_stride;   // of `rows` and of a block's scaled inputs
  const T* rows;             // [num_sampled, row_stride], the candidates'
};

/// The memory of one block and what is done in it. Functions are called in the order they stand
/// here; those that take a range may be called for its parts in any order and at once.
template <TileLoss Loss>
class StepBlock {
 public:
  using T = typename Loss::Value;

  /// The bytes that a block of `lanes` examples takes.
  static std::int64_t bytes(const StepData<T>& data, std::int64_t lanes);

  StepBlock(const StepData<T>& data, std::int64_t lanes, Scratch& scratch);

  /// Takes the examples [first, first + size), at most as many as there are lanes, and computes
  /// their true logits.
  void load(std::int64_t first, std::int64_t size);
  /// Logits of the candidates [first, last).
  void add_candidates(std::int64_t first, std::int64_t last);
  void take_hits_out();
  void compute_loss(VectorView<T> loss);
  /// Turns logits into gradients: writes those of the true ones to label_gradients [labels].
  void differentiate(VectorView<const T> grad_loss, T* label_gradients);
  /// The candidates' share of the columns [first, last) of grad_inputs, but for a factor.
  void multiply_inputs(std::int64_t first, std::int64_t last, MatrixView<T> grad_inputs) const;
  /// The factor, and the labels' share.
  void add_labels_to(MatrixView<T> grad_inputs) const;
  /// Has the derivatives of the candidates [first, last) brought into cache.
  void prefetch_candidates(std::int64_t first, std::int64_t last) const;
  /// The block's share of the gradients of the candidates [first, last): rows become it, or, if
  /// `add`, grow by it; biases grow by it.
  void add_to_candidates(std::int64_t first, std::int64_t last, bool add, T* const* rows,
                         T* biases) const;

 private:
  const T* label_row(std::int64_t label) const;

  const StepData<T>& data_;
  std::int64_t first_ = 0;  // example
  std::int64_t size_ = 0;
  std::int64_t first_label_ = 0;
  LogitsTile<T> tile_;
  T* inputs_;  // [dim, lanes], transposed
  T* scaled_;  // [lanes, row_stride], inputs times factor_
  T* loss_;    // [lanes]
  T* factor_;  // [lanes], of the derivatives that `tile_` holds
  Loss tile_loss_;
};

}  // namespace manyclass
