// An array that a result owns.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>

namespace manyclass {

/// Memory that begins with a cache line, for `count` elements, and how to give it back.
template <class T>
T* new_aligned(std::int64_t count) {
  static_assert(std::is_trivial_v<T>);
  return static_cast<T*>(
      ::operator new(static_cast<std::size_t>(count) * sizeof(T), std::align_val_t{64}));
}
inline void delete_aligned(void* data) { ::operator delete(data, std::align_val_t{64}); }

/// `size` elements on the heap, not initialised when made.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::int64_t size) : data_(new_aligned<T>(size)), size_(size) {}

  T* data() const { return data_.get(); }
  std::int64_t size() const { return size_; }
  T& operator[](std::int64_t i) const { return data_[static_cast<std::size_t>(i)]; }
  /// Gives the memory up; whoever takes it must `delete_aligned` it.
  T* release() {
    size_ = 0;
    return data_.release();
  }

 private:
  struct Delete {
    void operator()(T* data) const { delete_aligned(data); }
  };
  std::unique_ptr<T[], Delete> data_;
  std::int64_t size_ = 0;
};

}  // namespace manyclass
