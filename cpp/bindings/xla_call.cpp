#include "xla_call.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace manyclass::bindings::xla {

namespace {

ArrayShape shape_of(const Buffer& buffer) { return {buffer.dims, buffer.dims + buffer.rank}; }

[[noreturn]] void refuse(const std::string& what) {
  throw std::invalid_argument(what + " is not what this version of manyclass makes calls with");
}

}  // namespace

std::int64_t Call::integer(std::string_view name) const {
  return *static_cast<const std::int64_t*>(scalar(name, DataType::int64));
}

bool Call::flag(std::string_view name) const {
  return *static_cast<const bool*>(scalar(name, DataType::boolean));
}

double Call::number(std::string_view name) const {
  return *static_cast<const double*>(scalar(name, DataType::float64));
}

std::string Call::text(std::string_view name) const {
  const auto& span = *static_cast<const ByteSpan*>(attribute(name, AttributeType::string));
  return {span.data, span.size};
}

const void* Call::scalar(std::string_view name, DataType type) const {
  const auto& value = *static_cast<const Scalar*>(attribute(name, AttributeType::scalar));
  if (value.type != type) refuse("the dtype of attribute " + std::string(name));
  return value.value;
}

const void* Call::attribute(std::string_view name, AttributeType type) const {
  const Attributes& all = frame_.attributes;
  for (std::int64_t i = 0; i < all.size; ++i) {
    if (std::string_view(all.names[i]->data, all.names[i]->size) == name && all.types[i] == type) {
      return all.values[i];
    }
  }
  refuse("a call without attribute " + std::string(name));
}

const Buffer& Call::next(const std::string& name) {
  if (num_taken_ == frame_.arguments.size) refuse("a call without " + name);
  return *frame_.arguments.buffers[num_taken_++];
}

bool Call::is_float64() {
  const Buffer& buffer = next("an argument");
  --num_taken_;
  return buffer.type == DataType::float64;
}

DenseArray Call::array_of(const Buffer& buffer, DataType type, const std::string& name) {
  if (buffer.type != type) refuse("the dtype of " + name);
  return {buffer.data, shape_of(buffer)};
}

DenseArray Call::ids(const std::string& name) {
  const Buffer& buffer = next(name);
  if (buffer.type == DataType::int64) return {buffer.data, shape_of(buffer)};
  DenseArray narrow = array_of(buffer, DataType::int32, name);
  const std::int64_t size = narrow.size();
  const auto& wide = wide_.emplace_back(size);
  std::copy_n(static_cast<const std::int32_t*>(narrow.data), size, wide.data());
  return {wide.data(), std::move(narrow.shape)};
}

void* Call::result_memory(std::int64_t index, DataType type, const ArrayShape& shape) {
  const std::string name = "result " + std::to_string(index);
  if (index >= frame_.results.size) refuse("a call without " + name);
  const Buffer& buffer = *frame_.results.buffers[index];
  if (buffer.type != type) refuse("the dtype of " + name);
  if (shape_of(buffer) != shape) refuse_shape(shape_of(buffer), name, "shape " + text_of(shape));
  return buffer.data;
}

}  // namespace manyclass::bindings::xla
