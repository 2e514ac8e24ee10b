#include <pybind11/stl.h>

#include <tuple>

#include "manyclass/row_optimizers.hpp"
#include "module.hpp"
#include "numpy_view.hpp"
#include "stream_place.hpp"

namespace manyclass::bindings {

namespace {

// variable, its state tables, indices, values, what messages say first.
using UpdateArrays =
    std::tuple<py::array, std::vector<py::array>, py::array, py::array, std::string>;

template <class T>
RowUpdate<T> read_update(const UpdateArrays& arrays, const RowRule& rule) {
  using Value = ComputeType<T>;
  const auto& [variable, state, indices, values, place] = arrays;
  RowUpdate<T> update;
  update.place = place;
  update.variable = write_table<T>(variable, place + "variable");
  for (std::size_t s = 0; s < rule.state_tables().size(); ++s) {
    const std::string name(rule.state_tables()[s].name);
    update.state[s] = write_table<Value>(state.at(s), place + "the state \"" + name + "\"");
  }
  update.indices = read_vector<std::int64_t>(indices, place + "indices");
  const Name values_name = place + "values";
  check_rank(values, values_name, static_cast<int>(variable.ndim()), "the rank of variable");
  update.values = variable.ndim() == 1 ? read_column<Value>(values, values_name)
                                       : read_matrix<Value>(values, values_name, "shape [n, dim]");
  return update;
}

AnyRowUpdate read_any_update(const UpdateArrays& arrays, const RowRule& rule) {
  const auto& variable = std::get<0>(arrays);
  if (has_dtype<float>(variable)) return read_update<float>(arrays, rule);
  if (has_dtype<double>(variable)) return read_update<double>(arrays, rule);
  if (has_dtype<Bfloat16>(variable)) return read_update<Bfloat16>(arrays, rule);
  refuse_dtype(variable, std::get<4>(arrays) + "variable", "float32, float64 or bfloat16");
}

void apply(const RowRule& rule, const std::vector<UpdateArrays>& arrays, double learning_rate,
           std::optional<double> clip_norm, const Place& rounding, int num_threads,
           const py::object& count) {
  std::vector<AnyRowUpdate> updates;
  for (const UpdateArrays& one : arrays) updates.push_back(read_any_update(one, rule));
  {
    const py::gil_scoped_release release;
    apply_row_updates(rule, updates, learning_rate, clip_norm, num_threads, stream_at(rounding));
  }
  count();
}

// (name, whether it has one number a row) for each table.
std::vector<std::pair<std::string, bool>> state_tables(const RowRule& rule) {
  std::vector<std::pair<std::string, bool>> tables;
  for (const auto& [name, one_a_row] : rule.state_tables()) tables.emplace_back(name, one_a_row);
  return tables;
}

}  // namespace

void bind_row_optimizers(py::module_& module) {
  py::class_<RowRule>(module, "RowRule")
      .def_static(
          "sgd",
          [](double momentum, bool nesterov, double weight_decay) {
            return RowRule(Sgd{momentum, nesterov, weight_decay});
          },
          py::arg("momentum"), py::arg("nesterov"), py::arg("weight_decay"))
      .def_static(
          "adagrad",
          [](double initial_accumulator_value, double epsilon, double weight_decay) {
            return RowRule(Adagrad{initial_accumulator_value, epsilon, weight_decay});
          },
          py::arg("initial_accumulator_value"), py::arg("epsilon"), py::arg("weight_decay"))
      .def_static(
          "rowwise_adagrad",
          [](double initial_accumulator_value, double epsilon, double weight_decay) {
            return RowRule(RowwiseAdagrad{initial_accumulator_value, epsilon, weight_decay});
          },
          py::arg("initial_accumulator_value"), py::arg("epsilon"), py::arg("weight_decay"))
      .def_static(
          "adam",
          [](double beta_1, double beta_2, double epsilon, double weight_decay) {
            return RowRule(Adam{beta_1, beta_2, epsilon, weight_decay});
          },
          py::arg("beta_1"), py::arg("beta_2"), py::arg("epsilon"), py::arg("weight_decay"))
      .def("state_tables", state_tables);
  module.def(
      "address",
      [](const py::array& array) { return reinterpret_cast<std::uintptr_t>(array.data()); },
      py::arg("array"));
  module.def("check_learning_rate", &check_learning_rate, py::arg("learning_rate"));
  module.def("check_clip_norm", &check_clip_norm, py::arg("clip_norm"));
  module.def("apply_row_updates", apply, py::arg("rule"), py::arg("updates"),
             py::arg("learning_rate"), py::arg("clip_norm"), py::arg("rounding"),
             py::arg("num_threads"), py::arg("count"));
}

}  // namespace manyclass::bindings
