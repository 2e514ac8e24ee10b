#include "manyclass/quantized_rows.hpp"

#include <algorithm>

#include "checks.hpp"
#include "kernels/quantized_kernels.hpp"
#include "manyclass/threads.hpp"
#include "scratch.hpp"
#include "work.hpp"

namespace manyclass {

namespace {

// Rows that a thread takes at once.
constexpr std::int64_t rows_a_task = 4096;

std::int64_t checked_dim(const RowsView<const float>& rows) {
  const std::int64_t dim = rows.dim();
  require(dim >= 1 && dim <= QuantizedRows::most_columns, "weights has ", dim,
          " columns; a quantised copy takes 1 to ", QuantizedRows::most_columns);
  return dim;
}

// Calls work(i) for each i in [0, count).
template <class Work>
void for_each_row(std::int64_t count, int num_threads, Work work) {
  parallel_for(divide_up(count, rows_a_task), num_threads, [&](std::int64_t task, int) {
    poll_interrupt();
    const std::int64_t end = std::min((task + 1) * rows_a_task, count);
    for (std::int64_t i = task * rows_a_task; i < end; ++i) work(i);
  });
}

}  // namespace

QuantizedRows::QuantizedRows(const RowsView<const float>& rows, int num_threads)
    : num_rows_(rows.num_rows()),
      dim_(checked_dim(rows)),
      stride_(round_up(dim_, 2)),
      rows_(num_rows_ * stride_ + kernels::bytes_behind_rows),
      scales_(num_rows_) {
  std::fill_n(rows_.data() + num_rows_ * stride_, kernels::bytes_behind_rows, std::int8_t{0});
  update(rows, num_threads);
}

void QuantizedRows::update(const RowsView<const float>& rows, int num_threads) {
  check_table(rows);
  for_each_row(num_rows_, resolve_num_threads(num_threads),
               [&](std::int64_t position) { quantize_at(rows, position); });
}

void QuantizedRows::update(const RowsView<const float>& rows, VectorView<const std::int64_t> ids,
                           int num_threads) {
  check_table(rows);
  const int threads = resolve_num_threads(num_threads);
  Scratch scratch;
  auto* classes = scratch.take<std::int64_t>(ids.size);
  for (std::int64_t i = 0; i < ids.size; ++i) {
    classes[i] = ids[i];
    require_class(classes[i], num_rows_, "ids[", i, "]");
  }
  // No two threads may write the same row.
  std::sort(classes, classes + ids.size);
  const std::int64_t count = std::unique(classes, classes + ids.size) - classes;
  for_each_row(count, threads,
               [&](std::int64_t i) { quantize_at(rows, rows.position(classes[i])); });
}

std::int64_t QuantizedRows::bytes() const {
  return rows_.size() + scales_.size() * static_cast<std::int64_t>(sizeof(float));
}

void QuantizedRows::check_table(const RowsView<const float>& rows) const {
  require(rows.num_rows() == num_rows_ && rows.dim() == dim_, "weights has shape [",
          rows.num_rows(), ", ", rows.dim(), "]; its quantised copy has [", num_rows_, ", ", dim_,
          "]");
}

void QuantizedRows::quantize_at(const RowsView<const float>& rows, std::int64_t position) {
  std::int8_t* row = rows_.data() + position * stride_;
  scales_[position] = kernels::quantized_table().quantize_row(rows.row_at(position), dim_, row);
  std::fill(row + dim_, row + stride_, std::int8_t{0});
}

}  // namespace manyclass
