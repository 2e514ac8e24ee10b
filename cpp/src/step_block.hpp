// A block of examples in a sampled step: its logits, its loss, its share of the gradients.
#pragma once

#include <cstdint>

#include "logits_tile.hpp"
#include "manyclass/sampled_loss.hpp"
#include "scratch.hpp"
#include "step_plan.hpp"

namespace manyclass {

/// What all blocks of a step read.
template <class Operands>
struct StepData {
  using T = typename Operands::Value;
  const OutputLayer<T, typename Operands::Stored>& layer;
  const Examples<T>& examples;
  const StepPlan<T>& plan;
  std::int64_t most_labels;  // of a block, a multiple of kernels::lane_multiple
  typename Operands::Rows rows;
};

/// The memory of one block and what is done in it. Functions are called in the order they stand
/// here; those that take a range may be called for its parts in any order and at once. Products are
/// those of Operands: PlainOperands or Bfloat16Operands.
template <TileLoss Loss, class Operands>
class StepBlock {
 public:
  using T = typename Loss::Value;

  /// The bytes that a block of `lanes` examples takes.
  static std::int64_t bytes(const StepData<Operands>& data, std::int64_t lanes);

  StepBlock(const StepData<Operands>& data, std::int64_t lanes, Scratch& scratch);

  /// Takes the examples [first, first + size), at most as many as there are lanes, and computes
  /// their true logits. The block has the workspace to itself until `add_labels_to`.
  void load(std::int64_t first, std::int64_t size, const typename Operands::Workspace& workspace);
  /// Logits of the candidates [first, last).
  void add_candidates(std::int64_t first, std::int64_t last);
  void take_hits_out();
  void compute_loss(VectorView<T> loss);
  /// Turns logits into gradients: writes those of the true ones to label_gradients [labels].
  void differentiate(VectorView<const T> grad_loss, T* label_gradients);
  /// The candidates' share of the columns [first, last) of grad_inputs.
  void multiply_inputs(std::int64_t first, std::int64_t last, MatrixView<T> grad_inputs) const;
  /// The labels' share.
  void add_labels_to(MatrixView<T> grad_inputs) const;
  /// Has the derivatives of the candidates [first, last) brought into cache.
  void prefetch_candidates(std::int64_t first, std::int64_t last) const;
  /// The block's share of the gradients of the candidates [first, last): rows become it, or, if
  /// `add`, grow by it; biases grow by it.
  void add_to_candidates(std::int64_t first, std::int64_t last, bool add, T* const* rows,
                         T* biases) const;

 private:
  const typename Operands::Stored* label_row(std::int64_t label) const;

  const StepData<Operands>& data_;
  std::int64_t first_ = 0;  // example
  std::int64_t size_ = 0;
  std::int64_t first_label_ = 0;
  LogitsTile<T> tile_;
  Operands operands_;
  T* loss_;    // [lanes]
  T* factor_;  // [lanes], of the derivatives that `tile_` holds
  Loss tile_loss_;
};

}  // namespace manyclass
