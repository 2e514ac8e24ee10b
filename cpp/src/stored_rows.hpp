// Rows of weights as the type that they are computed in.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/bfloat16_kernels.hpp"
#include "manyclass/bfloat16.hpp"

namespace manyclass {

/// Calls take(elements, first, count) for the whole row, of `n` elements, where it lies.
template <class T, class Take>
void in_pieces(const T* row, std::int64_t n, Take take) {
  take(row, std::int64_t{0}, n);
}

/// Calls take(elements, first, count) for piece after piece of the row, each widened to float32.
template <class Take>
void in_pieces(const Bfloat16* row, std::int64_t n, Take take) {
  constexpr std::int64_t piece = 256;  // even: pairs are not cut
  float wide[piece];
  for (std::int64_t first = 0; first < n; first += piece) {
    const std::int64_t count = std::min(piece, n - first);
    kernels::bfloat16_table().widen(row + first, count, wide);
    take(static_cast<const float*>(wide), first, count);
  }
}

}  // namespace manyclass
