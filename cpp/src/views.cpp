#include "manyclass/views.hpp"

#include "checks.hpp"

namespace manyclass {

template <class T>
RowsView<T>::RowsView(MatrixView<T> rows)
    : shards_{rows}, num_rows_(rows.rows), short_rows_(rows.rows) {}

template <class T>
RowsView<T>::RowsView(std::vector<MatrixView<T>> shards, PartitionStrategy strategy,
                      const std::string& argument)
    : shards_(std::move(shards)), strategy_(strategy) {
  require(!shards_.empty(), argument, " is an empty list of shards; it needs at least one");
  for (std::int64_t p = 0; p < num_shards(); ++p) {
    require(shard(p).cols == dim(), argument, "[", p, "] has ", shard(p).cols, " columns, ",
            argument, "[0] has ", dim(), "; all shards must have the same");
    num_rows_ += shard(p).rows;
  }
  short_rows_ = num_rows_ / num_shards();
  long_shards_ = num_rows_ % num_shards();
  for (std::int64_t p = 0; p < num_shards(); ++p) {
    const std::int64_t wanted = short_rows_ + (p < long_shards_ ? 1 : 0);
    require(shard(p).rows == wanted, argument, "[", p, "] has ", shard(p).rows, " rows; ",
            num_rows_, " classes on ", num_shards(), " shards must be cut so that it has ", wanted,
            " (the first ", long_shards_, " shards one row longer)");
  }
}

template class RowsView<const float>;
template class RowsView<const double>;
template class RowsView<const Bfloat16>;
template class RowsView<float>;
template class RowsView<double>;
template class RowsView<Bfloat16>;

}  // namespace manyclass
