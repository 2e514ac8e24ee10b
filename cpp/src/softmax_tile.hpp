// The softmax cross entropy over one transposed tile of logits.
#pragma once

#include "logits_tile.hpp"

namespace manyclass {

template <class T>
class SoftmaxTile {
 public:
  using Value = T;

  SoftmaxTile(std::int64_t lanes, Scratch& scratch);

  /// loss[l] = logsumexp of lane l minus the mean of its true logits. Logits become
  /// exp(logit - maximum).
  void forward(const LogitsTile<T>& tile, T* loss) const;

  /// factor[l] = grad_loss[l] / the sum of exponentials; the true ones become
  /// grad_loss[l] * (softmax - target).
  void backward(const LogitsTile<T>& tile, const T* grad_loss, T* factor) const;

 private:
  // One entry a lane.
  T* shift_;
  T* sum_truth_;  // of exponentials
  T* sum_sampled_;
  double* log_sum_;  // of all exponentials but for the largest logit's
};

}  // namespace manyclass
