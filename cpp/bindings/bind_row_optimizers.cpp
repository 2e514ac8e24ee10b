#include <pybind11/stl.h>

#include <tuple>

#include "manyclass/row_optimizers.hpp"
#include "module.hpp"
#include "numpy_view.hpp"

namespace manyclass::bindings {

namespace {

// variable, state or None, indices, values.
using UpdateArrays = std::tuple<py::array, std::optional<py::array>, py::array, py::array>;

template <class T>
RowUpdate<T> read_update(const UpdateArrays& arrays) {
  const auto& [variable, state, indices, values] = arrays;
  RowUpdate<T> update;
  update.variable = write_table<T>(variable, "variable");
  if (state) update.state = write_table<T>(*state, "the optimizer's state");
  update.indices = read_vector<std::int64_t>(indices, "indices");
  check_rank(values, "values", static_cast<int>(variable.ndim()), "the rank of variable");
  update.values = variable.ndim() == 1 ? read_column<T>(values, "values")
                                       : read_matrix<T>(values, "values", "shape [n, dim]");
  return update;
}

// Reads all updates, then calls `apply` without the GIL.
template <class Apply>
void with_updates(const std::vector<UpdateArrays>& arrays, Apply apply) {
  if (arrays.empty()) return;
  with_float_type(std::get<0>(arrays.front()), "variable", [&]<class T>() {
    std::vector<RowUpdate<T>> updates;
    for (const UpdateArrays& one : arrays) updates.push_back(read_update<T>(one));
    const py::gil_scoped_release release;
    apply(std::span<const RowUpdate<T>>(updates));
  });
}

}  // namespace

void bind_row_optimizers(py::module_& module) {
  module.def(
      "sgd_apply",
      [](const std::vector<UpdateArrays>& updates, double learning_rate, int num_threads) {
        with_updates(updates, [&](auto read) { sgd_apply(read, learning_rate, num_threads); });
      },
      py::arg("updates"), py::arg("learning_rate"), py::arg("num_threads"));
  module.def(
      "adagrad_apply",
      [](const std::vector<UpdateArrays>& updates, double learning_rate,
         double initial_accumulator_value, double epsilon, int num_threads) {
        with_updates(updates, [&](auto read) {
          adagrad_apply(read, learning_rate, initial_accumulator_value, epsilon, num_threads);
        });
      },
      py::arg("updates"), py::arg("learning_rate"), py::arg("initial_accumulator_value"),
      py::arg("epsilon"), py::arg("num_threads"));
}

}  // namespace manyclass::bindings
