// The softmax cross entropy over one tile of logits.
#pragma once

#include "logits_tile.hpp"

namespace manyclass {

template <class T>
class SoftmaxTile {
 public:
  using Value = T;

  SoftmaxTile(std::int64_t lanes, std::int64_t num_labels, Scratch& scratch);

  /// loss[l] = the sum over lane l's logits of target * (their logsumexp - logit). Logits become
  /// exp(logit - maximum).
  void forward(const LogitsTile<T>& tile, T* loss) const;

  /// factor[l] = grad_loss[l] * all targets / the sum of exponentials; the true ones become
  /// grad_loss[l] * (softmax * all targets - target).
  void backward(const LogitsTile<T>& tile, const T* grad_loss, T* factor) const;

 private:
  void find_maxima(const LogitsTile<T>& tile) const;
  void smooth(const LogitsTile<T>& tile, T* loss) const;
  void exponentiate_truth(const LogitsTile<T>& tile) const;
  void smooth_derivatives(const LogitsTile<T>& tile, const T* factor) const;

  // One entry a lane.
  T* shift_;
  T* sum_truth_;  // of exponentials
  T* sum_sampled_;
  T* share_;           // of label smoothing that a term has, relative to its factor
  double* log_sum_;    // of all exponentials but for the largest logit's; before that, other sums
  double* num_terms_;  // set if there is label smoothing
  // One entry a label.
  T* label_shift_;
  T* unused_;
};

}  // namespace manyclass
