// Refusing labels that are no classes, and weights of theirs that make no targets.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <ostream>
#include <string_view>

#include "checks.hpp"
#include "manyclass/labels.hpp"

namespace manyclass {

/// Where something stands that has the shape of labels, for messages: [i, j], or [i] if ragged.
struct LabelPlace {
  const LabelsView& labels;
  std::int64_t i;
  std::int64_t j;
  friend std::ostream& operator<<(std::ostream& out, const LabelPlace& place) {
    out << "[" << place.i;
    if (!place.labels.is_ragged()) out << ", " << place.j;
    return out << "]";
  }
};

/// Refuses labels of which one lies outside [0, num_classes).
inline void check_labels(const LabelsView& labels, std::int64_t num_classes,
                         std::string_view argument) {
  const MatrixView<const std::int64_t> ids = labels.ids();
  const char* values = labels.is_ragged() ? ".values" : "";
  for (std::int64_t i = 0; i < ids.rows; ++i) {
    for (std::int64_t j = 0; j < ids.cols; ++j) {
      require_class(ids.row(i)[j], num_classes, argument, values, LabelPlace{labels, i, j});
    }
  }
}

/// Refuses weights that are not one for each label, or negative, or not finite, by themselves or in
/// the sum of an example's.
template <class T>
void check_label_weights(const LabelsView& labels, const MatrixView<const T>& weights) {
  const MatrixView<const std::int64_t> ids = labels.ids();
  if (weights.data == nullptr) return;
  require(!labels.is_ragged() || weights.rows == ids.rows, "label_weights has ", weights.rows,
          " entries; it must have one for each of the ", ids.rows, " labels");
  require(weights.rows == ids.rows && weights.cols == ids.cols, "label_weights has shape [",
          weights.rows, ", ", weights.cols, "]; it must have the shape of labels, [", ids.rows,
          ", ", ids.cols, "]");
  for (std::int64_t i = 0; i < weights.rows; ++i) {
    for (std::int64_t j = 0; j < weights.cols; ++j) {
      const T weight = weights.row(i)[j];
      require(weight >= T{0} && std::isfinite(weight), "label_weights", LabelPlace{labels, i, j},
              " is ", weight, "; it must be finite and not negative");
    }
  }
  for (std::int64_t i = 0; i < labels.batch(); ++i) {
    double total = 0.0;
    for (std::int64_t e = labels.first(i); e < labels.first(i + 1); ++e) {
      total += double{weights.row(e / weights.cols)[e % weights.cols]};
    }
    require(total <= double{std::numeric_limits<T>::max()}, "label_weights of example ", i,
            " have the sum ", total, ", which is beyond their dtype");
  }
}

}  // namespace manyclass
