#include "manyclass/views.hpp"

#include "checks.hpp"

namespace manyclass {

template <class T>
RowsView<T>::RowsView(MatrixView<T> rows)
    : Partition(rows.rows, 1, PartitionStrategy::div), shards_{rows} {}

template <class T>
RowsView<T>::RowsView(std::vector<MatrixView<T>> shards, PartitionStrategy strategy,
                      const std::string& argument)
    : shards_(std::move(shards)) {
  require(!shards_.empty(), argument, " is an empty list of shards; it needs at least one");
  const auto count = static_cast<std::int64_t>(shards_.size());
  std::int64_t rows = 0;
  for (std::int64_t p = 0; p < count; ++p) {
    require(shard(p).cols == dim(), argument, "[", p, "] has ", shard(p).cols, " columns, ",
            argument, "[0] has ", dim(), "; all shards must have the same");
    rows += shard(p).rows;
  }
  static_cast<Partition&>(*this) = Partition(rows, count, strategy);
  for (std::int64_t p = 0; p < count; ++p) {
    const std::int64_t wanted = first_position(p + 1) - first_position(p);
    require(shard(p).rows == wanted, argument, "[", p, "] has ", shard(p).rows, " rows; ", rows,
            " classes on ", count, " shards must be cut so that it has ", wanted, " (the first ",
            rows % count, " shards one row longer)");
  }
}

template class RowsView<const float>;
template class RowsView<const double>;
template class RowsView<const Bfloat16>;
template class RowsView<float>;
template class RowsView<double>;
template class RowsView<Bfloat16>;

}  // namespace manyclass
