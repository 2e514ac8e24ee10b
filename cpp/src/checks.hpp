// Refusing bad arguments: std::invalid_argument with a message built from the parts given.
#pragma once

#include <cstdint>
#include <sstream>
#include <stdexcept>

namespace manyclass {

template <class... Parts>
[[noreturn]] void refuse(const Parts&... parts) {
  std::ostringstream message;
  (message << ... << parts);
  throw std::invalid_argument(message.str());
}

template <class... Parts>
void require(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    refuse(parts...);
}

inline bool is_class(std::int64_t id, std::int64_t limit) {
  return static_cast<std::uint64_t>(id) < static_cast<std::uint64_t>(limit);
}

/// Refuses `id` unless it lies in [0, limit); `place` says where it stands, as in "labels[3, 0]".
template <class... Place>
void require_class(std::int64_t id, std::int64_t limit, const Place&... place) {
  require(is_class(id, limit), place..., " is ", id, ", outside [0, ", limit, ")");
}

}  // namespace manyclass
