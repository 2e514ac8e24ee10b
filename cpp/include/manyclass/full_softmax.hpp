// The exact softmax over all classes, streamed: the batch x classes matrix is never in memory.
#pragma once

#include "manyclass/sampled_loss.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Throws std::invalid_argument if shapes disagree, a label lies outside [0, num_classes), or
/// bfloat16 is asked for with other arrays than float's. All functions of the exact softmax do so
/// too, before anything is written; this is for who hands over a large batch in parts. A null
/// `grad_loss` is none.
template <class T, class W = T>
void check_full_softmax(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                        VectorView<const T> grad_loss = {},
                        ComputeDtype compute_dtype = ComputeDtype::of_arrays);

/// loss[i] = the sum over classes c of target * (logsumexp of all logits - logit c), where logits
/// are <x_i, W[c]> + b[c] and targets those of Examples, those of a repeated label added up. An
/// example without labels, or whose weights are all 0, has no target: its loss and its gradient are
/// 0.
///
/// Rows may be Bfloat16 where T is float; they are read as the float32 that they are. With
/// `compute_dtype` bfloat16, of float alone, rows and inputs are rounded to bfloat16 where they are
/// multiplied; products, sums and all else are float32's.
///
/// `num_threads` 0 means get_num_threads().
template <class T, class W = T>
void full_softmax_loss(const OutputLayer<T, W>& layer, const Examples<T>& examples, int num_threads,
                       VectorView<T> loss, ComputeDtype compute_dtype = ComputeDtype::of_arrays);

}  // namespace manyclass
