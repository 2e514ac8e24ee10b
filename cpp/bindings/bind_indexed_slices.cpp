#include "manyclass/indexed_slices.hpp"
#include "module.hpp"
#include "slices_array.hpp"

namespace manyclass::bindings {

namespace {

template <class T>
py::list sum_rows_of(const py::array& indices, const py::array& values, std::int64_t num_rows,
                     int num_threads) {
  const auto row_indices = read_vector<std::int64_t>(indices, "indices");
  const bool is_vector = values.ndim() == 1;
  const auto rows = is_vector ? read_column<T>(values, "values")
                              : read_matrix<T>(values, "values", "shape [n, dim] or [n]");
  IndexedSlices<T> slices;
  {
    const py::gil_scoped_release release;
    slices = sum_rows(row_indices, rows, num_rows, num_threads);
  }
  return slices_by_shard(std::move(slices), is_vector ? 0 : rows.cols);
}

}  // namespace

void bind_indexed_slices(py::module_& module) {
  module.def(
      "sum_rows",
      [](const py::array& indices, const py::array& values, std::int64_t num_rows,
         int num_threads) {
        return with_float_type(values, "values", [&]<class T>() {
          return sum_rows_of<T>(indices, values, num_rows, num_threads);
        });
      },
      py::arg("indices"), py::arg("values"), py::arg("num_rows"), py::arg("num_threads"));
}

}  // namespace manyclass::bindings
