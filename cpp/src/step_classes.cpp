#include "manyclass/step_classes.hpp"

#include <algorithm>
#include <limits>

#include "checks.hpp"
#include "entry_groups.hpp"

namespace manyclass {

Buffer<std::int64_t> find_step_classes(MatrixView<const std::int64_t> labels,
                                       VectorView<const std::int64_t> candidates,
                                       MatrixView<std::int64_t> label_places,
                                       VectorView<std::int64_t> candidate_places) {
  require(label_places.rows == labels.rows && label_places.cols == labels.cols,
          "label_places has shape [", label_places.rows, ", ", label_places.cols,
          "]; it must have the shape of labels, [", labels.rows, ", ", labels.cols, "]");
  require(candidate_places.size == candidates.size, "candidate_places has ", candidate_places.size,
          " entries; it must have one for each of the ", candidates.size, " candidates");
  const std::int64_t num_labels = labels.rows * labels.cols;
  const std::int64_t num_entries = num_labels + candidates.size;
  Scratch scratch;
  auto* ids = scratch.take<std::int64_t>(num_entries);
  // Read once: another thread may write where labels are.
  for (std::int64_t i = 0; i < labels.rows; ++i) {
    for (std::int64_t j = 0; j < labels.cols; ++j) {
      const std::int64_t id = labels.row(i)[j];
      require(id >= 0, "labels[", i, ", ", j, "] is ", id, "; a class must not be negative");
      ids[i * labels.cols + j] = id;
    }
  }
  for (std::int64_t k = 0; k < candidates.size; ++k) {
    const std::int64_t id = candidates[k];
    require(id >= 0, "sampled_candidates[", k, "] is ", id, "; a class must not be negative");
    ids[num_labels + k] = id;
  }

  // A limit of 2^63 - 1 has as many bits as one of 2^63, which is no int64.
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const std::int64_t largest = num_entries == 0 ? 0 : *std::max_element(ids, ids + num_entries);
  const EntryGroups groups =
      group_entries(ids, num_entries, std::min(largest, most - 1) + 1, scratch);
  Buffer<std::int64_t> classes(groups.num_groups);
  for (std::int64_t g = 0; g < groups.num_groups; ++g) {
    classes[g] = groups.keys[g];
    for (std::int64_t i = groups.begin[g]; i < groups.begin[g + 1]; ++i) {
      const std::int64_t e = groups.entries[i];
      if (e < num_labels) {
        label_places.row(e / labels.cols)[e % labels.cols] = g;
      } else {
        candidate_places[e - num_labels] = g;
      }
    }
  }
  return classes;
}

}  // namespace manyclass
