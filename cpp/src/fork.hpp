// What must be done when the process forks.
#pragma once

namespace manyclass {

/// Registers `action` to run in every child that this process forks from now on. It may only
/// store to atomics. False if there is no memory for that.
bool in_child_after_fork(void (*action)());

/// Registers actions of the thread that forks: before it does, and after it in the parent and in
/// the child. False if there is no memory for that.
bool around_fork(void (*before)(), void (*in_parent)(), void (*in_child)());

}  // namespace manyclass
