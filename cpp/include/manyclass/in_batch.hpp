// The labels of a batch as its candidates.
#pragma once

#include <cstdint>
#include <string_view>

#include "manyclass/samplers.hpp"
#include "manyclass/streaming_frequencies.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Each class among the labels, shape [batch, num_true], once and in ascending order, with the
/// expected count of a class of frequency p: 1 - (1 - p)^n, the chance to be among the
/// n = (batch - 1) * num_true labels of the other rows. (A row's own labels are no candidates of
/// that row: the losses take them out as accidental hits.) For one row, n is num_true. No count is
/// below the smallest normal float.
///
/// If `counted`, the frequencies are those that there will be once `frequencies.update(labels)` has
/// counted these labels, which is the caller's to do. Throws std::invalid_argument if a label lies
/// outside [0, num_classes) or has the frequency zero.
SampledValues in_batch_candidates(MatrixView<const std::int64_t> labels,
                                  const StreamingFrequencies& frequencies, bool counted,
                                  std::string_view argument = "true_classes");

}  // namespace manyclass
