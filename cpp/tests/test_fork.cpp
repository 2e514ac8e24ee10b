// What a forked child finds. All these names begin with "fork", so that they can be left out where
// a forked child cannot start threads: under qemu-user.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include "manyclass/fork_safe_mutex.hpp"
#include "manyclass/learned_unigram_sampler.hpp"
#include "manyclass/threads.hpp"

using namespace manyclass;

namespace {

// Whether a loop on `threads` threads calls every index once.
bool every_index_once(std::int64_t count, int threads) {
  std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
  parallel_for(count, threads, [&](std::int64_t i, int) { ++calls[static_cast<std::size_t>(i)]; });
  for (const auto& call : calls) {
    if (call != 1) return false;
  }
  return true;
}

// Whether `work` is true in a forked child, within a minute.
template <class Work>
bool in_child(Work work) {
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    _exit(work() ? 0 : 1);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// A thread that calls `work` again and again.
class Busy {
 public:
  template <class Work>
  explicit Busy(Work work)
      : thread_([this, work] {
          while (!stop_) work();
        }) {}
  ~Busy() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("fork: a child has threads of its own, and so has its child") {
  REQUIRE(every_index_once(100, 4));
  CHECK(in_child([] {
    return every_index_once(100, 4) && in_child([] { return every_index_once(100, 4); });
  }));
  CHECK(every_index_once(100, 4));
}

TEST_CASE("fork: in the middle of another thread's loops") {
  std::atomic<int> wrong{0};
  {
    const Busy first([&] { wrong += !every_index_once(50, 3); });
    const Busy second([&] { wrong += !every_index_once(7, 8); });
    for (int i = 0; i < 30; ++i) CHECK(in_child([] { return every_index_once(100, 4); }));
  }
  CHECK(wrong == 0);
}

TEST_CASE("fork: locks are free in the child, and what they guard is whole") {
  ForkSafeMutex mutex;
  std::int64_t low = 0;
  std::int64_t high = 0;
  const Busy writer([&] {
    const std::lock_guard lock(mutex);
    ++low;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    ++high;
  });
  const Busy reader([&] {
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    const std::shared_lock lock(mutex);
    std::this_thread::sleep_for(std::chrono::microseconds(50));
  });
  for (int i = 0; i < 50; ++i) {
    CHECK(in_child([&] {
      {
        const std::lock_guard lock(mutex);
        if (low != high) return false;
      }
      return in_child([&] {
        const std::shared_lock lock(mutex);
        return low == high;
      });
    }));
  }
}

TEST_CASE("fork: a child goes on with a sampler that another thread was drawing from") {
  LearnedUnigramSampler sampler(1000, {1, 2});
  const std::vector<std::int64_t> labels(64, 7);
  const MatrixView<const std::int64_t> true_classes{labels.data(), 64, 1, 1};
  const auto draw = [&] { return sampler.sample(true_classes, 100, true); };
  const Busy first(draw);
  const Busy second(draw);
  for (int i = 0; i < 30; ++i) {
    CHECK(in_child([&] {
      for (int k = 0; k < 5; ++k) draw();
      return (sampler.weights()[7] - 1) % 64 == 0;  // no call's labels learned by half
    }));
  }
}
