// Views of arrays that belong to somebody else. Strides count elements and may be negative.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "manyclass/bfloat16.hpp"

namespace manyclass {

/// A vector of `size` elements, `stride` elements apart.
template <class T>
struct VectorView {
  T* data = nullptr;
  std::int64_t size = 0;
  std::int64_t stride = 1;

  T& operator[](std::int64_t i) const { return data[i * stride]; }
  VectorView from(std::int64_t i) const { return {data + i * stride, size - i, stride}; }
  operator VectorView<const T>() const
    requires(!std::is_const_v<T>)
  {
    return {data, size, stride};
  }
};

/// A matrix whose rows are contiguous and `row_stride` elements apart.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_stride = 0;

  T* row(std::int64_t i) const { return data + i * row_stride; }
  MatrixView middle_rows(std::int64_t first, std::int64_t count) const {
    return {row(first), count, cols, row_stride};
  }
  operator MatrixView<const T>() const
    requires(!std::is_const_v<T>)
  {
    return {data, rows, cols, row_stride};
  }
};

/// How classes are spread over shards; TensorFlow's two strategies.
/// `div`: contiguous ranges of classes, the first `N % P` shards one row longer.
/// `mod`: class c is row c / P of shard c % P.
enum class PartitionStrategy { div, mod };

/// Where each class stands on one or several shards.
///
/// A class's *position* is its place when the shards are laid one after another. For a single
/// shard and for `div` it equals the class; for `mod` it does not.
class Partition {
 public:
  Partition() = default;
  Partition(std::int64_t num_rows, std::int64_t num_shards, PartitionStrategy strategy)
      : strategy_(strategy),
        num_rows_(num_rows),
        num_shards_(num_shards),
        short_rows_(num_rows / num_shards),
        long_shards_(num_rows % num_shards) {}

  std::int64_t num_rows() const { return num_rows_; }
  std::int64_t num_shards() const { return num_shards_; }
  PartitionStrategy strategy() const { return strategy_; }

  /// Whether the position of every class is the class itself.
  bool is_in_order() const { return num_shards() == 1 || strategy_ == PartitionStrategy::div; }
  std::int64_t position(std::int64_t class_id) const {
    if (is_in_order()) return class_id;
    return first_position(class_id % num_shards()) + class_id / num_shards();
  }
  std::int64_t class_at(std::int64_t position) const {
    if (is_in_order()) return position;
    const std::int64_t p = shard_at(position);
    return (position - first_position(p)) * num_shards() + p;
  }

  /// The first position that lies in shard `p`; `first_position(num_shards())` is `num_rows()`.
  std::int64_t first_position(std::int64_t p) const {
    return p * short_rows_ + (p < long_shards_ ? p : long_shards_);
  }
  std::int64_t shard_at(std::int64_t position) const {
    const std::int64_t in_long = long_shards_ * (short_rows_ + 1);
    if (position < in_long) return position / (short_rows_ + 1);
    return long_shards_ + (position - in_long) / short_rows_;
  }
  /// How many of `count` positions from one on lie in the same shard.
  std::int64_t run_length(std::int64_t position, std::int64_t count) const {
    const std::int64_t left = first_position(shard_at(position) + 1) - position;
    return left < count ? left : count;
  }

 private:
  PartitionStrategy strategy_ = PartitionStrategy::div;
  std::int64_t num_rows_ = 0;
  std::int64_t num_shards_ = 0;
  std::int64_t short_rows_ = 0;   // rows of the shorter shards
  std::int64_t long_shards_ = 0;  // how many leading shards have one row more
};

/// The rows of a table, one per class, held by one matrix or by several shards.
template <class T>
class RowsView : public Partition {
 public:
  RowsView() = default;
  explicit RowsView(MatrixView<T> rows);

  /// Throws std::invalid_argument, naming `argument`, if the shards are empty, differ in their
  /// number of columns, or are not cut as TensorFlow cuts them.
  RowsView(std::vector<MatrixView<T>> shards, PartitionStrategy strategy,
           const std::string& argument);

  operator RowsView<const T>() const
    requires(!std::is_const_v<T>)
  {
    RowsView<const T> rows;
    static_cast<Partition&>(rows) = *this;
    rows.shards_.assign(shards_.begin(), shards_.end());
    return rows;
  }

  std::int64_t dim() const { return shards_.front().cols; }
  const MatrixView<T>& shard(std::int64_t p) const { return shards_[static_cast<std::size_t>(p)]; }

  T* row_at(std::int64_t position) const {
    if (num_shards() == 1) return shards_.front().row(position);
    const std::int64_t p = shard_at(position);
    return shard(p).row(position - first_position(p));
  }
  T* row(std::int64_t class_id) const { return row_at(position(class_id)); }
  /// The longest run of rows from `position` on, at most `count`, that lies in one shard.
  MatrixView<T> run_at(std::int64_t position, std::int64_t count) const {
    const std::int64_t p = shard_at(position);
    return shard(p).middle_rows(position - first_position(p), run_length(position, count));
  }

 private:
  friend class RowsView<std::remove_const_t<T>>;

  std::vector<MatrixView<T>> shards_;
};

extern template class RowsView<const float>;
extern template class RowsView<const double>;
extern template class RowsView<const Bfloat16>;
extern template class RowsView<float>;
extern template class RowsView<double>;
extern template class RowsView<Bfloat16>;

}  // namespace manyclass
