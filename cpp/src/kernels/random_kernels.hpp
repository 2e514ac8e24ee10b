// Random words in bulk, as functions behind one table per instruction set.
#pragma once

#include <cstdint>

namespace manyclass::kernels {

struct RandomTable {
  /// Blocks `counter` to `counter + count` of Philox4x32-10, which must not carry: their words 0
  /// and 1 as first[i], words 2 and 3 as second[i].
  void (*philox)(std::uint64_t key, std::uint64_t counter, std::uint64_t counter_high,
                 std::int64_t count, std::uint64_t* first, std::uint64_t* second);
};

/// The table chosen for this process.
const RandomTable& random_table();

}  // namespace manyclass::kernels
