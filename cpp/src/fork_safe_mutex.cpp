#include "manyclass/fork_safe_mutex.hpp"

#include <mutex>
#include <new>

#include "fork.hpp"

namespace manyclass {

// Never destroyed: objects may outlive the end of main.
struct AllForkSafeMutexes {
  std::mutex entering;        // of the list, and of `writing`: a fork lets nobody in any more
  std::shared_mutex writing;  // held shared by who holds a ForkSafeMutex exclusively
  ForkSafeMutex* first = nullptr;

  static AllForkSafeMutexes& get() {
    static AllForkSafeMutexes* const all = [] {
      if (!around_fork(before_fork, in_parent, in_child)) throw std::bad_alloc();
      return new AllForkSafeMutexes;
    }();
    return *all;
  }

 private:
  static void before_fork() {
    get().entering.lock();
    get().writing.lock();
  }
  static void in_parent() {
    get().writing.unlock();
    get().entering.unlock();
  }
  // Made anew: threads that the child lacks may hold them shared, or wait for them.
  static void in_child() {
    new (&get().entering) std::mutex;
    new (&get().writing) std::shared_mutex;
    for (ForkSafeMutex* it = get().first; it != nullptr; it = it->next_) {
      new (&it->mutex_) std::shared_mutex;
    }
  }
};

namespace {
// Before there can be a second thread, which might be forking.
[[maybe_unused]] const AllForkSafeMutexes& made_at_start = AllForkSafeMutexes::get();
}  // namespace

ForkSafeMutex::ForkSafeMutex() {
  AllForkSafeMutexes& all = AllForkSafeMutexes::get();
  const std::lock_guard lock(all.entering);
  next_ = all.first;
  if (next_ != nullptr) next_->previous_ = this;
  all.first = this;
}

ForkSafeMutex::~ForkSafeMutex() {
  AllForkSafeMutexes& all = AllForkSafeMutexes::get();
  const std::lock_guard lock(all.entering);
  (previous_ == nullptr ? all.first : previous_->next_) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

void ForkSafeMutex::lock() {
  mutex_.lock();  // first: whoever waits for readers must not keep a fork waiting
  AllForkSafeMutexes& all = AllForkSafeMutexes::get();
  const std::lock_guard lock(all.entering);
  all.writing.lock_shared();
}

void ForkSafeMutex::unlock() {
  AllForkSafeMutexes::get().writing.unlock_shared();
  mutex_.unlock();
}

}  // namespace manyclass
