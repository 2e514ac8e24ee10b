// The lock of objects that a forked child goes on using.
#pragma once

#include <shared_mutex>

namespace manyclass {

/// A shared mutex. `fork` waits until no thread holds one exclusively, and a child finds all of
/// them free: so what one guards is whole in the child, even if other threads of the parent, which
/// the child lacks, were reading or about to write.
///
/// Who holds one exclusively must not wait for anything that the forking thread may hold, such as
/// Python's GIL, and must not fork.
class ForkSafeMutex {
 public:
  ForkSafeMutex();
  ~ForkSafeMutex();
  ForkSafeMutex(const ForkSafeMutex&) = delete;
  ForkSafeMutex& operator=(const ForkSafeMutex&) = delete;

  void lock();
  void unlock();
  void lock_shared() { mutex_.lock_shared(); }
  void unlock_shared() { mutex_.unlock_shared(); }

 private:
  friend struct AllForkSafeMutexes;

  std::shared_mutex mutex_;
  ForkSafeMutex* previous_ = nullptr;  // in the list of all
  ForkSafeMutex* next_ = nullptr;
};

}  // namespace manyclass
