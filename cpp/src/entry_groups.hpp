// Which labels and candidates of a step stand for the same class.
#pragma once

#include <cstdint>

#include "scratch.hpp"

namespace manyclass {

/// `num_entries` entries, each with a key such as its class, grouped by key in ascending order;
/// within a group in the order of the entries. Lives as long as the scratch memory.
struct EntryGroups {
  std::int64_t num_entries = 0;
  std::int64_t num_groups = 0;
  const std::int64_t* keys = nullptr;     // [num_groups], ascending
  const std::int64_t* begin = nullptr;    // [num_groups + 1], into `entries`
  const std::int64_t* entries = nullptr;  // [num_entries]
};

/// Keys must lie in [0, limit). O(num_entries), by a radix sort.
EntryGroups group_entries(const std::int64_t* keys, std::int64_t num_entries, std::int64_t limit,
                          Scratch& scratch);

}  // namespace manyclass
