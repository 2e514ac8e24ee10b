// Walker's alias method (Walker 1977, Vose 1991): a draw from any distribution in O(1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace manyclass {

/// A table of n buckets. Bucket b keeps itself with probability threshold / 2^32 and gives its
/// alias otherwise.
class AliasTable {
 public:
  /// How thresholds are rounded: to 32 bits, or first to float32 as TensorFlow stores them.
  enum class Thresholds { bits32, float32 };

  /// `scaled` holds n times each probability (mean 1; finite, none negative, at most 2^32 of
  /// them). The pairs are made in the order of TensorFlow's DistributionSampler, which decides
  /// what a given random word draws. O(n).
  AliasTable(std::span<const double> scaled, Thresholds thresholds);

  std::int64_t size() const { return static_cast<std::int64_t>(entries_.size()); }

  /// What bucket `bucket` gives for the 32-bit fraction `fraction`.
  std::uint32_t pick(std::uint32_t bucket, std::uint32_t fraction) const {
    const Entry& entry = entries_[bucket];
    return fraction < entry.threshold ? bucket : entry.alias;
  }

  /// One draw from one 64-bit word: the upper half of word * n is the bucket, the lower half,
  /// uniform given the bucket, the fraction.
  std::uint32_t draw(std::uint64_t word) const {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{word} * entries_.size();
    return pick(static_cast<std::uint32_t>(product >> 64),
                static_cast<std::uint32_t>(static_cast<std::uint64_t>(product) >> 32));
  }

 private:
  struct Entry {
    std::uint32_t threshold;
    std::uint32_t alias;
  };
  std::vector<Entry> entries_;
};

}  // namespace manyclass
