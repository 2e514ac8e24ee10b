// The true classes of a batch.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "manyclass/views.hpp"

namespace manyclass {

/// The labels of a batch: the same number for each example, or any number for each (ragged).
///
/// Labels are numbered row after row; those of example i are first(i) .. first(i + 1) - 1. They lie
/// in the matrix `ids`, again row after row: [batch, num_true], or [size, 1] if they are ragged.
class LabelsView {
 public:
  LabelsView() = default;
  LabelsView(MatrixView<const std::int64_t> ids) : ids_(ids), batch_(ids.rows) {}

  /// Compressed sparse rows, TensorFlow's RaggedTensor: the labels of example i are
  /// values[row_splits[i]] .. values[row_splits[i + 1] - 1]. Throws std::invalid_argument unless
  /// `row_splits` begins with 0, never falls and ends with the number of values; messages call
  /// them `argument`.
  LabelsView(VectorView<const std::int64_t> values, VectorView<const std::int64_t> row_splits,
             std::string_view argument = "labels");

  MatrixView<const std::int64_t> ids() const { return ids_; }
  bool is_ragged() const { return row_splits_.data != nullptr; }
  std::int64_t batch() const { return batch_; }
  std::int64_t size() const { return ids_.rows * ids_.cols; }
  /// `first(batch())` is `size()`. Within [0, size()] even if the row splits, once checked, are
  /// written by another thread.
  std::int64_t first(std::int64_t example) const {
    return is_ragged() ? std::clamp<std::int64_t>(row_splits_[example], 0, size())
                       : example * ids_.cols;
  }
  std::int64_t operator[](std::int64_t label) const {
    return ids_.row(label / ids_.cols)[label % ids_.cols];
  }

 private:
  MatrixView<const std::int64_t> ids_;
  VectorView<const std::int64_t> row_splits_;
  std::int64_t batch_ = 0;
};

}  // namespace manyclass
