// What the tests of the kernels for bfloat16 share.
#pragma once

#include <bit>
#include <random>
#include <vector>

#include "kernel_testing.hpp"

namespace manyclass::kernels {

using Pairs = std::vector<Bfloat16Pair>;

template <class Check>
void on_every_bfloat16_target(Check check) {
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    check(*target.table_bfloat16);
  }
}

// Numbers of all sizes, whatever their bits.
inline std::vector<float> any_numbers(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(size);
  for (float& value : values) value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
  return values;
}

}  // namespace manyclass::kernels
