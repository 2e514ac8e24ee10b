// Asking for memory before it is needed.
#pragma once

#include <cstdint>

namespace manyclass {

inline void prefetch(const void* place) { __builtin_prefetch(place); }

/// All cache lines of `count` elements.
template <class T>
void prefetch_row(const T* row, std::int64_t count) {
  constexpr auto per_line = static_cast<std::int64_t>(64 / sizeof(T));
  for (std::int64_t i = 0; i < count; i += per_line) prefetch(row + i);
  prefetch(row + count - 1);  // a row may begin within a line
}

}  // namespace manyclass
