#include "fork.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace manyclass {

void in_child_after_fork(void (*action)()) { around_fork(nullptr, nullptr, action); }

void around_fork([[maybe_unused]] void (*before)(), [[maybe_unused]] void (*in_parent)(),
                 [[maybe_unused]] void (*in_child)()) {
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(before, in_parent, in_child);
#endif  // elsewhere there is no fork
}

}  // namespace manyclass
