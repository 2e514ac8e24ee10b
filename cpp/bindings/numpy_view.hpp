// NumPy arrays as views of the caller's memory: the one header that knows both.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <concepts>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "manyclass/bfloat16.hpp"
#include "manyclass/buffer.hpp"
#include "manyclass/sampled_loss.hpp"
#include "manyclass/views.hpp"

namespace manyclass::bindings {

namespace py = pybind11;

/// What an argument is called in messages: "weights", "weights[2]".
using Name = std::string;

/// Raise what NumPy users expect: TypeError for a dtype, ValueError for rank and layout. Each
/// message says what came and what to call.
[[noreturn]] void refuse_dtype(const py::array& array, const Name& name, const char* wanted);
void check_rank(const py::array& array, const Name& name, int rank, const char* shape);

/// Whether the dtype is ml_dtypes.bfloat16, which NumPy itself does not have: told by its name.
bool is_bfloat16(const py::array& array);

template <class T>
bool has_dtype(const py::array& array) {
  if constexpr (std::same_as<T, Bfloat16>) {
    return is_bfloat16(array);
  } else {
    return py::isinstance<py::array_t<T>>(array);
  }
}

template <class T>
void check_dtype(const py::array& array, const Name& name, const char* wanted) {
  if (!has_dtype<T>(array)) refuse_dtype(array, name, wanted);
}

/// "float32", "int64" and so on.
template <class T>
const char* dtype_name() {
  if constexpr (std::same_as<T, float>) return "float32";
  if constexpr (std::same_as<T, double>) return "float64";
  if constexpr (std::same_as<T, Bfloat16>) return "bfloat16";
  if constexpr (std::same_as<T, std::int64_t>) return "int64";
}

/// The stride of one axis in elements; ValueError if it is not a whole number of them.
std::int64_t element_stride(const py::array& array, const Name& name, int axis);
void check_alignment(const py::array& array, const Name& name);
void check_contiguous_rows(const py::array& array, const Name& name);
void check_writable(const py::array& array, const Name& name);

/// Views for reading; the array's own memory, whatever its strides along the first axis.
template <class T>
VectorView<const T> read_vector(const py::array& array, const Name& name,
                                const char* wanted = dtype_name<T>()) {
  check_dtype<T>(array, name, wanted);
  check_rank(array, name, 1, "one dimension");
  check_alignment(array, name);
  return {static_cast<const T*>(array.data()), array.shape(0), element_stride(array, name, 0)};
}

template <class T>
MatrixView<const T> read_matrix(const py::array& array, const Name& name, const char* shape,
                                const char* wanted = dtype_name<T>()) {
  check_dtype<T>(array, name, wanted);
  check_rank(array, name, 2, shape);
  check_alignment(array, name);
  check_contiguous_rows(array, name);
  return {static_cast<const T*>(array.data()), array.shape(0), array.shape(1),
          element_stride(array, name, 0)};
}

/// A vector as a table of one column.
template <class T>
MatrixView<const T> read_column(const py::array& array, const Name& name,
                                const char* wanted = dtype_name<T>()) {
  const VectorView<const T> vector = read_vector<T>(array, name, wanted);
  return {vector.data, vector.size, 1, vector.stride};
}

/// A view of the array for writing: it must be writable and its rows must not overlap.
template <class T>
MatrixView<T> writable(py::array array, const Name& name, MatrixView<const T> view) {
  check_writable(array, name);
  return {static_cast<T*>(array.mutable_data()), view.rows, view.cols, view.row_stride};
}
template <class T>
MatrixView<T> write_table(const py::array& array, const Name& name) {
  return writable<T>(
      array, name,
      array.ndim() == 1 ? read_column<T>(array, name)
                        : read_matrix<T>(array, name, "shape [num_classes, dim] or [num_classes]"));
}

/// An uninitialised array that a call fills.
template <class T>
py::array_t<T> new_array(std::vector<py::ssize_t> shape) {
  return py::array_t<T>(std::move(shape));
}
template <class T>
MatrixView<T> matrix_of(py::array_t<T>& array) {
  return {array.mutable_data(), array.shape(0), array.shape(1), array.shape(1)};
}

/// Hands a buffer over to a new array, without a copy.
template <class T>
py::array_t<T> array_of(Buffer<T> buffer, std::vector<py::ssize_t> shape) {
  const py::capsule owner(buffer.data(), delete_aligned);
  T* data = buffer.release();
  return py::array_t<T>(std::move(shape), data, owner);
}

/// Counts of any float dtype, up to two dimensions.
CountsView read_counts(const py::array& array, const Name& name);

/// Calls `call.template operator()<T>()` with the float type of `array`.
template <class Call>
auto with_float_type(const py::array& array, const Name& name, Call call) {
  if (py::isinstance<py::array_t<float>>(array)) return call.template operator()<float>();
  if (py::isinstance<py::array_t<double>>(array)) return call.template operator()<double>();
  refuse_dtype(array, name, "float32 or float64");
}

/// Calls `read(array, name)` for one array or for each of a list of shards.
template <class T, class Read>
RowsView<T> read_table(const py::object& table, PartitionStrategy strategy, const Name& name,
                       Read read) {
  if (!py::isinstance<py::list>(table)) {
    return RowsView<T>(read(table.cast<py::array>(), name));
  }
  std::vector<MatrixView<T>> shards;
  for (const py::handle shard : table) {
    const Name place = name + "[" + std::to_string(shards.size()) + "]";
    shards.push_back(read(shard.cast<py::array>(), place));
  }
  return RowsView<T>(std::move(shards), strategy, name);
}

}  // namespace manyclass::bindings
