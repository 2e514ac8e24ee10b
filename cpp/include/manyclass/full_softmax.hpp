// The exact softmax over all classes, streamed: the batch x classes matrix is never in memory.
#pragma once

#include "manyclass/sampled_loss.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// loss[i] = the sum over classes c of target * (logsumexp of all logits - logit c), where logits
/// are <x_i, W[c]> + b[c] and targets those of Examples, those of a repeated label added up. An
/// example without labels, or whose weights are all 0, has no target: its loss and its gradient are
/// 0.
///
/// `num_threads` 0 means get_num_threads(). Throws std::invalid_argument, before anything is
/// written, if shapes disagree or a label lies outside [0, num_classes).
template <class T>
void full_softmax_loss(const OutputLayer<T>& layer, const Examples<T>& examples, int num_threads,
                       VectorView<T> loss);

/// Where the gradients of sum_i grad_loss[i] * loss[i] go: tables cut as those of the layer, and
/// [batch, dim]. All of them are overwritten.
template <class T>
struct DenseGradients {
  RowsView<T> weights;
  RowsView<T> biases;
  MatrixView<T> inputs;
};

/// The loss and its gradients; a null `grad_loss` is all ones.
template <class T>
void full_softmax_loss_and_grad(const OutputLayer<T>& layer, const Examples<T>& examples,
                                VectorView<const T> grad_loss, int num_threads, VectorView<T> loss,
                                const DenseGradients<T>& gradients);

}  // namespace manyclass
