// A place in a random stream as Python holds it: three integers.
#pragma once

#include <pybind11/stl.h>

#include <cstdint>
#include <tuple>

#include "manyclass/random.hpp"

namespace manyclass::bindings {

/// Both seeds and the block.
using Place = std::tuple<std::uint64_t, std::uint64_t, std::uint64_t>;

inline Place place_of(const PhiloxStream& stream) {
  return {stream.seed().first, stream.seed().second, stream.block()};
}
inline PhiloxStream stream_at(const Place& place) {
  const auto [first, second, block] = place;
  return PhiloxStream({first, second}, block);
}

}  // namespace manyclass::bindings
