#include "manyclass/labels.hpp"

#include "checks.hpp"

namespace manyclass {

LabelsView::LabelsView(VectorView<const std::int64_t> values,
                       VectorView<const std::int64_t> row_splits, std::string_view argument)
    : ids_{values.data, values.size, 1, values.stride},
      row_splits_(row_splits),
      batch_(row_splits.size - 1) {
  require(row_splits.size >= 1, argument,
          ".row_splits is empty; it must have one entry more than there are examples");
  require(row_splits[0] == 0, argument, ".row_splits[0] is ", row_splits[0], "; it must be 0");
  for (std::int64_t i = 1; i < row_splits.size; ++i) {
    require(row_splits[i - 1] <= row_splits[i], argument, ".row_splits[", i, "] is ", row_splits[i],
            ", below the ", row_splits[i - 1], " before it; row_splits must not fall");
  }
  require(row_splits[batch_] == values.size, argument, ".row_splits ends with ", row_splits[batch_],
          "; it must end with the number of ", argument, ".values, ", values.size);
}

}  // namespace manyclass
