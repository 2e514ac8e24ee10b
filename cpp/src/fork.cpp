#include "fork.hpp"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace manyclass {

void in_child_after_fork(void (*action)()) {
#if defined(__unix__) || defined(__APPLE__)
  pthread_atfork(nullptr, nullptr, action);
#else
  static_cast<void>(action);  // no fork on this platform
#endif
}

}  // namespace manyclass
