#include "manyclass/threads.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

#include "checks.hpp"
#include "cpu_limit.hpp"
#include "fork.hpp"

namespace manyclass {

namespace {

constexpr int most_threads = 1024;

// How long a thread looks for what it waits for before it sleeps; waking takes some 20 us. A thread
// of the pool that has nothing to do: enough for the loops of a step to follow each other awake.
constexpr std::chrono::microseconds patience{5};
// Within a call: its caller at the end of a loop, and a thread that was just called for.
constexpr std::chrono::microseconds patience_in_call{50};

template <class Ready>
bool spin_until(std::chrono::microseconds longest, Ready ready) {
  using Clock = std::chrono::steady_clock;
  for (const Clock::time_point end = Clock::now() + longest; Clock::now() < end;) {
    for (int i = 0; i < 16; ++i) {
      if (ready()) return true;
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  }
  return false;
}

struct Job;
thread_local const Job* in_job = nullptr;  // at whose tasks this thread is; nested calls stay in it
thread_local bool in_pool = false;         // a thread of the pool never asks about interrupts

// One parallel_for, on its caller's stack. The counters are under the pool's mutex, but for the
// next index, which threads take without it.
struct Job {
  std::int64_t count;
  int most_helpers;
  detail::Task task;
  void* context;
  std::atomic<std::int64_t> next{0};
  int helpers = 0;              // threads of the pool that ever joined; they number the lanes
  std::atomic<int> running{0};  // of those, how many are still at work
  std::exception_ptr error{};
  std::atomic<bool> failed{false};  // there is an error
  std::mutex error_mutex{};
  Job* following = nullptr;

  void work(int lane) {
    in_job = this;
    for (;;) {
      const std::int64_t index = next.fetch_add(1, std::memory_order_relaxed);
      if (index >= count) break;
      try {
        task(context, index, lane);
      } catch (...) {
        const std::lock_guard lock(error_mutex);
        if (!error) error = std::current_exception();
        failed.store(true, std::memory_order_relaxed);
        next.store(count, std::memory_order_relaxed);
      }
    }
    in_job = nullptr;
  }
  bool wants_help() const {
    return helpers < most_helpers && next.load(std::memory_order_relaxed) < count;
  }
};

struct Abandoned {};

class Pool {
 public:
  // Wakes up to `helpers` threads before there is a job.
  void call(int helpers) {
    int woken = 0;
    {
      const std::lock_guard lock(mutex_);
      woken = give_tickets(helpers);
    }
    for (int i = 0; i < woken; ++i) wake_.notify_one();
  }

  void run(Job& job) {
    int woken = 0;
    {
      const std::lock_guard lock(mutex_);
      grow(job.most_helpers);
      job.following = jobs_;
      jobs_ = &job;
      calls_.fetch_add(1, std::memory_order_relaxed);
      woken = give_tickets(job.most_helpers);
    }
    for (int i = 0; i < woken; ++i) wake_.notify_one();
    job.work(0);
    std::unique_lock lock(mutex_);
    Job** link = &jobs_;
    while (*link != &job) link = &(*link)->following;
    *link = job.following;
    if (job.running == 0) return;
    lock.unlock();
    spin_until(patience_in_call, [&] { return job.running.load(std::memory_order_acquire) == 0; });
    lock.lock();  // whoever ends last still holds it, and must let go before the job does
    done_.wait(lock, [&] { return job.running == 0; });
  }

 private:
  // Tickets for up to `wanted` of the threads that sleep; each must then be notified.
  int give_tickets(int wanted) {
    const int count = std::min(sleeping_, wanted);
    sleeping_ -= count;
    tickets_ += count;
    return count;
  }

  // Fewer threads than wanted is no error: the caller does the rest.
  void grow(int wanted) {
    for (; size_ < wanted; ++size_) {
      try {
        std::thread([this] { serve(); }).detach();
      } catch (const std::exception&) {  // no thread, or no memory to ask for one
        return;
      }
    }
  }

  void serve() {
    in_pool = true;
    std::unique_lock lock(mutex_);
    std::chrono::microseconds waits = patience;
    for (;;) {
      Job* job = find();
      if (job == nullptr) {
        const unsigned seen = calls_.load(std::memory_order_relaxed);
        lock.unlock();
        spin_until(waits, [&] { return calls_.load(std::memory_order_relaxed) != seen; });
        lock.lock();
        if (find() != nullptr) continue;
        ++sleeping_;
        wake_.wait(lock, [&] { return tickets_ > 0; });
        --tickets_;
        waits = patience_in_call;
        continue;
      }
      waits = patience;
      const int lane = ++job->helpers;
      ++job->running;
      lock.unlock();
      job->work(lane);
      lock.lock();
      if (--job->running == 0) done_.notify_all();
    }
  }

  Job* find() const {
    for (Job* job = jobs_; job != nullptr; job = job->following) {
      if (job->wants_help()) return job;
    }
    return nullptr;
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  Job* jobs_ = nullptr;
  int size_ = 0;
  int sleeping_ = 0;                // threads without a ticket that wait for one
  int tickets_ = 0;                 // threads that may wake
  std::atomic<unsigned> calls_{0};  // changes with every new job
};

// The pool is never destroyed: its threads may outlive main. A forked child has none of them, so
// it gets a new pool and leaves the old one, whose mutex may be held for ever, alone.
std::atomic<Pool*> the_pool{nullptr};

// Null if there is no memory for one.
Pool* pool() {
  static const bool forkable = in_child_after_fork([] { the_pool.store(nullptr); });
  if (!forkable) return nullptr;
  Pool* found = the_pool.load(std::memory_order_acquire);
  if (found != nullptr) return found;
  auto* made = new (std::nothrow) Pool;
  if (made == nullptr || the_pool.compare_exchange_strong(found, made)) return made;
  delete made;
  return found;
}

int number_from_environment(const char* name) {
  const char* text = std::getenv(name);
  if (text == nullptr) return 0;
  const long value = std::strtol(text, nullptr, 10);  // "4,2" of nested OpenMP reads as 4
  return value >= 1 ? static_cast<int>(std::min<long>(value, most_threads)) : 0;
}

int default_num_threads() {
  for (const char* name : {"MANYCLASS_NUM_THREADS", "OMP_NUM_THREADS"}) {
    if (const int number = number_from_environment(name); number > 0) return number;
  }
  return std::clamp(available_processors(), 1, most_threads);
}

std::atomic<int> chosen_num_threads{0};
std::atomic<void (*)()> interrupt_check{nullptr};

}  // namespace

int get_num_threads() {
  int number = chosen_num_threads.load(std::memory_order_relaxed);
  if (number == 0) {
    const int found = default_num_threads();
    // What another thread has chosen meanwhile stays; `number` is then that.
    if (chosen_num_threads.compare_exchange_strong(number, found)) return found;
  }
  return number;
}

void set_num_threads(int num_threads) {
  require(num_threads >= 1 && num_threads <= most_threads, "num_threads is ", num_threads,
          "; it must lie in [1, ", most_threads, "]");
  chosen_num_threads.store(num_threads, std::memory_order_relaxed);
}

int resolve_num_threads(int num_threads) {
  if (num_threads == 0) return get_num_threads();
  require(num_threads >= 1 && num_threads <= most_threads, "num_threads is ", num_threads,
          "; it must lie in [1, ", most_threads, "]");
  return num_threads;
}

void set_interrupt_check(void (*check)()) { interrupt_check.store(check); }

void poll_interrupt() {
  // Another thread has thrown: what this one would still do is wanted no more. Its own exception is
  // not the first, so nobody sees it.
  if (in_job != nullptr && in_job->failed.load(std::memory_order_relaxed)) throw Abandoned();
  using Clock = std::chrono::steady_clock;
  static thread_local Clock::time_point last = Clock::now();
  void (*check)() = interrupt_check.load(std::memory_order_relaxed);
  if (check == nullptr || in_pool) return;
  const Clock::time_point now = Clock::now();
  if (now - last < std::chrono::milliseconds(50)) return;
  last = now;
  check();
}

void call_threads(int num_threads) {
  if (num_threads <= 1 || in_job != nullptr) return;
  if (Pool* threads = pool()) threads->call(num_threads - 1);
}

void detail::run_tasks(std::int64_t count, int num_threads, Task task, void* context) {
  const auto threads = static_cast<int>(std::min<std::int64_t>(num_threads, count));
  Pool* helpers = threads > 1 && in_job == nullptr ? pool() : nullptr;
  if (helpers == nullptr) {
    for (std::int64_t index = 0; index < count; ++index) task(context, index, 0);
    return;
  }
  Job job{count, threads - 1, task, context};
  helpers->run(job);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace manyclass
