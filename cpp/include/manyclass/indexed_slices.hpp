// A gradient of a table that touches few of its rows.
#pragma once

#include <cstdint>
#include <vector>

#include "manyclass/buffer.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Each touched row once. Shard p's are entries shard_begin[p] to shard_begin[p + 1], their
/// `indices` ascending and counted within the shard.
template <class T>
struct IndexedSlices {
  Buffer<std::int64_t> indices;
  Buffer<T> values;  // a line of the table's dim for each index
  std::vector<std::int64_t> shard_begin;
};

/// Adds up the rows of `values` that have the same index, in their order; a table of one shard.
///
/// `num_threads` 0 means get_num_threads(). Throws std::invalid_argument if there is not one index
/// for each row, num_rows is negative or an index lies outside [0, num_rows).
template <class T>
IndexedSlices<T> sum_rows(VectorView<const std::int64_t> indices, MatrixView<const T> values,
                          std::int64_t num_rows, int num_threads);

}  // namespace manyclass
