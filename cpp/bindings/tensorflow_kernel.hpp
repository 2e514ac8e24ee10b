// What all operations of TensorFlow's graphs share: attributes, tensors, errors.
#pragma once

#include <cfenv>
#include <cstdint>
#include <exception>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "dense_array.hpp"
#include "manyclass/buffer.hpp"
#include "tensorflow_c_api.hpp"

namespace manyclass::bindings::tensorflow {

/// What TensorFlow says of a call to it.
class Status {
 public:
  Status() : status_(api().TF_NewStatus()) {}
  ~Status() { api().TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  TF_Status* get() const { return status_; }
  void set(Code code, const char* message) { api().TF_SetStatus(status_, code, message); }
  /// Throws Failure if it is an error.
  void check() const;

 private:
  TF_Status* status_;
};

/// An error that TensorFlow told, with its code.
struct Failure : std::runtime_error {
  Failure(Code given, const char* message) : std::runtime_error(message), code(given) {}
  Code code;
};

/// The attributes of a node.
class Attributes {
 public:
  explicit Attributes(TF_OpKernelConstruction* construction) : construction_(construction) {}

  std::int64_t integer(const char* name) const;
  bool flag(const char* name) const;
  std::string text(const char* name) const;
  /// Of a tensor: TensorFlow's own numbers are float32.
  double number(const char* name) const;

 private:
  TF_OpKernelConstruction* construction_;
};

template <class T>
constexpr DataType data_type = DataType::int64;
template <>
inline constexpr DataType data_type<float> = DataType::float32;
template <>
inline constexpr DataType data_type<double> = DataType::float64;

/// One run of a node: its tensors, which live as long as this.
class Run {
 public:
  explicit Run(TF_OpKernelContext* context) : context_(context) { tensors_.reserve(16); }
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  /// The memory of an input.
  DenseArray input(int index);
  bool is_float64(int index);

  /// Memory for an output.
  template <class T>
  T* output(int index, const ArrayShape& shape) {
    return static_cast<T*>(allocate(index, data_type<T>, shape, sizeof(T)));
  }
  /// Hands a buffer over as an output, without a copy.
  template <class T>
  void set_output(int index, Buffer<T> buffer, const ArrayShape& shape) {
    if (buffer.size() == 0) {
      output<T>(index, shape);
      return;
    }
    const auto bytes = static_cast<std::size_t>(buffer.size()) * sizeof(T);
    hand_over(index, data_type<T>, shape, buffer.release(), bytes);
  }

 private:
  TF_Tensor* input_tensor(int index);
  void* allocate(int index, DataType type, const ArrayShape& shape, std::size_t element_bytes);
  void hand_over(int index, DataType type, const ArrayShape& shape, void* data, std::size_t bytes);

  TF_OpKernelContext* context_;
  std::vector<TF_Tensor*> tensors_;
};

/// An operation as TensorFlow registers it: specifications as in its REGISTER_OP. One that changes
/// something, such as a sampler's stream, is stateful: TensorFlow keeps the order of such nodes and
/// leaves none out.
struct Operation {
  const char* name;
  std::vector<const char*> attributes;
  std::vector<const char*> inputs;
  std::vector<const char*> outputs;
  bool is_stateful = false;
};

/// Registers an operation and its kernel for the CPU. Throws std::runtime_error if TensorFlow
/// refuses it.
void register_operation(const Operation& operation, CreateFunction create, ComputeFunction compute,
                        DeleteFunction destroy);

/// TensorFlow's threads take subnormal numbers for zero, the core's do not: while this lives, a
/// thread computes as the core's do, so that results are the same in all of them.
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

/// Calls `body`; hands what it throws to `fail` as a status: nothing may be thrown through C.
template <class Body, class Fail>
void guard(Body body, Fail fail) noexcept {
  const auto fail_with = [&](Code code, const char* message) {
    Status status;
    status.set(code, message);
    fail(status.get());
  };
  try {
    body();
  } catch (const Failure& failure) {
    fail_with(failure.code, failure.what());
  } catch (const std::bad_alloc&) {
    fail_with(Code::resource_exhausted, "manyclass has not got the memory that it needs");
  } catch (const std::logic_error& error) {  // std::invalid_argument and its like
    fail_with(Code::invalid_argument, error.what());
  } catch (const std::exception& error) {
    fail_with(Code::unknown, error.what());
  }
}

/// Registers `Kernel`: made of a node's `Attributes`, with `compute(Run&) const`, which several
/// threads may call at once, and the function `operation()`. It runs without Python.
template <class Kernel>
void register_kernel() {
  register_operation(
      Kernel::operation(),
      [](TF_OpKernelConstruction* construction) -> void* {
        Kernel* kernel = nullptr;
        guard([&] { kernel = new Kernel(Attributes(construction)); },
              [&](TF_Status* status) {
                api().TF_OpKernelConstruction_Failure(construction, status);
              });
        return kernel;
      },
      [](void* kernel, TF_OpKernelContext* context) {
        guard(
            [&] {
              const CoreArithmetic arithmetic;
              Run run(context);
              static_cast<const Kernel*>(kernel)->compute(run);
            },
            [&](TF_Status* status) { api().TF_OpKernelContext_Failure(context, status); });
      },
      [](void* kernel) { delete static_cast<Kernel*>(kernel); });
}

}  // namespace manyclass::bindings::tensorflow
