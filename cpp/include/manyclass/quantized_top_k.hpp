// The classes of the largest logits, found in a quantised copy of the rows: for serving.
#pragma once

#include <cstdint>

#include "manyclass/quantized_rows.hpp"
#include "manyclass/top_k.hpp"

namespace manyclass {

/// How many classes are looked at exactly if nobody says: 2 k + 16, or all. docs/serving.md has
/// what was missed with how many.
std::int64_t default_num_reranked(std::int64_t k, std::int64_t num_classes);

/// The `num_reranked` classes of the largest approximate logits, those of `quantized` and of inputs
/// in 16 bits, are scored as `top_k` scores them, to the bit; of these the k best are the answer,
/// with top_k's order. It misses a class only if the approximation puts it behind `num_reranked`
/// others; with all classes re-ranked it is top_k's answer. A row of `quantized` that is not the
/// current row of `layer` costs recall alone.
///
/// Approximate logits of rows or inputs with a NaN or an infinity are NaN, which is behind all
/// numbers; biases are those of `layer`.
///
/// Throws std::invalid_argument as `top_k` does, and if `quantized` has not the shape of the
/// weights, num_reranked lies outside [k, num_classes], or log probabilities are wanted, which need
/// all logits.
void quantized_top_k(const OutputLayer<float>& layer, const QuantizedRows& quantized,
                     MatrixView<const float> inputs, std::int64_t num_reranked,
                     const LabelsView& excluded, int num_threads, const TopK<float>& result);

}  // namespace manyclass
