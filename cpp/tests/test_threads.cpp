#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <vector>

#include "manyclass/threads.hpp"

using manyclass::parallel_for;

namespace {

// Whether a loop on `threads` threads calls every index once, with lanes in range.
bool every_index_once(std::int64_t count, int threads) {
  std::vector<std::atomic<int>> calls(static_cast<std::size_t>(count));
  std::atomic<bool> lanes_fit{true};
  parallel_for(count, threads, [&](std::int64_t i, int lane) {
    ++calls[static_cast<std::size_t>(i)];
    if (lane < 0 || lane >= threads) lanes_fit = false;
  });
  for (const auto& call : calls) {
    if (call != 1) return false;
  }
  return lanes_fit;
}

}  // namespace

TEST_CASE("Every index is called once") {
  for (const int threads : {1, 2, 3, 8}) {
    for (const std::int64_t count : {0, 1, 2, 7, 1000}) CHECK(every_index_once(count, threads));
  }
}

TEST_CASE("A lane is never in two calls at once") {
  std::vector<std::atomic<int>> inside(8);
  std::atomic<bool> shared{false};
  parallel_for(200, 8, [&](std::int64_t, int lane) {
    if (++inside[static_cast<std::size_t>(lane)] != 1) shared = true;
    std::this_thread::sleep_for(std::chrono::microseconds(50));
    --inside[static_cast<std::size_t>(lane)];
  });
  CHECK(!shared);
}

TEST_CASE("Threads that were called for work, or sleep again, and work later") {
  for (int round = 0; round < 200; ++round) {
    manyclass::call_threads(4);
    if (round % 3 == 1) std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (round % 2 == 0) REQUIRE(every_index_once(50, 1 + round % 5));
  }
  manyclass::call_threads(1);
  parallel_for(4, 4, [](std::int64_t, int) { manyclass::call_threads(4); });
  CHECK(every_index_once(1000, 4));
}

TEST_CASE("Nested loops run in their thread") {
  std::atomic<int> total{0};
  std::atomic<bool> moved{false};
  parallel_for(20, 4, [&](std::int64_t, int) {
    const auto self = std::this_thread::get_id();
    parallel_for(10, 4, [&](std::int64_t, int lane) {
      ++total;
      if (lane != 0 || std::this_thread::get_id() != self) moved = true;
    });
  });
  CHECK(total == 200);
  CHECK(!moved);
}

TEST_CASE("The first exception arrives after all tasks have ended") {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> running{0};
    CHECK_THROWS_AS(parallel_for(100, 4,
                                 [&](std::int64_t i, int) {
                                   ++running;
                                   if (i == 13) {
                                     --running;
                                     throw std::runtime_error("13");
                                   }
                                   std::this_thread::yield();
                                   --running;
                                 }),
                    std::runtime_error);
    CHECK(running == 0);
  }
  CHECK(every_index_once(100, 4));
}

TEST_CASE("Whoever throws, one exception arrives and nobody is at work any more") {
  const auto caller = std::this_thread::get_id();
  for (const bool in_caller : {true, false}) {
    for (int round = 0; round < 20; ++round) {
      std::atomic<int> running{0};
      std::atomic<bool> thrown{false};
      const auto task = [&](std::int64_t, int) {
        ++running;
        const bool mine = (std::this_thread::get_id() == caller) == in_caller;
        // Nobody goes on before the one thread that is to throw has come in.
        while (!mine && !thrown) std::this_thread::yield();
        --running;
        if (mine) {
          thrown = true;
          throw std::out_of_range("mine");
        }
      };
      CHECK_THROWS_AS(parallel_for(100, 3, task), std::out_of_range);
      CHECK(running == 0);
    }
  }
}

TEST_CASE("All tasks throw: one exception arrives, whatever its type") {
  CHECK_THROWS_AS(parallel_for(100, 4, [](std::int64_t i, int) { throw i; }), std::int64_t);
  CHECK_THROWS_AS(parallel_for(1, 4, [](std::int64_t i, int) { throw i; }), std::int64_t);
  CHECK(every_index_once(100, 4));
}

TEST_CASE("An exception of a nested loop passes through both") {
  std::atomic<int> outer{0};
  CHECK_THROWS_AS(parallel_for(8, 4,
                               [&](std::int64_t, int) {
                                 ++outer;
                                 parallel_for(10, 4, [](std::int64_t k, int) {
                                   if (k == 3) throw std::runtime_error("inner");
                                 });
                               }),
                  std::runtime_error);
  CHECK(outer >= 1);
  CHECK(every_index_once(100, 4));
}

TEST_CASE("After a loop that threw, loops of the same thread are shared out again") {
  CHECK_THROWS(parallel_for(1, 1, [](std::int64_t, int) { throw 1; }));
  CHECK_THROWS(parallel_for(10, 4, [](std::int64_t, int) { throw 1; }));
  std::atomic<int> others{0};
  const auto caller = std::this_thread::get_id();
  // Both tasks wait for each other, which only two threads can do.
  std::atomic<int> met{0};
  parallel_for(2, 2, [&](std::int64_t, int) {
    ++met;
    while (met < 2) std::this_thread::yield();
    others += std::this_thread::get_id() != caller;
  });
  CHECK(others == 1);
}

TEST_CASE("Loops of many threads at once do not disturb each other") {
  std::atomic<int> good{0};
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&] {
      for (int round = 0; round < 50; ++round) good += every_index_once(37, 3);
    });
  }
  for (auto& caller : callers) caller.join();
  CHECK(good == 8 * 50);
}

TEST_CASE("Interrupt checks run in the caller and may stop the work") {
  static std::thread::id caller;
  static std::atomic<int> checks;
  caller = std::this_thread::get_id();
  checks = 0;
  manyclass::set_interrupt_check([] {
    ++checks;
    if (std::this_thread::get_id() != caller) std::abort();
    throw std::runtime_error("interrupted");
  });
  CHECK_THROWS_AS(parallel_for(1000, 4,
                               [](std::int64_t, int) {
                                 std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                 manyclass::poll_interrupt();
                               }),
                  std::runtime_error);
  manyclass::set_interrupt_check(nullptr);
  CHECK(checks == 1);
}

TEST_CASE("Tasks that poll end soon after another one has thrown") {
  std::atomic<int> at_work{0};
  std::atomic<int> ended_by_itself{0};
  CHECK_THROWS_AS(parallel_for(3, 3,
                               [&](std::int64_t i, int) {
                                 ++at_work;
                                 while (at_work < 3) std::this_thread::yield();
                                 if (i == 1) throw std::runtime_error("1");
                                 for (int k = 0; k < 10000; ++k) {
                                   std::this_thread::sleep_for(std::chrono::milliseconds(1));
                                   manyclass::poll_interrupt();
                                 }
                                 ++ended_by_itself;
                               }),
                  std::runtime_error);
  CHECK(ended_by_itself == 0);
  manyclass::poll_interrupt();  // nothing is left over
}

TEST_CASE("Numbers of threads are checked") {
  CHECK_THROWS_AS(manyclass::set_num_threads(0), std::invalid_argument);
  CHECK_THROWS_AS(manyclass::resolve_num_threads(-1), std::invalid_argument);
  CHECK_THROWS_AS(manyclass::resolve_num_threads(1025), std::invalid_argument);
  manyclass::set_num_threads(3);
  CHECK(manyclass::resolve_num_threads(0) == 3);
  CHECK(manyclass::resolve_num_threads(2) == 2);
}
