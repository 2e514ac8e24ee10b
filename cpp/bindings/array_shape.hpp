// Refusing arrays of a wrong rank, whoever they come from.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace manyclass::bindings {

using ArrayShape = std::vector<std::int64_t>;

/// "[2, 3]".
std::string text_of(const ArrayShape& shape);

/// Throws std::invalid_argument: `name` has this shape and must have `wanted`.
[[noreturn]] void refuse_shape(const ArrayShape& shape, const std::string& name,
                               const std::string& wanted);

inline constexpr const char* shape_of_counts = "at most two dimensions";

}  // namespace manyclass::bindings
