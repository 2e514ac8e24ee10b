// How many threads a piece of work is worth.
#pragma once

#include <algorithm>

namespace manyclass {

/// Waking a thread takes as long as about this many multiplications and additions.
inline constexpr double products_per_wake = 2e6;

/// Up to `num_threads`, so many that each has enough to do. `products` counts multiplications and
/// additions; results never depend on the number of threads, so this may be a guess.
inline int threads_worth(double products, int num_threads) {
  const double useful = std::max(1.0, products / products_per_wake);
  return useful < num_threads ? static_cast<int>(useful) : num_threads;
}

}  // namespace manyclass
