// What a weight of a proposal distribution may be.
#pragma once

#include <cstdint>
#include <string_view>

#include "checks.hpp"

namespace manyclass {

inline void check_num_weights(std::int64_t size, std::int64_t most, std::string_view argument) {
  require(size >= 1 && size <= most, argument, " has ", size, " entries; it must have 1 to ", most);
}

/// `index` is where the weight stands in `argument`.
inline void check_weight(double weight, std::int64_t index, double most,
                         std::string_view argument) {
  require(weight >= 0.0 && weight <= most, argument, "[", index, "] gives the weight ", weight,
          "; weights must lie in [0, ", most, "]");
}

}  // namespace manyclass
