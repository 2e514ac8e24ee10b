#include "fork.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace manyclass {

bool in_child_after_fork(void (*action)()) { return around_fork(nullptr, nullptr, action); }

bool around_fork([[maybe_unused]] void (*before)(), [[maybe_unused]] void (*in_parent)(),
                 [[maybe_unused]] void (*in_child)()) {
#if defined(__unix__) || defined(__APPLE__)
  return pthread_atfork(before, in_parent, in_child) == 0;
#else  // there is no fork
  return true;
#endif
}

}  // namespace manyclass
