// The exact softmax over all classes, streamed: the batch x classes matrix is never in memory.
#pragma once

#include "manyclass/sampled_loss.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Throws std::invalid_argument if shapes disagree or a label lies outside [0, num_classes). All
/// functions of the exact softmax do so too, before anything is written; this is for who hands over
/// a large batch in parts. A null `grad_loss` is none.
template <class T>
void check_full_softmax(const OutputLayer<T>& layer, const Examples<T>& examples,
                        VectorView<const T> grad_loss = {});

/// loss[i] = the sum over classes c of target * (logsumexp of all logits - logit c), where logits
/// are <x_i, W[c]> + b[c] and targets those of Examples, those of a repeated label added up. An
/// example without labels, or whose weights are all 0, has no target: its loss and its gradient are
/// 0.
///
/// `num_threads` 0 means get_num_threads().
template <class T>
void full_softmax_loss(const OutputLayer<T>& layer, const Examples<T>& examples, int num_threads,
                       VectorView<T> loss);

}  // namespace manyclass
