#include "manyclass/indexed_slices.hpp"

#include <algorithm>

#include "checks.hpp"
#include "entry_groups.hpp"
#include "kernels/kernel_table.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

constexpr std::int64_t groups_per_task = 64;

template <class T>
void sum_group(const EntryGroups& groups, std::int64_t g, MatrixView<const T> values, T* row) {
  std::copy_n(values.row(groups.entries[groups.begin[g]]), values.cols, row);
  for (std::int64_t e = groups.begin[g] + 1; e < groups.begin[g + 1]; ++e) {
    kernels::table<T>().axpy(T{1}, values.row(groups.entries[e]), row, values.cols);
  }
}

}  // namespace

template <class T>
IndexedSlices<T> sum_rows(VectorView<const std::int64_t> indices, MatrixView<const T> values,
                          std::int64_t num_rows, int num_threads) {
  require(indices.size == values.rows, "indices has ", indices.size, " entries, values has ",
          values.rows, " rows; there must be one for each");
  require(num_rows >= 0, "dense_shape has ", num_rows, " rows; it must not be negative");
  Scratch scratch;
  auto* positions = scratch.take<std::int64_t>(indices.size);
  for (std::int64_t i = 0; i < indices.size; ++i) {
    const std::int64_t row = positions[i] = indices[i];
    require_class(row, num_rows, "indices[", i, "]");
  }
  const EntryGroups groups = group_entries(positions, indices.size, num_rows, scratch);
  IndexedSlices<T> result;
  result.indices = Buffer<std::int64_t>(groups.num_groups);
  result.values = Buffer<T>(groups.num_groups * values.cols);
  result.shard_begin = {0, groups.num_groups};
  std::copy_n(groups.keys, groups.num_groups, result.indices.data());
  const std::int64_t tasks = (groups.num_groups + groups_per_task - 1) / groups_per_task;
  parallel_for(tasks, resolve_num_threads(num_threads), [&](std::int64_t task, int) {
    const std::int64_t first = task * groups_per_task;
    for (std::int64_t g = first; g < std::min(first + groups_per_task, groups.num_groups); ++g) {
      sum_group(groups, g, values, result.values.data() + g * values.cols);
    }
  });
  return result;
}

template IndexedSlices<float> sum_rows(VectorView<const std::int64_t>, MatrixView<const float>,
                                       std::int64_t, int);
template IndexedSlices<double> sum_rows(VectorView<const std::int64_t>, MatrixView<const double>,
                                        std::int64_t, int);

}  // namespace manyclass
