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
/// `num_threads` 0 means get_num_threads(). Throws std::invalid_argument, before anything is
/// written, if shapes disagree or a label lies outside [0, num_classes).
template <class T>
void label_ranks(const OutputLayer<T>& layer, const Examples<T>& examples, int num_threads,
                 VectorView<std::int64_t> ranks);

/// Both, with the bits of `full_softmax_loss` and `label_ranks`, in one pass over the classes.
template <class T>
void full_softmax_loss_and_ranks(const OutputLayer<T>& layer, const Examples<T>& examples,
                                 int num_threads, VectorView<T> loss,
                                 VectorView<std::int64_t> ranks);

}  // namespace manyclass
