// Which classes a step needs the rows of: for who gathers them before the loss.
#pragma once

#include <cstdint>

#include "manyclass/buffer.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Returns the classes that occur among labels and candidates, each once and ascending, and writes
/// the place of each label and of each candidate among them.
///
/// Throws std::invalid_argument, before anything is written, if a class is negative or what is
/// written has another shape. O(labels + candidates), whatever the classes.
Buffer<std::int64_t> find_step_classes(MatrixView<const std::int64_t> labels,
                                       VectorView<const std::int64_t> candidates,
                                       MatrixView<std::int64_t> label_places,
                                       VectorView<std::int64_t> candidate_places);

}  // namespace manyclass
