// How work is cut, and how many threads it is worth.
#pragma once

#include <algorithm>
#include <cstdint>

namespace manyclass {

inline std::int64_t divide_up(std::int64_t n, std::int64_t d) { return (n + d - 1) / d; }
inline std::int64_t round_up(std::int64_t n, std::int64_t d) { return divide_up(n, d) * d; }

/// Waking a thread takes as long as about this many multiplications and additions, sharing a loop
/// with one that is awake as long as so many.
inline constexpr double products_per_wake = 1.5e6;
inline constexpr double products_per_share = 0.1e6;

/// Up to `num_threads`, so many that each has `products_each` to do. Multiplications and additions
/// are counted; results never depend on the number of threads, so this may be a guess.
inline int threads_worth(double products, double products_each, int num_threads) {
  const double useful = std::max(1.0, products / products_each);
  return useful < num_threads ? static_cast<int>(useful) : num_threads;
}

}  // namespace manyclass
