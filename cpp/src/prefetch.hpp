// Asking for memory before it is needed.
#pragma once

#include <cstdint>

namespace manyclass {

/// All cache lines of `count` elements. Inlined by force, as whatever does nothing else must be:
/// GCC drops the call of a function without a visible effect.
template <class T>
[[gnu::always_inline]] inline void prefetch_row(const T* row, std::int64_t count) {
  constexpr auto per_line = static_cast<std::int64_t>(64 / sizeof(T));
  for (std::int64_t i = 0; i < count; i += per_line) __builtin_prefetch(row + i);
  __builtin_prefetch(row + count - 1);  // a row may begin within a line
}

}  // namespace manyclass
