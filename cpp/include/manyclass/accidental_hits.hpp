// Candidates that are true classes.
#pragma once

#include <cstdint>
#include <vector>

#include "manyclass/views.hpp"

namespace manyclass {

/// Entry h says that example indices[h] has the candidate at position ids[h] as a true class.
/// `weights` are all -FLT_MAX: what TensorFlow adds to the logits of hits.
struct AccidentalHits {
  std::vector<std::int32_t> indices;
  std::vector<std::int64_t> ids;
  std::vector<float> weights;
};

/// The hits in the order of `true_classes` [batch, num_true], row after row. Of a candidate that
/// is there several times only the last is a hit; a true class repeated in a row is a hit each
/// time (tf.nn.compute_accidental_hits). Any ids. O(batch * num_true + candidates).
///
/// Throws std::invalid_argument if there are 2^31 or more examples.
AccidentalHits compute_accidental_hits(MatrixView<const std::int64_t> true_classes,
                                       VectorView<const std::int64_t> sampled_candidates);

}  // namespace manyclass
