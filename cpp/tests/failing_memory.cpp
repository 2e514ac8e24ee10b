#include "failing_memory.hpp"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

std::atomic<std::int64_t> left{never};  // allocations until the one that fails
std::atomic<bool> lasting{false};
std::atomic<bool> failed{false};
std::atomic<std::int64_t> held{0};

bool fails() {
  if (left.load() == never) return false;
  const std::int64_t before = left.fetch_sub(1);
  if (before != 1 && !(before < 1 && lasting)) return false;
  failed = true;
  return true;
}

void* allocate(std::size_t size, std::size_t alignment) {
  if (fails()) throw std::bad_alloc();
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, size == 0 ? 1 : size) != 0) throw std::bad_alloc();
  ++held;
  return memory;
}

void give_back(void* memory) {
  if (memory != nullptr) --held;
  std::free(memory);
}

}  // namespace

MemoryFailure::MemoryFailure(std::int64_t n, bool lasts) {
  failed = false;
  lasting = lasts;
  left = n;
}
MemoryFailure::~MemoryFailure() { end(); }
void MemoryFailure::end() { left = never; }
bool MemoryFailure::happened() const { return failed; }
std::int64_t allocations_held() { return held; }

// The forms for arrays, and those that do not throw, come down to these.
void* operator new(std::size_t size) { return allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give_back(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { give_back(memory); }

// The linker leads the core's calls of calloc here.
extern "C" void* __real_calloc(std::size_t count, std::size_t size);
extern "C" void* __wrap_calloc(std::size_t count, std::size_t size);
extern "C" void* __wrap_calloc(std::size_t count, std::size_t size) {
  return fails() ? nullptr : __real_calloc(count, size);
}
