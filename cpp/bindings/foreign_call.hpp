// Calls from frameworks' C interfaces: in their threads, without Python, and nothing thrown.
#pragma once

#include <cfenv>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

namespace manyclass::bindings {

/// What kind of error it is: Abseil's numbers, which TensorFlow and XLA have.
enum class Code : int {
  ok = 0,
  unknown = 2,
  invalid_argument = 3,
  resource_exhausted = 8,
};

/// An error that a framework told, with its code.
struct Failure : std::runtime_error {
  Failure(Code given, const char* message) : std::runtime_error(message), code(given) {}
  Code code;
};

/// Threads of TensorFlow and XLA take subnormal numbers for zero, the core's do not: while this
/// lives, a thread computes as the core's do, so that results are the same in all of them.
class CoreArithmetic {
 public:
  CoreArithmetic() {
    std::fegetenv(&before_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~CoreArithmetic() { std::fesetenv(&before_); }
  CoreArithmetic(const CoreArithmetic&) = delete;
  CoreArithmetic& operator=(const CoreArithmetic&) = delete;

 private:
  std::fenv_t before_;
};

/// While this lives, a thread must not ask Python about signals: it may be one that Python does not
/// know, while Python waits for it or ends.
class WithoutPython {
 public:
  WithoutPython() : before_(std::exchange(in_force_, true)) {}
  ~WithoutPython() { in_force_ = before_; }
  WithoutPython(const WithoutPython&) = delete;
  WithoutPython& operator=(const WithoutPython&) = delete;

  static bool in_force() { return in_force_; }

 private:
  static inline thread_local bool in_force_ = false;
  bool before_;
};

/// Calls `body`; of what it throws, calls `fail(code, message)`.
template <class Body, class Fail>
void guard(Body body, Fail fail) noexcept {
  const WithoutPython alone;
  try {
    body();
  } catch (const Failure& failure) {
    fail(failure.code, failure.what());
  } catch (const std::bad_alloc&) {
    fail(Code::resource_exhausted, "manyclass has not got the memory that it needs");
  } catch (const std::logic_error& error) {  // std::invalid_argument and its like
    fail(Code::invalid_argument, error.what());
  } catch (const std::exception& error) {
    fail(Code::unknown, error.what());
  }
}

}  // namespace manyclass::bindings
