// The softmax cross entropy over one transposed tile of logits.
#pragma once

#include <cstdint>

namespace manyclass {

/// The logits of `lanes` examples (a multiple of kernels::lane_multiple): class after class, one
/// example a lane.
template <class T>
struct LogitsTile {
  std::int64_t lanes = 0;
  std::int64_t num_true = 0;
  std::int64_t num_sampled = 0;
  T* truth = nullptr;    // [num_true, lanes]
  T* sampled = nullptr;  // [num_sampled, lanes]
};

/// Per lane: the sums of exp over true and over sampled logits, after the loss.
template <class T>
struct SoftmaxSums {
  T* truth = nullptr;    // [lanes]
  T* sampled = nullptr;  // [lanes]
};

/// loss[l] = logsumexp of lane l minus the mean of its true logits. Logits become
/// exp(logit - maximum). `shift` is scratch for one lane each.
template <class T>
void softmax_loss(const LogitsTile<T>& tile, const SoftmaxSums<T>& sums, T* shift, T* loss);

/// After `softmax_loss`: exponentials become grad_loss[l] * (softmax - target), the target being
/// 1 / num_true for true logits. `factor` is scratch for one lane each.
template <class T>
void softmax_gradient(const LogitsTile<T>& tile, const SoftmaxSums<T>& sums, const T* grad_loss,
                      T* factor);

}  // namespace manyclass
