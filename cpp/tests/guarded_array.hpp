// Arrays beside memory that nobody may touch: an access beyond them ends the test program.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <new>
#include <vector>

namespace manyclass {

/// On which side of an array the forbidden page begins without a gap. The other side has one too,
/// after the rest of a page.
enum class Guard { before, behind };

template <class T>
class GuardedArray {
 public:
  GuardedArray(const std::vector<T>& values, Guard guard) : size_(values.size()) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t bytes = size_ * sizeof(T);
    const std::size_t room = (bytes + page - 1) / page * page;
    mapped_ = room + 2 * page;
    void* memory =
        mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    memory_ = static_cast<std::byte*>(memory);
    std::byte* start = memory_ + page + (guard == Guard::before ? 0 : room - bytes);
    data_ = reinterpret_cast<T*>(start);
    std::copy(values.begin(), values.end(), data_);
    if (mprotect(memory_, page, PROT_NONE) != 0) throw std::bad_alloc();
    if (mprotect(memory_ + page + room, page, PROT_NONE) != 0) throw std::bad_alloc();
  }
  ~GuardedArray() { munmap(memory_, mapped_); }
  GuardedArray(const GuardedArray&) = delete;
  GuardedArray& operator=(const GuardedArray&) = delete;

  T* data() { return data_; }
  std::vector<T> values() const { return {data_, data_ + size_}; }

 private:
  std::size_t size_;
  std::size_t mapped_;
  std::byte* memory_;
  T* data_;
};

}  // namespace manyclass
