#include "manyclass/in_batch.hpp"
#include "module.hpp"
#include "sampler_binding.hpp"

namespace manyclass::bindings {

namespace {

constexpr const char* labels_shape = "shape [batch, num_true]";

template <class T>
std::vector<T> vector_of(const py::array& array, const Name& name) {
  const VectorView<const T> view = read_vector<T>(array, name);
  std::vector<T> result;
  result.reserve(static_cast<std::size_t>(view.size));
  for (std::int64_t i = 0; i < view.size; ++i) result.push_back(view[i]);
  return result;
}

void count_labels(StreamingFrequencies& frequencies, const py::array& labels) {
  const auto view = read_matrix<std::int64_t>(labels, "labels", labels_shape);
  const py::gil_scoped_release release;
  frequencies.update(view);
}

py::array_t<double> probability(const StreamingFrequencies& frequencies, const py::array& ids) {
  const auto view = read_vector<std::int64_t>(ids, "ids");
  auto result = new_array<double>({view.size});
  const std::span<double> out(result.mutable_data(), static_cast<std::size_t>(view.size));
  const py::gil_scoped_release release;
  frequencies.probabilities(view, out);
  return result;
}

py::tuple state(const StreamingFrequencies& frequencies) {
  const StreamingFrequencies::State now = frequencies.state();
  return py::make_tuple(copy_of(std::span<const double>(now.counts)),
                        copy_of(std::span<const std::int64_t>(now.seen_at)), now.total,
                        now.num_labels);
}

void set_state(StreamingFrequencies& frequencies, const py::array& counts, const py::array& seen_at,
               double total, std::int64_t num_labels) {
  frequencies.set_state({vector_of<double>(counts, "counts of state"),
                         vector_of<std::int64_t>(seen_at, "seen_at of state"), total, num_labels});
}

py::tuple candidates(const py::array& true_classes, StreamingFrequencies& frequencies,
                     bool also_update) {
  constexpr const char* name = "true_classes";
  const auto labels = read_matrix<std::int64_t>(true_classes, name, labels_shape);
  SampledValues values;
  {
    const py::gil_scoped_release release;
    values = in_batch_candidates(labels, frequencies, also_update, name);
  }
  py::tuple result = py::make_tuple(
      copy_of(std::span<const std::int64_t>(values.sampled_candidates)),
      copy_of(std::span<const float>(values.true_expected_count), {labels.rows, labels.cols}),
      copy_of(std::span<const float>(values.sampled_expected_count)));
  if (also_update) {  // with all memory taken
    const py::gil_scoped_release release;
    frequencies.update(labels, name);
  }
  return result;
}

}  // namespace

void bind_in_batch(py::module_& module) {
  py::class_<StreamingFrequencies>(module, "StreamingFrequencies")
      .def(py::init<std::int64_t, double>(), py::arg("num_classes"), py::arg("half_life"))
      .def(py::init([](const py::array& counts, double half_life, const Name& name) {
             return std::make_unique<StreamingFrequencies>(read_vector<double>(counts, name),
                                                           half_life, name);
           }),
           py::arg("counts"), py::arg("half_life"), py::arg("name"))
      .def_property_readonly("num_classes", &StreamingFrequencies::num_classes)
      .def_property_readonly("half_life", &StreamingFrequencies::half_life)
      .def_property_readonly("num_labels", &StreamingFrequencies::num_labels)
      .def("update", &count_labels, py::arg("labels"))
      .def("probability", &probability, py::arg("ids"))
      .def("state", &state)
      .def("set_state", &set_state, py::arg("counts"), py::arg("seen_at"), py::arg("total"),
           py::arg("num_labels"));
  module.def("in_batch_candidates", &candidates, py::arg("true_classes"), py::arg("frequencies"),
             py::arg("update"));
}

}  // namespace manyclass::bindings
