#include "excluded_classes.hpp"

#include <algorithm>

#include "checks.hpp"
#include "label_checks.hpp"

namespace manyclass {

ExcludedClasses::ExcludedClasses(const LabelsView& excluded, std::int64_t batch,
                                 std::int64_t num_classes, Scratch& scratch) {
  if (excluded.ids().data == nullptr && !excluded.is_ragged()) return;
  require(excluded.batch() == batch, "excluded has ", excluded.batch(), " rows, inputs has ", batch,
          "; both must have one for each example");
  check_labels(excluded, num_classes, "excluded");
  ids_ = scratch.take<std::int64_t>(excluded.size());
  begin_ = scratch.take<std::int64_t>(batch);
  end_ = scratch.take<std::int64_t>(batch);
  std::int64_t last = 0;
  for (std::int64_t i = 0; i < batch; ++i) {
    const std::int64_t first = last;
    last = std::max(first, excluded.first(i + 1));
    for (std::int64_t e = first; e < last; ++e) ids_[e] = excluded[e];
    std::sort(ids_ + first, ids_ + last);
    begin_[i] = first;
    end_[i] = std::unique(ids_ + first, ids_ + last) - ids_;
  }
}

bool ExcludedClasses::contains(std::int64_t example, std::int64_t class_id) const {
  return begin_ != nullptr &&
         std::binary_search(ids_ + begin_[example], ids_ + end_[example], class_id);
}

}  // namespace manyclass
