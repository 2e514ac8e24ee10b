#include <algorithm>

#include "manyclass/vocabulary_walk.hpp"
#include "module.hpp"
#include "numpy_view.hpp"

namespace manyclass::bindings {

namespace {

std::int64_t take(VocabularyWalk& walk, const py::array& labels, std::int64_t first_row) {
  const auto rows = labels.ndim() == 1
                        ? read_column<std::int64_t>(labels, "labels")
                        : read_matrix<std::int64_t>(labels, "labels", "one or two dimensions");
  const py::gil_scoped_release release;
  return walk.take(rows, first_row);
}

py::array_t<std::int64_t> finish(VocabularyWalk& walk) {
  const std::vector<std::int64_t> classes = walk.finish();
  auto result = new_array<std::int64_t>({static_cast<py::ssize_t>(classes.size())});
  std::copy(classes.begin(), classes.end(), result.mutable_data());
  return result;
}

void check(const py::array& labels, const py::array& candidates) {
  check_candidates(read_matrix<std::int64_t>(labels, "labels", "shape [batch, num_true]"),
                   read_vector<std::int64_t>(candidates, "candidates"));
}

}  // namespace

void bind_vocabulary_walk(py::module_& module) {
  py::class_<VocabularyWalk>(module, "VocabularyWalk")
      .def(py::init<std::int64_t, std::int64_t>(), py::arg("num_classes"),
           py::arg("max_candidates"))
      .def("take", &take, py::arg("labels"), py::arg("first_row"))
      .def("finish", &finish);
  module.def("check_candidates", &check, py::arg("labels"), py::arg("candidates"));
}

}  // namespace manyclass::bindings
