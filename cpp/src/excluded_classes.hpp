// The classes that each example may not be answered.
#pragma once

#include <cstdint>

#include "manyclass/labels.hpp"
#include "scratch.hpp"

namespace manyclass {

/// Sorted sets of classes, one for each example of a batch.
class ExcludedClasses {
 public:
  /// Throws std::invalid_argument if a class lies outside [0, num_classes), or if there is not a
  /// set for each example, unless there are none at all.
  ExcludedClasses(const LabelsView& excluded, std::int64_t batch, std::int64_t num_classes,
                  Scratch& scratch);

  /// The size of an example's set.
  std::int64_t count(std::int64_t example) const {
    return begin_ == nullptr ? 0 : end_[example] - begin_[example];
  }
  bool contains(std::int64_t example, std::int64_t class_id) const;

 private:
  std::int64_t* ids_ = nullptr;
  std::int64_t* begin_ = nullptr;  // [batch], into ids_
  std::int64_t* end_ = nullptr;
};

}  // namespace manyclass
