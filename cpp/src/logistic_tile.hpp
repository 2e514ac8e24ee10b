// The logistic loss of each class by itself over one tile of logits: noise-contrastive estimation
// and negative sampling.
#pragma once

#include "logits_tile.hpp"

namespace manyclass {

template <class T>
class LogisticTile {
 public:
  using Value = T;

  LogisticTile(std::int64_t lanes, std::int64_t num_labels, Scratch& scratch);

  /// loss[l] = the sum over lane l's logits z of softplus(z) - target * z. Logits become
  /// sigmoid(z) - target.
  void forward(const LogitsTile<T>& tile, T* loss) const;

  /// factor[l] = grad_loss[l], by which the true derivatives are multiplied.
  void backward(const LogitsTile<T>& tile, const T* grad_loss, T* factor) const;

 private:
  void add_truth(const LogitsTile<T>& tile) const;
  void add_sampled(const LogitsTile<T>& tile) const;

  double* total_;  // one entry a lane
  T* part_;        // one entry a lane or a label
  T* logit_;       // one entry a label
};

}  // namespace manyclass
