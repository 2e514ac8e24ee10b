// Where the true classes stand among all classes.
#pragma once

#include <cstdint>

#include "manyclass/sampled_loss.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// ranks[e] = 1 + the number of classes whose logit is above that of label e, or equal to it and of
/// a smaller class; labels are numbered row after row. A label whose logit is NaN has the last
/// rank, num_classes; other classes' NaN logits are above nothing.
///
/// Bfloat16 rows and `compute_dtype` are those of `full_softmax_loss`; `num_threads` 0 means
/// get_num_threads(). Throws std::invalid_argument, before anything is written, if shapes disagree,
/// a label lies outside [0, num_classes), or bfloat16 is asked for with other arrays than float's.
template <class T, class W = T>
void label_ranks(const OutputLayer<T, W>& layer, const Examples<T>& examples, int num_threads,
                 VectorView<std::int64_t> ranks,
                 ComputeDtype compute_dtype = ComputeDtype::of_arrays);

/// Both, with the bits of `full_softmax_loss` and `label_ranks`, in one pass over the classes.
template <class T, class W = T>
void full_softmax_loss_and_ranks(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                                 int num_threads, VectorView<T> loss,
                                 VectorView<std::int64_t> ranks,
                                 ComputeDtype compute_dtype = ComputeDtype::of_arrays);

}  // namespace manyclass
