#include "numpy_view.hpp"

#include <cstdlib>

#include "array_shape.hpp"

namespace manyclass::bindings {

namespace {

ArrayShape shape_of(const py::array& array) {
  return {array.shape(), array.shape() + array.ndim()};
}

}  // namespace

void refuse_dtype(const py::array& array, const Name& name, const char* wanted) {
  throw py::type_error(name + " has dtype " + py::str(array.dtype()).cast<std::string>() +
                       "; it must be " + wanted + " (" + name + ".astype(...) makes a copy)");
}

bool is_bfloat16(const py::array& array) {
  return array.itemsize() == 2 && py::str(array.dtype().attr("name")).equal(py::str("bfloat16"));
}

void check_rank(const py::array& array, const Name& name, int rank, const char* shape) {
  if (array.ndim() == rank) return;
  refuse_shape(shape_of(array), name, shape);
}

void check_alignment(const py::array& array, const Name& name) {
  const auto address = reinterpret_cast<std::uintptr_t>(array.data());
  if (address % static_cast<std::uintptr_t>(array.itemsize()) == 0) return;
  throw py::value_error(name + " is not aligned to its elements; numpy.require(" + name +
                        ", requirements=\"A\") makes an aligned copy");
}

std::int64_t element_stride(const py::array& array, const Name& name, int axis) {
  const py::ssize_t stride = array.strides(axis);
  if (stride % array.itemsize() == 0) return stride / array.itemsize();
  throw py::value_error(name + " has a stride of " + std::to_string(stride) +
                        " bytes, not a whole number of elements; numpy.ascontiguousarray(" + name +
                        ") makes a copy that has");
}

void check_contiguous_rows(const py::array& array, const Name& name) {
  if (array.shape(1) <= 1 || array.shape(0) == 0 || array.strides(1) == array.itemsize()) return;
  throw py::value_error(name + " has shape " + text_of(shape_of(array)) +
                        " with rows whose elements are not contiguous (Fortran order, a "
                        "transpose, or a strided slice of columns); numpy.ascontiguousarray(" +
                        name + ") makes a copy that has");
}

void check_writable(const py::array& array, const Name& name) {
  if (!array.writeable()) {
    throw py::value_error(name + " is read-only; it is updated in place and must be writable");
  }
  if (array.size() == 0 || array.shape(0) == 1) return;
  const py::ssize_t row_bytes = array.nbytes() / array.shape(0);
  if (std::abs(array.strides(0)) < row_bytes) {
    throw py::value_error(name +
                          " has rows that share memory (a broadcast or overlapping array); it is "
                          "updated in place and needs memory of its own for each row");
  }
}

CountsView read_counts(const py::array& array, const Name& name) {
  if (array.ndim() > 2) refuse_shape(shape_of(array), name, shape_of_counts);
  check_alignment(array, name);
  return with_float_type(array, name, [&]<class T>() {
    // As NumPy broadcasts: missing axes come first.
    const int rank = static_cast<int>(array.ndim());
    CountsView view{static_cast<const T*>(array.data()), 1, 1, 0, 0};
    if (rank >= 1) {
      view.cols = array.shape(rank - 1);
      view.col_stride = element_stride(array, name, rank - 1);
    }
    if (rank == 2) {
      view.rows = array.shape(0);
      view.row_stride = element_stride(array, name, 0);
    }
    return view;
  });
}

}  // namespace manyclass::bindings
