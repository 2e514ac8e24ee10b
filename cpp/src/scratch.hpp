// Memory for the length of one call, kept for the next one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

namespace manyclass {

/// Hands out uninitialised arrays that live until this object dies. Not for several threads at
/// once: whoever shares work out takes all memory first. At most 64 MB of a call's memory stay
/// allocated for a later one, and that of four calls; everything above goes back to the system.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  /// `count` elements, aligned to 64 bytes.
  template <class T>
  T* take(std::int64_t count) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= 64);
    return static_cast<T*>(take_bytes(static_cast<std::size_t>(count) * sizeof(T)));
  }

  struct Arena;

 private:
  void* take_bytes(std::size_t bytes);

  std::unique_ptr<Arena> arena_;
};

}  // namespace manyclass
