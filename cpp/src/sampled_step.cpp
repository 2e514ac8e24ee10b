#include "sampled_step.hpp"

#include <algorithm>
#include <new>

#include "bfloat16_operands.hpp"
#include "kernels/kernel_table.hpp"
#include "logistic_tile.hpp"
#include "manyclass/threads.hpp"
#include "phase_clock.hpp"
#include "plain_operands.hpp"
#include "prefetch.hpp"
#include "softmax_tile.hpp"
#include "work.hpp"

namespace manyclass {

namespace {

constexpr std::int64_t candidates_per_tile = 42;  // whole register tiles of most targets
constexpr std::int64_t most_candidates_per_task = 2 * candidates_per_tile;
constexpr std::int64_t columns_per_task = 32;
// As many blocks as fit are kept between the two halves of the backward pass.
constexpr std::int64_t kept_bytes = std::int64_t{8} << 20;
// Rows asked for ahead of the one that is copied.
constexpr std::int64_t rows_ahead = 8;
constexpr double products_per_copy = 32.0;  // of one element from memory

// Examples a block: enough for a wide product, few enough that a small batch makes two blocks.
std::int64_t lanes_for(std::int64_t batch) {
  constexpr std::int64_t most = 4 * kernels::lane_multiple;
  const std::int64_t half = std::max<std::int64_t>(1, divide_up(batch, 2));
  return std::min(round_up(half, kernels::lane_multiple), most);
}

// Small enough for each thread to have one, and for its gradients to stay in cache.
std::int64_t candidates_per_task(std::int64_t num_sampled, int num_threads) {
  const std::int64_t share = divide_up(num_sampled, num_threads);
  return share > candidates_per_tile ? most_candidates_per_task : candidates_per_tile;
}

// Calls work(first, last) for the parts of [0, count).
template <class Work>
void in_parts(std::int64_t count, std::int64_t part, int num_threads, Work work) {
  parallel_for(divide_up(count, part), num_threads,
               [&](std::int64_t p, int) { work(p * part, std::min(p * part + part, count)); });
}

// Calls work(b, first, last) for the parts of [0, count) of each block.
template <class Work>
void in_parts_of_blocks(std::int64_t blocks, std::int64_t count, std::int64_t part, int num_threads,
                        Work work) {
  const std::int64_t parts = divide_up(count, part);
  parallel_for(blocks * parts, num_threads, [&](std::int64_t task, int) {
    const std::int64_t first = task % parts * part;
    work(task / parts, first, std::min(first + part, count));
  });
}

}  // namespace

template <TileLoss Loss, class Operands>
SampledStep<Loss, Operands>::SampledStep(const Layer& layer, const Examples<T>& examples,
                                         const StepPlan<T>& plan, int num_threads, Scratch& scratch)
    : plan_(plan),
      num_threads_(num_threads),
      scratch_(scratch),
      lanes_(lanes_for(plan.batch)),
      data_{layer,
            examples,
            plan,
            round_up(most_labels(plan.targets, plan.batch, lanes_), kernels::lane_multiple),
            {plan.num_sampled, plan.dim, scratch}} {
  gather();
}

template <TileLoss Loss, class Operands>
int SampledStep<Loss, Operands>::threads_for(std::int64_t num_examples) const {
  return threads_worth(static_cast<double>(num_examples) * static_cast<double>(plan_.num_sampled) *
                           static_cast<double>(plan_.dim),
                       products_per_share, num_threads_);
}

template <TileLoss Loss, class Operands>
void SampledStep<Loss, Operands>::gather() const {
  static_assert(candidates_per_tile % Operands::Rows::put_together == 0);
  const auto& weights = data_.layer.weights;
  const double elements = static_cast<double>(plan_.num_sampled) * static_cast<double>(plan_.dim);
  const int threads = threads_worth(elements * products_per_copy, products_per_share, num_threads_);
  in_parts(plan_.num_sampled, candidates_per_task(plan_.num_sampled, threads), threads,
           [&](std::int64_t first, std::int64_t last) {
             const PhaseClock clock(Phase::gather);
             for (std::int64_t k = first; k < std::min(first + rows_ahead, last); ++k) {
               prefetch_row(weights.row(plan_.candidates[k]), plan_.dim);
             }
             for (std::int64_t k = first; k < last; ++k) {
               if (k + rows_ahead < last) {
                 prefetch_row(weights.row(plan_.candidates[k + rows_ahead]), plan_.dim);
               }
               data_.rows.put(k, weights.row(plan_.candidates[k]));
             }
           });
}

template <TileLoss Loss, class Operands>
auto SampledStep<Loss, Operands>::make_blocks(std::int64_t count) -> Block* {
  auto* blocks = scratch_.take<Block>(count);
  for (std::int64_t b = 0; b < count; ++b) new (blocks + b) Block(data_, lanes_, scratch_);
  return blocks;
}

template <TileLoss Loss, class Operands>
auto SampledStep<Loss, Operands>::make_workspaces(std::int64_t count) -> const Workspace* {
  auto* workspaces = scratch_.take<Workspace>(count);
  for (std::int64_t w = 0; w < count; ++w) {
    new (workspaces + w) Workspace(data_.rows, lanes_, scratch_);
  }
  return workspaces;
}

template <TileLoss Loss, class Operands>
void SampledStep<Loss, Operands>::load(Block& block, std::int64_t index,
                                       const Workspace& workspace) const {
  poll_interrupt();
  block.load(index * lanes_, std::min(lanes_, plan_.batch - index * lanes_), workspace);
}

// Blocks [first, first + count) of the batch, when there are too few to give each thread one.
template <TileLoss Loss, class Operands>
void SampledStep<Loss, Operands>::forward(Block* blocks, const Workspace* workspaces,
                                          std::int64_t first, std::int64_t count,
                                          VectorView<T> loss) const {
  parallel_for(count, num_threads_,
               [&](std::int64_t b, int) { load(blocks[b], first + b, workspaces[b]); });
  in_parts_of_blocks(count, plan_.num_sampled, most_candidates_per_task, num_threads_,
                     [&](std::int64_t b, std::int64_t from, std::int64_t to) {
                       blocks[b].add_candidates(from, to);
                     });
  parallel_for(count, num_threads_, [&](std::int64_t b, int) {
    blocks[b].take_hits_out();
    blocks[b].compute_loss(loss);
  });
}

template <TileLoss Loss, class Operands>
void SampledStep<Loss, Operands>::backward(Block* blocks, std::int64_t count,
                                           VectorView<const T> grad_loss, MatrixView<T> grad_inputs,
                                           const GradientParts<T>& parts) const {
  parallel_for(count, num_threads_,
               [&](std::int64_t b, int) { blocks[b].differentiate(grad_loss, parts.labels); });
  in_parts_of_blocks(count, plan_.dim, columns_per_task, num_threads_,
                     [&](std::int64_t b, std::int64_t from, std::int64_t to) {
                       blocks[b].multiply_inputs(from, to, grad_inputs);
                     });
  parallel_for(count, num_threads_,
               [&](std::int64_t b, int) { blocks[b].add_labels_to(grad_inputs); });
}

template <TileLoss Loss, class Operands>
void SampledStep<Loss, Operands>::add_to_candidates(const Block* blocks, std::int64_t count,
                                                    bool add, const GradientParts<T>& parts) const {
  const int threads = threads_for(count * lanes_);
  in_parts(plan_.num_sampled, candidates_per_task(plan_.num_sampled, threads), threads,
           [&](std::int64_t first, std::int64_t last) {
             const PhaseClock clock(Phase::grad_candidates);
             poll_interrupt();
             for (std::int64_t b = 0; b < count; ++b) {
               // Blocks lie far apart: the hardware does not foresee the step to the next.
               if (b + 1 < count) blocks[b + 1].prefetch_candidates(first, last);
               blocks[b].add_to_candidates(first, last, add || b > 0, parts.candidate_rows,
                                           parts.candidate_biases);
             }
           });
}

template <TileLoss Loss, class Operands>
void SampledStep<Loss, Operands>::loss(VectorView<T> loss) {
  const int threads = threads_for(plan_.batch);
  if (num_blocks() < threads) {
    forward(make_blocks(num_blocks()), make_workspaces(num_blocks()), 0, num_blocks(), loss);
    return;
  }
  const Workspace* workspaces = make_workspaces(threads);
  Block* blocks = make_blocks(threads);
  parallel_for(num_blocks(), threads, [&](std::int64_t b, int t) {
    load(blocks[t], b, workspaces[t]);
    blocks[t].add_candidates(0, plan_.num_sampled);
    blocks[t].take_hits_out();
    blocks[t].compute_loss(loss);
  });
}

template <TileLoss Loss, class Operands>
void SampledStep<Loss, Operands>::loss_and_grad(VectorView<const T> grad_loss, VectorView<T> loss,
                                                MatrixView<T> grad_inputs,
                                                const GradientParts<T>& parts) {
  std::fill_n(parts.candidate_biases, plan_.num_sampled, T{0});
  const int threads = threads_for(2 * plan_.batch);
  const std::int64_t fitting = kept_bytes / Block::bytes(data_, lanes_) / threads * threads;
  const std::int64_t kept = std::min(std::max<std::int64_t>(fitting, threads), num_blocks());
  Block* blocks = make_blocks(kept);
  const Workspace* workspaces = make_workspaces(std::min<std::int64_t>(threads, kept));
  for (std::int64_t first = 0; first < num_blocks(); first += kept) {
    const std::int64_t count = std::min(kept, num_blocks() - first);
    if (count < threads) {
      forward(blocks, workspaces, first, count, loss);
      backward(blocks, count, grad_loss, grad_inputs, parts);
    } else {
      parallel_for(count, threads, [&](std::int64_t b, int t) {
        load(blocks[b], first + b, workspaces[t]);
        blocks[b].add_candidates(0, plan_.num_sampled);
        blocks[b].take_hits_out();
        blocks[b].compute_loss(loss);
        blocks[b].differentiate(grad_loss, parts.labels);
        blocks[b].multiply_inputs(0, plan_.dim, grad_inputs);
        blocks[b].add_labels_to(grad_inputs);
      });
    }
    add_to_candidates(blocks, count, first > 0, parts);
  }
}

template class SampledStep<SoftmaxTile<float>, PlainOperands<float>>;
template class SampledStep<SoftmaxTile<float>, PlainOperands<float, Bfloat16>>;
template class SampledStep<SoftmaxTile<float>, Bfloat16Operands<float>>;
template class SampledStep<SoftmaxTile<float>, Bfloat16Operands<Bfloat16>>;
template class SampledStep<SoftmaxTile<double>, PlainOperands<double>>;
template class SampledStep<LogisticTile<float>, PlainOperands<float>>;
template class SampledStep<LogisticTile<float>, PlainOperands<float, Bfloat16>>;
template class SampledStep<LogisticTile<float>, Bfloat16Operands<float>>;
template class SampledStep<LogisticTile<float>, Bfloat16Operands<Bfloat16>>;
template class SampledStep<LogisticTile<double>, PlainOperands<double>>;

}  // namespace manyclass
