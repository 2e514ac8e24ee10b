// Refusing labels that are no classes.
#pragma once

#include <cstdint>
#include <string_view>

#include "checks.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Refuses labels, shape [batch, num_true], of which one lies outside [0, num_classes).
inline void check_labels(MatrixView<const std::int64_t> labels, std::int64_t num_classes,
                         std::string_view argument) {
  for (std::int64_t i = 0; i < labels.rows; ++i) {
    for (std::int64_t j = 0; j < labels.cols; ++j) {
      require_class(labels.row(i)[j], num_classes, argument, "[", i, ", ", j, "]");
    }
  }
}

}  // namespace manyclass
