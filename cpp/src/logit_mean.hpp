// The mean of each example's logits over all classes, for label smoothing.
#pragma once

#include <cstdint>

#include "class_stream.hpp"

namespace manyclass {

/// Takes blocks of classes that arrive one after another: sums for each segment and each lane.
template <class T>
class LogitMean {
 public:
  LogitMean(std::int64_t num_classes, std::int64_t num_segments, Scratch& scratch);

  void reset();
  void add(const ClassBlock<T>& block);
  /// That of lane l, segments added up in their order.
  double of(std::int64_t l) const;

 private:
  std::int64_t num_classes_;
  std::int64_t num_segments_;
  double* sum_;  // [segments, most lanes]
};

}  // namespace manyclass
