// The classes of the largest logits: for serving.
#pragma once

#include <cstdint>

#include "manyclass/labels.hpp"
#include "manyclass/sampled_loss.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Where the k best classes of each example go, best first: all of shape [batch, k].
template <class T>
struct TopK {
  MatrixView<T> values;               // logits <x, W[c]> + b[c]
  MatrixView<std::int64_t> indices;   // the classes c
  MatrixView<T> log_probabilities{};  // logit - logsumexp of all logits; null if not wanted
};

/// Throws std::invalid_argument unless k lies in [1, num_classes]. `top_k` does so too; this is for
/// who must know before memory for the result is taken.
template <class T, class W = T>
void check_k(const OutputLayer<T, W>& layer, std::int64_t k);

/// Finds the k classes of the largest logits of each example, all of which are computed. Of equal
/// logits the smaller class is ahead; NaN is behind all others. Classes are streamed: the batch x
/// classes matrix is never in memory.
///
/// `excluded` holds, as labels do, classes that each example may not be answered, in any order; a
/// default-constructed view excludes none. They do count in log_probabilities.
///
/// Bfloat16 rows and `compute_dtype` are those of `full_softmax_loss`; `num_threads` 0 means
/// get_num_threads(). Throws std::invalid_argument, before anything is written, if shapes disagree,
/// k is below 1 or above the number of classes that are left, an excluded class lies outside
/// [0, num_classes), or bfloat16 is asked for with other arrays than float's.
template <class T, class W = T>
void top_k(const OutputLayer<T, W>& layer, MatrixView<const T> inputs, const LabelsView& excluded,
           int num_threads, const TopK<T>& result,
           ComputeDtype compute_dtype = ComputeDtype::of_arrays);

}  // namespace manyclass
