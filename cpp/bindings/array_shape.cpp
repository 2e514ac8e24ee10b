#include "array_shape.hpp"

#include <stdexcept>

namespace manyclass::bindings {

std::string text_of(const ArrayShape& shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (axis > 0) text += ", ";
    text += std::to_string(shape[axis]);
  }
  return text + "]";
}

void refuse_shape(const ArrayShape& shape, const std::string& name, const std::string& wanted) {
  throw std::invalid_argument(name + " has shape " + text_of(shape) + "; it must have " + wanted);
}

}  // namespace manyclass::bindings
