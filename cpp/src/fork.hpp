// What must be made anew in a forked child.
#pragma once

namespace manyclass {

/// Registers `action` to run in every child that this process forks from now on. It may only
/// store to atomics.
void in_child_after_fork(void (*action)());

}  // namespace manyclass
