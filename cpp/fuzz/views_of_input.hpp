// Views of vectors, and what several targets read: labels, tables in shards.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "fuzz_input.hpp"
#include "manyclass/labels.hpp"
#include "manyclass/threads.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

template <class T>
VectorView<const T> view_of(const std::vector<T>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

}  // namespace manyclass

namespace fuzz {

/// Labels, ragged or not, mostly of classes; those that are no labels are refused by `view`.
class ReadLabels {
 public:
  ReadLabels(Input& input, std::int64_t num_classes)
      : batch_(input.below(5)), num_true_(1 + input.below(3)) {
    if (input.coin()) {
      row_splits_.emplace(1, 0);
      for (std::int64_t i = 0; i < batch_; ++i) {
        row_splits_->push_back(row_splits_->back() + input.below(4));
      }
      values_ = input.ids(row_splits_->back(), num_classes);
      if (input.rarely()) values_ = input.ids(input.below(4), num_classes);
      if (input.rarely()) row_splits_ = input.ids(batch_ + 1, 5);
      if (input.rarely()) row_splits_->clear();
    } else {
      if (input.rarely()) num_true_ = 0;
      values_ = input.ids(batch_ * num_true_, num_classes);
    }
  }

  std::int64_t batch() const { return batch_; }
  /// The shape of `view().ids()`.
  std::int64_t ids_rows() const { return row_splits_ ? std::ssize(values_) : batch_; }
  std::int64_t ids_cols() const { return row_splits_ ? 1 : num_true_; }
  /// All of them as they would be without row splits.
  manyclass::MatrixView<const std::int64_t> matrix() const {
    const std::int64_t rows = num_true_ == 0 ? batch_ : std::ssize(values_) / num_true_;
    return {values_.data(), rows, num_true_, num_true_};
  }
  manyclass::LabelsView view() const {
    using manyclass::view_of;
    return row_splits_ ? manyclass::LabelsView(view_of(values_), view_of(*row_splits_))
                       : manyclass::LabelsView(matrix());
  }

 private:
  std::int64_t batch_;
  std::int64_t num_true_;
  std::vector<std::int64_t> values_;
  std::optional<std::vector<std::int64_t>> row_splits_;
};

/// A table of rows in one to three shards, which are mostly cut as they must be.
template <class T>
class ReadTable {
 public:
  ReadTable(Input& input, std::int64_t rows, std::int64_t cols, int num_shards)
      : strategy_(input.coin() ? manyclass::PartitionStrategy::div
                               : manyclass::PartitionStrategy::mod) {
    for (int p = 0; p < num_shards; ++p) {
      std::int64_t size = rows / num_shards + (p < rows % num_shards ? 1 : 0);
      if (input.rarely() && input.rarely()) size = input.below(4);
      num_rows_ += size;
      numbers_.push_back(input.numbers<T>(size * cols));
      shards_.push_back({numbers_.back().data(), size, cols, cols});
    }
  }

  manyclass::RowsView<T> view() const { return {shards_, strategy_, "weights"}; }
  std::int64_t num_rows() const { return num_rows_; }
  const std::vector<std::vector<T>>& numbers() const { return numbers_; }

 private:
  manyclass::PartitionStrategy strategy_;
  std::int64_t num_rows_ = 0;
  std::vector<std::vector<T>> numbers_;
  std::vector<manyclass::MatrixView<T>> shards_;
};

}  // namespace fuzz
