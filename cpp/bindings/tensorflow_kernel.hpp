// What all operations of TensorFlow's graphs share: attributes, tensors, errors.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dense_array.hpp"
#include "foreign_call.hpp"
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

/// Calls `body`; hands what it throws to `fail` as a status.
template <class Body, class Fail>
void guard_with_status(Body body, Fail fail) noexcept {
  guard(body, [&](Code code, const char* message) {
    Status status;
    status.set(code, message);
    fail(status.get());
  });
}

/// Registers `Kernel`: made of a node's `Attributes`, with `compute(Run&) const`, which several
/// threads may call at once, and the function `operation()`. It runs without Python.
template <class Kernel>
void register_kernel() {
  register_operation(
      Kernel::operation(),
      [](TF_OpKernelConstruction* construction) -> void* {
        Kernel* kernel = nullptr;
        guard_with_status([&] { kernel = new Kernel(Attributes(construction)); },
                          [&](TF_Status* status) {
                            api().TF_OpKernelConstruction_Failure(construction, status);
                          });
        return kernel;
      },
      [](void* kernel, TF_OpKernelContext* context) {
        guard_with_status(
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
