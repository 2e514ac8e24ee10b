#include "manyclass/row_optimizers.hpp"

#include <algorithm>

#include "checks.hpp"
#include "kernels/kernel_table.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

constexpr std::int64_t rows_per_task = 64;

template <class T>
void check_update(const RowUpdate<T>& update) {
  require(update.values.rows == update.indices.size, "values has ", update.values.rows,
          " rows, indices has ", update.indices.size, " entries; there must be one for each");
  require(update.values.cols == update.variable.cols, "values has ", update.values.cols,
          " columns, variable has ", update.variable.cols, "; both must have the same");
  for (std::int64_t i = 0; i < update.indices.size; ++i) {
    const std::int64_t row = update.indices[i];
    require_class(row, update.variable.rows, "indices[", i, "]");
    require(i == 0 || update.indices[i - 1] < row, "indices[", i, "] is ", row, " after ",
            i == 0 ? 0 : update.indices[i - 1],
            "; indices must ascend, each row once (IndexedSlices.from_rows sums repeated ones)");
  }
}

template <class T>
void check_state(const RowUpdate<T>& update) {
  require(update.state.rows == update.variable.rows && update.state.cols == update.variable.cols,
          "the optimizer's state has shape [", update.state.rows, ", ", update.state.cols,
          "], variable has [", update.variable.rows, ", ", update.variable.cols, "]");
}

// Calls `apply(update, i)` for every entry i of every update.
template <class T, class Apply>
void for_each_row(std::span<const RowUpdate<T>> updates, int num_threads, Apply apply) {
  for (const RowUpdate<T>& update : updates) {
    const std::int64_t size = update.indices.size;
    const std::int64_t tasks = (size + rows_per_task - 1) / rows_per_task;
    parallel_for(tasks, num_threads, [&](std::int64_t task, int) {
      const std::int64_t first = task * rows_per_task;
      for (std::int64_t i = first; i < std::min(first + rows_per_task, size); ++i) {
        apply(update, i);
      }
    });
  }
}

}  // namespace

template <class T>
void sgd_apply(std::span<const RowUpdate<T>> updates, double learning_rate, int num_threads) {
  for (const RowUpdate<T>& update : updates) check_update(update);
  const auto& kernel = kernels::table<T>();
  const T rate = static_cast<T>(learning_rate);
  for_each_row(updates, resolve_num_threads(num_threads),
               [&](const RowUpdate<T>& update, std::int64_t i) {
                 kernel.sgd(rate, update.values.row(i), update.variable.row(update.indices[i]),
                            update.variable.cols);
               });
}

template <class T>
void adagrad_apply(std::span<const RowUpdate<T>> updates, double learning_rate, double initial,
                   double epsilon, int num_threads) {
  for (const RowUpdate<T>& update : updates) {
    check_update(update);
    check_state(update);
  }
  const auto& kernel = kernels::table<T>();
  const T rate = static_cast<T>(learning_rate);
  for_each_row(
      updates, resolve_num_threads(num_threads), [&](const RowUpdate<T>& update, std::int64_t i) {
        const std::int64_t row = update.indices[i];
        kernel.adagrad(rate, static_cast<T>(initial), static_cast<T>(epsilon), update.values.row(i),
                       update.state.row(row), update.variable.row(row), update.variable.cols);
      });
}

template void sgd_apply(std::span<const RowUpdate<float>>, double, int);
template void sgd_apply(std::span<const RowUpdate<double>>, double, int);
template void adagrad_apply(std::span<const RowUpdate<float>>, double, double, double, int);
template void adagrad_apply(std::span<const RowUpdate<double>>, double, double, double, int);

}  // namespace manyclass
