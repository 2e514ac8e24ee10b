#include "manyclass/step_classes.hpp"
#include "module.hpp"
#include "numpy_view.hpp"

namespace manyclass::bindings {

namespace {

py::tuple step_classes(const py::array& labels, const py::array& sampled_candidates) {
  const auto ids = read_matrix<std::int64_t>(labels, "labels", "shape [batch, num_true]");
  const auto candidates = read_vector<std::int64_t>(sampled_candidates, "sampled_candidates");
  auto label_places = new_array<std::int64_t>({ids.rows, ids.cols});
  auto candidate_places = new_array<std::int64_t>({candidates.size});
  const MatrixView<std::int64_t> labels_out = matrix_of(label_places);
  const VectorView<std::int64_t> candidates_out{candidate_places.mutable_data(), candidates.size};
  Buffer<std::int64_t> classes;
  {
    const py::gil_scoped_release release;
    classes = find_step_classes(ids, candidates, labels_out, candidates_out);
  }
  const std::int64_t size = classes.size();
  return py::make_tuple(array_of(std::move(classes), {size}), label_places, candidate_places);
}

}  // namespace

void bind_step_classes(py::module_& module) {
  module.def("step_classes", &step_classes, py::arg("labels"), py::arg("sampled_candidates"));
}

}  // namespace manyclass::bindings
