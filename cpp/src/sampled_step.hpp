// One sampled step: logits, loss and both backward products, block by block of the batch.
#pragma once

#include <cstdint>

#include "sparse_gradient.hpp"
#include "step_block.hpp"

namespace manyclass {

/// The work of one step on checked arguments, for a loss such as SoftmaxTile<float> and products
/// such as those of PlainOperands<float>.
///
/// Candidates' rows are gathered once. The batch is walked in blocks of `lanes` examples, whose
/// logits are one transposed tile that stays in cache from the first product to the second. Blocks
/// are cut by shape alone and every sum has a fixed order, so results do not depend on the number
/// of threads.
template <TileLoss Loss, class Operands>
class SampledStep {
 public:
  using T = typename Loss::Value;
  using Layer = OutputLayer<T, typename Operands::Stored>;

  SampledStep(const Layer& layer, const Examples<T>& examples, const StepPlan<T>& plan,
              int num_threads, Scratch& scratch);

  void loss(VectorView<T> loss);

  /// Writes all gradients: parts.labels, parts.candidate_rows and parts.candidate_biases too.
  void loss_and_grad(VectorView<const T> grad_loss, VectorView<T> loss, MatrixView<T> grad_inputs,
                     const GradientParts<T>& parts);

 private:
  using Block = StepBlock<Loss, Operands>;
  using Workspace = typename Operands::Workspace;

  void gather() const;
  Block* make_blocks(std::int64_t count);
  const Workspace* make_workspaces(std::int64_t count);
  void load(Block& block, std::int64_t index, const Workspace& workspace) const;
  void forward(Block* blocks, const Workspace* workspaces, std::int64_t first, std::int64_t count,
               VectorView<T> loss) const;
  void backward(Block* blocks, std::int64_t count, VectorView<const T> grad_loss,
                MatrixView<T> grad_inputs, const GradientParts<T>& parts) const;
  void add_to_candidates(const Block* blocks, std::int64_t count, bool add,
                         const GradientParts<T>& parts) const;
  std::int64_t num_blocks() const { return (plan_.batch + lanes_ - 1) / lanes_; }
  /// The threads for one of the three products over `num_examples`.
  int threads_for(std::int64_t num_examples) const;

  const StepPlan<T>& plan_;
  int num_threads_;
  Scratch& scratch_;
  std::int64_t lanes_;
  StepData<Operands> data_;
};

}  // namespace manyclass
