// A copy of a table's rows in 8 bits: what `quantized_top_k` reads in place of the rows.
#pragma once

#include <cstdint>

#include "manyclass/buffer.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Row r as scale * q[i], with integers q[i] from -127 to 127:
///   scale = max |r[i]| / 127, q[i] = r[i] / scale to the nearest, ties to even.
/// A row whose scale is below the smallest normal number has the scale 0, one with a NaN or an
/// infinity the scale NaN; their q[i] are 0. Takes dim + 4 bytes a row, dim rounded up to be even.
///
/// What changes a copy is for one thread at a time, while no other reads it.
class QuantizedRows {
 public:
  /// More columns would overflow sums of 32 bits.
  static constexpr std::int64_t most_columns = 0x7fffffff / (127 * 127);

  /// Throws std::invalid_argument unless there are 1 to `most_columns` columns. `num_threads` 0
  /// means get_num_threads().
  explicit QuantizedRows(const RowsView<const float>& rows, int num_threads = 0);

  /// Takes all rows anew, or those of some classes, in any order. Throws std::invalid_argument,
  /// before anything is written, if the table has another shape than that of the
  /// constructor, or an id lies outside [0, num_rows).
  void update(const RowsView<const float>& rows, int num_threads = 0);
  void update(const RowsView<const float>& rows, VectorView<const std::int64_t> ids,
              int num_threads = 0);

  std::int64_t num_rows() const { return num_rows_; }
  std::int64_t dim() const { return dim_; }
  std::int64_t bytes() const;

  /// In the order of positions; behind the last row are `kernels::bytes_behind_rows` more bytes.
  MatrixView<const std::int8_t> rows() const { return {rows_.data(), num_rows_, dim_, stride_}; }
  VectorView<const float> scales() const { return {scales_.data(), num_rows_}; }

  /// Throws std::invalid_argument unless the table has the shape of this copy's.
  void check_table(const RowsView<const float>& rows) const;

 private:
  void quantize_at(const RowsView<const float>& rows, std::int64_t position);

  std::int64_t num_rows_;
  std::int64_t dim_;
  std::int64_t stride_;
  Buffer<std::int8_t> rows_;
  Buffer<float> scales_;
};

}  // namespace manyclass
