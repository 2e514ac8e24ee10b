#include "manyclass/alias_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

// The smallest t with k < p 2^32  <=>  k < t for every 32-bit k; 2^32 itself does not fit, but a
// full bucket is its own alias.
std::uint32_t threshold_of(double p, AliasThresholds thresholds) {
  if (thresholds == AliasThresholds::float32) p = static_cast<float>(p);
  constexpr double most = std::numeric_limits<std::uint32_t>::max();
  return static_cast<std::uint32_t>(std::min(std::ceil(p * 0x1p32), most));
}

}  // namespace

void fill_alias_entries(std::span<const double> scaled, AliasThresholds thresholds,
                        std::span<AliasEntry> entries) {
  std::vector<double> left(scaled.begin(), scaled.end());
  std::vector<std::uint32_t> low;
  std::vector<std::uint32_t> high;
  for (std::size_t i = 0; i < left.size(); ++i) {
    (left[i] < 1.0 ? low : high).push_back(static_cast<std::uint32_t>(i));
  }
  for (std::size_t paired = 1; !low.empty() && !high.empty(); ++paired) {
    if (paired % (1 << 16) == 0) poll_interrupt();  // never for a block of BlockAliasTable
    const std::uint32_t l = low.back();
    const std::uint32_t h = high.back();
    low.pop_back();
    high.pop_back();
    entries[l] = {threshold_of(left[l], thresholds), h};
    left[h] -= 1.0 - left[l];
    (left[h] < 1.0 ? low : high).push_back(h);
  }
  // Rounding leaves a few buckets unpaired; they are full but for rounding. A bucket of weight
  // zero among them must still never be drawn.
  const auto likeliest = static_cast<std::uint32_t>(
      std::distance(scaled.begin(), std::max_element(scaled.begin(), scaled.end())));
  for (const auto* rest : {&low, &high}) {
    for (const std::uint32_t i : *rest) {
      entries[i] =
          scaled[i] > 0.0 ? AliasEntry{threshold_of(1.0, thresholds), i} : AliasEntry{0, likeliest};
    }
  }
}

}  // namespace manyclass
