// One pool of threads for the process, and the one way to use it.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace manyclass {

/// The most threads that a call uses: what `set_num_threads` said, else MANYCLASS_NUM_THREADS,
/// else OMP_NUM_THREADS, else the processors that affinity and the CPU quota of the control group
/// allow.
int get_num_threads();

/// Throws std::invalid_argument unless 1 <= num_threads <= 1024.
void set_num_threads(int num_threads);

/// What a `num_threads` argument means: `get_num_threads()` if it is 0. Throws
/// std::invalid_argument unless 0 <= num_threads <= 1024.
int resolve_num_threads(int num_threads);

/// Registers what long work calls now and then in the thread that asked for it. It may throw to
/// stop the work. Null removes it.
void set_interrupt_check(void (*check)());

/// Called by long work: runs the registered check, at most some 20 times a second, if this is not
/// a thread of the pool. In a `parallel_for` of which another task has thrown, it throws to end
/// this task.
void poll_interrupt();

/// Wakes threads for a `parallel_for` that is some 20 microseconds away, which is how long waking
/// takes; they go back to sleep if none comes.
void call_threads(int num_threads);

namespace detail {
using Task = void (*)(void* context, std::int64_t index, int lane);
void run_tasks(std::int64_t count, int num_threads, Task task, void* context);
}  // namespace detail

/// Calls `task(index, lane)` once for each index in [0, count), in any order, on up to
/// `num_threads` threads, the caller's among them. `lane`, in [0, num_threads), is the same for
/// two calls only if they do not run at once: it chooses scratch memory.
///
/// Nested calls run in the calling thread. The first exception of a task reaches the caller after
/// all running tasks have ended; tasks not begun by then are dropped. Only tasks throw: where there
/// is no memory for threads, or the system gives none, the caller does the work.
template <class F>
void parallel_for(std::int64_t count, int num_threads, F&& task) {
  using Body = std::remove_reference_t<F>;
  detail::run_tasks(
      count, num_threads,
      [](void* context, std::int64_t index, int lane) {
        (*static_cast<Body*>(context))(index, lane);
      },
      const_cast<void*>(static_cast<const void*>(std::addressof(task))));
}

}  // namespace manyclass
