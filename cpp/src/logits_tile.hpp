// The logits of a few examples at a time, and what a sampled step asks of the loss over them.
#pragma once

#include <concepts>
#include <cstdint>

#include "kernels/kernel_table.hpp"
#include "label_targets.hpp"
#include "scratch.hpp"

namespace manyclass {

/// The logits of `lanes` examples (a multiple of kernels::lane_multiple). Those of candidates are
/// transposed: class after class, one example a lane. Those of labels, as few as they are, lie lane
/// after lane, since lanes may differ in their number.
template <class T>
struct LogitsTile {
  std::int64_t lanes = 0;
  std::int64_t num_sampled = 0;
  T* truth = nullptr;       // [num_labels_rounded()], the last of them of no label
  T* sampled = nullptr;     // [num_sampled, lanes]; -inf where a candidate is taken out
  LabelTargets<T> targets;  // of the lanes

  std::int64_t num_labels() const { return targets.begin(lanes); }
  std::int64_t num_labels_rounded() const {
    constexpr std::int64_t multiple = kernels::lane_multiple;
    return (num_labels() + multiple - 1) / multiple * multiple;
  }
};

/// A loss whose targets are those of the labels for true logits and 0 for sampled ones. It holds
/// what one thread keeps between the two halves of a tile of up to so many lanes and labels; the
/// latter are a multiple of kernels::lane_multiple.
///
/// `forward` writes the loss of each lane and leaves in the tile what `backward` needs. After that,
/// `truth` holds grad_loss[l] times the derivative of lane l's loss with respect to each true
/// logit, and so do `sampled` times factor[l] for the sampled ones.
template <class Loss>
concept TileLoss = std::constructible_from<Loss, std::int64_t, std::int64_t, Scratch&> &&
                   requires(const Loss loss, const LogitsTile<typename Loss::Value>& tile,
                            typename Loss::Value* out, const typename Loss::Value* grad_loss,
                            typename Loss::Value* factor) {
                     loss.forward(tile, out);
                     loss.backward(tile, grad_loss, factor);
                   };

}  // namespace manyclass
