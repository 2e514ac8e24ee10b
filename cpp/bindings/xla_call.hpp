// A call of XLA: its attributes, arguments and results.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dense_array.hpp"
#include "foreign_call.hpp"
#include "manyclass/buffer.hpp"
#include "xla_ffi.hpp"

namespace manyclass::bindings::xla {

template <class T>
constexpr DataType data_type = DataType::int32;
template <>
inline constexpr DataType data_type<std::uint32_t> = DataType::uint32;
template <>
inline constexpr DataType data_type<float> = DataType::float32;
template <>
inline constexpr DataType data_type<double> = DataType::float64;

/// Arguments are taken in their order. What is not as Python promised, a dtype or the shape of a
/// result, is refused by std::invalid_argument.
class Call {
 public:
  explicit Call(const CallFrame& frame) : frame_(frame) {}

  std::int64_t integer(std::string_view name) const;
  bool flag(std::string_view name) const;
  double number(std::string_view name) const;
  std::string text(std::string_view name) const;

  /// Whether the next argument is of float64.
  bool is_float64();
  /// The next argument; `name` is what messages call it.
  template <class T>
  DenseArray argument(const std::string& name) {
    return array_of(next(name), data_type<T>, name);
  }
  /// The next argument in int64: itself, or a copy that lives as long as this.
  DenseArray ids(const std::string& name);

  /// A result of that shape.
  template <class T>
  T* result(std::int64_t index, const ArrayShape& shape) {
    return static_cast<T*>(result_memory(index, data_type<T>, shape));
  }

 private:
  const Buffer& next(const std::string& name);
  static DenseArray array_of(const Buffer& buffer, DataType type, const std::string& name);
  void* result_memory(std::int64_t index, DataType type, const ArrayShape& shape);
  const void* attribute(std::string_view name, AttributeType type) const;
  const void* scalar(std::string_view name, DataType type) const;

  const CallFrame& frame_;
  std::int64_t num_taken_ = 0;
  std::vector<manyclass::Buffer<std::int64_t>> wide_;
};

/// What XLA calls: tells the version of the interface, or calls `compute`. It runs without Python.
template <void (*compute)(Call&)>
Error* handle(CallFrame* frame) {
  if (frame->extensions != nullptr && frame->extensions->type == Extension::metadata) {
    auto& metadata = *reinterpret_cast<MetadataExtension*>(frame->extensions)->metadata;
    metadata.version.major = major_version;
    metadata.version.minor = minor_version;
    metadata.traits = 0;
    return nullptr;
  }
  if (frame->stage != Stage::execute) return nullptr;
  Error* failed = nullptr;
  guard(
      [&] {
        const CoreArithmetic arithmetic;
        Call call(*frame);
        compute(call);
      },
      [&](Code code, const char* message) {
        ErrorArguments error{sizeof(ErrorArguments), nullptr, message, static_cast<int>(code)};
        failed = frame->api->create_error(&error);
      });
  return failed;
}

}  // namespace manyclass::bindings::xla
