// One sampled step: logits, loss and both backward products, block by block of the batch.
#pragma once

#include <cstdint>

#include "logits_tile.hpp"
#include "manyclass/sampled_loss.hpp"
#include "scratch.hpp"
#include "sparse_gradient.hpp"
#include "step_plan.hpp"

namespace manyclass {

/// The work of one step on checked arguments, for a loss such as SoftmaxTile<float>.
///
/// Candidates' rows are gathered once. The batch is walked in blocks of `lanes` examples, whose
/// logits are one transposed tile. Blocks are cut by shape alone and every sum has a fixed order,
/// so results do not depend on the number of threads.
template <TileLoss Loss>
class SampledStep {
 public:
  using T = typename Loss::Value;

  SampledStep(const OutputLayer<T>& layer, const Examples<T>& examples, const StepPlan<T>& plan,
              int num_threads, Scratch& scratch);

  void loss(VectorView<T> loss);

  GradientParts<T> loss_and_grad(VectorView<const T> grad_loss, VectorView<T> loss,
                                 MatrixView<T> grad_inputs);

 private:
  // What one thread needs for one block.
  struct Lane {
    T* inputs;     // [dim, lanes], transposed
    T* truth;      // [num_true, lanes]
    T* grad_loss;  // [lanes]
    T* loss;       // [lanes]
    Loss tile_loss;
  };
  struct Block {
    std::int64_t first;  // example
    std::int64_t size;   // examples
  };

  void gather();
  Lane* make_lanes();
  Block block(std::int64_t b) const;
  void logits(Block block, const Lane& lane, T* sampled) const;
  void forward(Block block, const Lane& lane, T* sampled, VectorView<T> loss) const;
  void backward(Block block, const Lane& lane, T* sampled, VectorView<const T> grad_loss,
                MatrixView<T> grad_inputs, const GradientParts<T>& parts) const;
  void add_candidate_gradients(std::int64_t first_block, std::int64_t num_blocks, const T* logits,
                               const GradientParts<T>& parts) const;
  LogitsTile<T> tile(const Lane& lane, T* sampled) const;
  std::int64_t tile_size() const { return plan_.num_sampled * lanes_; }
  std::int64_t num_blocks() const { return (plan_.batch + lanes_ - 1) / lanes_; }

  const OutputLayer<T>& layer_;
  const Examples<T>& examples_;
  const StepPlan<T>& plan_;
  int num_threads_;
  Scratch& scratch_;
  std::int64_t lanes_;
  std::int64_t row_stride_;
  T* rows_;  // [num_sampled, row_stride], the candidates'
};

}  // namespace manyclass
