// Arrays without strides, as frameworks hand them over, as views of the same memory.
#pragma once

#include <cstdint>
#include <functional>
#include <numeric>
#include <string>

#include "array_shape.hpp"
#include "manyclass/sampled_loss.hpp"
#include "manyclass/views.hpp"

namespace manyclass::bindings {

/// Elements row after row. The framework answers for their type, the functions below for the rank.
struct DenseArray {
  const void* data = nullptr;
  ArrayShape shape;

  /// The number of elements.
  std::int64_t size() const {
    return std::accumulate(shape.begin(), shape.end(), std::int64_t{1}, std::multiplies<>());
  }
};

/// Throws std::invalid_argument unless the array has `rank` axes; messages name it and `wanted`.
inline void check_rank(const DenseArray& array, std::size_t rank, const std::string& name,
                       const char* wanted) {
  if (array.shape.size() != rank) refuse_shape(array.shape, name, wanted);
}

template <class T>
VectorView<const T> vector_of(const DenseArray& array, const std::string& name) {
  check_rank(array, 1, name, "one dimension");
  return {static_cast<const T*>(array.data), array.shape[0]};
}

template <class T>
MatrixView<const T> matrix_of(const DenseArray& array, const std::string& name,
                              const char* wanted) {
  check_rank(array, 2, name, wanted);
  return {static_cast<const T*>(array.data), array.shape[0], array.shape[1], array.shape[1]};
}

/// A vector as a table of one column.
template <class T>
MatrixView<const T> column_of(const DenseArray& array, const std::string& name) {
  const VectorView<const T> vector = vector_of<T>(array, name);
  return {vector.data, vector.size, 1, 1};
}

/// As NumPy broadcasts: missing axes come first.
template <class T>
CountsView counts_of(const DenseArray& array, const std::string& name) {
  const std::size_t rank = array.shape.size();
  if (rank > 2) refuse_shape(array.shape, name, shape_of_counts);
  CountsView view{static_cast<const T*>(array.data), 1, 1, 0, 1};
  if (rank >= 1) view.cols = view.row_stride = array.shape[rank - 1];
  if (rank == 2) view.rows = array.shape[0];
  return view;
}

}  // namespace manyclass::bindings
