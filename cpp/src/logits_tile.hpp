// The logits of a few examples at a time, and what a sampled step asks of the loss over them.
#pragma once

#include <concepts>
#include <cstdint>

#include "scratch.hpp"

namespace manyclass {

/// The logits of `lanes` examples (a multiple of kernels::lane_multiple): class after class, one
/// example a lane.
template <class T>
struct LogitsTile {
  std::int64_t lanes = 0;
  std::int64_t num_true = 0;
  std::int64_t num_sampled = 0;
  T* truth = nullptr;    // [num_true, lanes]
  T* sampled = nullptr;  // [num_sampled, lanes]; -inf where a candidate is taken out
};

/// A loss whose targets are 1 / num_true for true logits and 0 for sampled ones. It holds what one
/// thread keeps between the two halves of a tile.
///
/// `forward` writes the loss of each lane and leaves in the tile what `backward` needs. After that,
/// `truth` holds grad_loss[l] times the derivative of lane l's loss with respect to each true
/// logit, and so do `sampled` times factor[l] for the sampled ones.
template <class Loss>
concept TileLoss = std::constructible_from<Loss, std::int64_t, Scratch&> &&
                   requires(const Loss loss, const LogitsTile<typename Loss::Value>& tile,
                            typename Loss::Value* out, const typename Loss::Value* grad_loss,
                            typename Loss::Value* factor) {
                     loss.forward(tile, out);
                     loss.backward(tile, grad_loss, factor);
                   };

}  // namespace manyclass
