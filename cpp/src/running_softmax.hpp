// A softmax over blocks of classes that arrive one after another.
#pragma once

#include <cstdint>

#include "class_stream.hpp"

namespace manyclass {

/// Of one example: the largest logit and the sum of exp(logit - largest).
template <class T>
struct SoftmaxTotal {
  T top;
  double sum;
  double logsumexp() const;
};

/// A running maximum and, relative to it, a running sum of exponentials: for each segment of
/// classes and each lane.
template <class T>
class RunningSoftmax {
 public:
  RunningSoftmax(std::int64_t num_segments, Scratch& scratch);

  void reset();
  /// Takes a block in.
  void add(const ClassBlock<T>& block);
  /// Lane l over all segments, added up in their order.
  SoftmaxTotal<T> total(std::int64_t l) const;

 private:
  std::int64_t num_segments_;
  T* top_;       // [segments, most lanes]
  double* sum_;  // [segments, most lanes]
};

}  // namespace manyclass
