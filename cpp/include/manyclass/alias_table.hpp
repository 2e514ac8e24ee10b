// Walker's alias method (Walker 1977, Vose 1991): a draw from any distribution in O(1).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace manyclass {

/// A bucket keeps itself with probability threshold / 2^32 and gives its alias otherwise.
struct AliasEntry {
  std::uint32_t threshold;
  std::uint32_t alias;
};

/// How thresholds are rounded: to 32 bits, or first to float32 as TensorFlow stores them.
enum class AliasThresholds { bits32, float32 };

/// Fills `entries` for probabilities scaled to mean 1 (finite, none negative, at most 2^32 of
/// them). Buckets are paired in the order of TensorFlow's DistributionSampler, which decides what a
/// given random word draws. O(n).
void fill_alias_entries(std::span<const double> scaled, AliasThresholds thresholds,
                        std::span<AliasEntry> entries);

/// What bucket `bucket` gives for the 32-bit fraction `fraction`.
inline std::uint32_t pick_alias(const AliasEntry* entries, std::uint32_t bucket,
                                std::uint32_t fraction) {
  const AliasEntry entry = entries[bucket];
  // Which of the two is a matter of chance: a mask, where a branch would be foretold wrongly.
  const std::uint32_t keep = 0U - static_cast<std::uint32_t>(fraction < entry.threshold);
  return (bucket & keep) | (entry.alias & ~keep);
}

/// One draw from `size` entries and one 64-bit word: the upper half of word * size is the bucket,
/// the lower half, uniform given the bucket, the fraction.
inline std::uint32_t draw_alias(const AliasEntry* entries, std::uint64_t size, std::uint64_t word) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = Wide{word} * size;
  return pick_alias(entries, static_cast<std::uint32_t>(product >> 64),
                    static_cast<std::uint32_t>(static_cast<std::uint64_t>(product) >> 32));
}

}  // namespace manyclass
