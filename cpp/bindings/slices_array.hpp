// The core's indexed slices as NumPy arrays.
#pragma once

#include <vector>

#include "manyclass/indexed_slices.hpp"
#include "numpy_view.hpp"

namespace manyclass::bindings {

/// A list of (values, indices), one for each shard: slices of two arrays that own the buffers.
/// `dim` 0 makes values a vector.
template <class T>
py::list slices_by_shard(IndexedSlices<T> slices, std::int64_t dim) {
  const std::int64_t size = slices.indices.size();
  const std::vector<py::ssize_t> shape =
      dim == 0 ? std::vector<py::ssize_t>{size} : std::vector<py::ssize_t>{size, dim};
  const auto values = array_of(std::move(slices.values), shape);
  const auto indices = array_of(std::move(slices.indices), {size});
  if (slices.shard_begin.size() == 2) {
    py::list whole;
    whole.append(py::make_tuple(values, indices));
    return whole;
  }
  py::list result;
  for (std::size_t p = 0; p + 1 < slices.shard_begin.size(); ++p) {
    const py::slice part(slices.shard_begin[p], slices.shard_begin[p + 1], 1);
    result.append(py::make_tuple(values[part], indices[part]));
  }
  return result;
}

}  // namespace manyclass::bindings
