// Integer weights that grow by one, and a pick in proportion to them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

#include "manyclass/views.hpp"

namespace manyclass {

/// A weight for each class 0 .. size - 1, at first 1, and their prefix sums: a Fenwick tree
/// (Fenwick 1994) over blocks of 16 classes. `pick` and `increment` take O(log size).
///
/// Only what was added to the ones is stored, so a new tree is memory that nobody has touched: it
/// costs no time, and no memory until classes are incremented.
class WeightTree {
 public:
  /// The most that all weights may sum to: 2^31 - 1.
  static constexpr std::int64_t most_total = 0x7fffffff;

  /// `size` is at least 1 and at most `most_total`.
  explicit WeightTree(std::int64_t size);

  std::int64_t size() const { return size_; }
  std::int64_t total() const { return total_; }
  std::int64_t weight(std::int64_t class_id) const {
    return 1 + std::int64_t{added_.get()[class_id]};
  }

  /// The class whose weights hold `position`, in [0, total()), when all weights are laid one after
  /// another.
  std::int64_t pick(std::int64_t position) const;

  /// Adds 1 to a weight. The total must be below `most_total`.
  void increment(std::int64_t class_id);

  /// Replaces all weights, in O(size). Throws std::invalid_argument, before anything changes,
  /// unless there are `size()` of them, each is at least 1 and their sum at most `most_total`.
  void assign(VectorView<const std::int64_t> weights);

 private:
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  using Counts = std::unique_ptr<std::uint32_t[], Free>;
  static Counts zeros(std::int64_t size);

  std::int64_t size_;
  std::int64_t num_blocks_;
  std::int64_t total_;
  Counts added_;  // [size], each weight less 1
  Counts sums_;   // [num_blocks + 1], sums_[b] of blocks (b - lowest bit of b) .. b - 1
};

}  // namespace manyclass
