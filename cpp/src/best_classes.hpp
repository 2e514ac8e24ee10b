// The k best classes of each example, of blocks of logits that arrive one after another.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "class_stream.hpp"
#include "excluded_classes.hpp"

namespace manyclass {

template <class T>
struct ScoredClass {
  T logit;
  std::int64_t class_id;

  /// The larger logit is ahead, of equal ones the smaller class; NaN is behind all numbers.
  bool is_ahead_of(const ScoredClass& other) const {
    if (logit > other.logit) return true;
    if (logit < other.logit) return false;
    const bool nan = logit != logit;
    const bool other_nan = other.logit != other.logit;
    return nan == other_nan ? class_id < other.class_id : other_nan;
  }
};

/// A heap of the k best classes for each thread and each example of a chunk, the worst on top: a
/// logit below it is left out after one comparison.
template <class T>
class BestClasses {
 public:
  /// Of how many examples the heaps of k classes may be in memory: a whole chunk's unless k is
  /// huge.
  static std::int64_t examples_at_once(std::int64_t k) {
    return std::clamp<std::int64_t>((std::int64_t{1} << 20) / k, 1, ClassStream<T>::most_lanes);
  }

  BestClasses(const Partition& classes, const ExcludedClasses& excluded, std::int64_t k,
              std::int64_t most_examples, int num_threads, Scratch& scratch);

  /// For a chunk of `size` examples from `first` on.
  void reset(std::int64_t first, std::int64_t size);
  void add(const ClassBlock<T>& block);
  /// The k best of example l of the chunk over all threads, best first, or all if there are fewer;
  /// the caller's until the next reset.
  std::span<ScoredClass<T>> sorted(std::int64_t l);

 private:
  ScoredClass<T>* heap(int thread, std::int64_t l) const {
    return heaps_ + (l * num_threads_ + thread) * k_;
  }
  void add_column(const ClassBlock<T>& block, std::int64_t l);

  const Partition& classes_;
  const ExcludedClasses& excluded_;
  std::int64_t k_;
  std::int64_t most_examples_;
  int num_threads_;
  std::int64_t first_ = 0;
  std::int64_t size_ = 0;
  ScoredClass<T>* heaps_;  // [most examples, threads, k]
  std::int64_t* counts_;   // [most examples, threads]
};

}  // namespace manyclass
