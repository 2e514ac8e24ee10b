// The pool of threads where there is no memory for it, or the system gives no thread: a loop is
// then done by those that there are. Each case is a forked child, whose pool is new.
#include <dlfcn.h>
#include <doctest/doctest.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <limits>
#include <new>
#include <vector>

#include "failing_memory.hpp"
#include "manyclass/threads.hpp"

using namespace manyclass;

namespace {

std::atomic<int> threads_to_give{std::numeric_limits<int>::max()};

bool every_index_once() {
  std::vector<std::atomic<int>> calls(100);
  parallel_for(100, 4, [&](std::int64_t i, int) { ++calls[static_cast<std::size_t>(i)]; });
  for (const auto& call : calls) {
    if (call != 1) return false;
  }
  return true;
}

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

}  // namespace

// The C++ library's call comes here, too.
extern "C" [[gnu::visibility("default")]] int pthread_create(pthread_t* thread,
                                                             const pthread_attr_t* attributes,
                                                             void* (*start)(void*),
                                                             void* argument) {
  static const auto real =
      reinterpret_cast<decltype(&pthread_create)>(dlsym(RTLD_NEXT, "pthread_create"));
  return threads_to_give.fetch_sub(1) > 0 ? real(thread, attributes, start, argument) : EAGAIN;
}

TEST_CASE("fork: a pool whose allocations fail") {
  for (const bool lasts : {false, true}) {
    for (int n = 1; n <= 10; ++n) {
      CHECK(in_child([&] {
        call_threads(1);
        std::vector<std::atomic<int>> calls(100);
        {
          const MemoryFailure failure(n, lasts);
          call_threads(4);
          parallel_for(100, 4, [&](std::int64_t i, int) { ++calls[static_cast<std::size_t>(i)]; });
        }
        for (const auto& call : calls) {
          if (call != 1) return false;
        }
        return every_index_once();
      }));
    }
  }
}

TEST_CASE("fork: a system that gives so many threads and no more") {
  for (int given = 0; given <= 3; ++given) {
    CHECK(in_child([&] {
      threads_to_give = given;
      if (!every_index_once()) return false;
      const bool asked_for_more = given == 3 || threads_to_give < 0;
      threads_to_give = 100;
      return asked_for_more && every_index_once();
    }));
  }
}

TEST_CASE("fork: tasks that run out of memory in every thread") {
  CHECK(in_child([] {
    for (int n = 1; n <= 40; ++n) {
      const MemoryFailure failure(n, true);
      try {
        // Not a container, whose memory a compiler may do without.
        parallel_for(100, 4, [](std::int64_t, int) { operator delete(operator new(400)); });
        return false;
      } catch (const std::bad_alloc&) {
      }
    }
    return every_index_once();
  }));
}
