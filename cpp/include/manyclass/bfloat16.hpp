// The storage type bfloat16, and the type that its arithmetic is done in.
#pragma once

#include <cstdint>
#include <type_traits>

namespace manyclass {

/// The upper half of a float32: 8 bits of exponent, 7 of fraction. Storage only: it is read as
/// float32, and written as `apply_row_updates` tells.
struct Bfloat16 {
  std::uint16_t bits = 0;
};

/// What an element of type T is computed in: float for Bfloat16, else T itself.
template <class T>
using ComputeType = std::conditional_t<std::is_same_v<T, Bfloat16>, float, T>;

}  // namespace manyclass
