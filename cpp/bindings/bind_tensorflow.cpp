#include <mutex>
#include <string>
#include <utility>

#include "graph_samplers.hpp"
#include "module.hpp"
#include "tensorflow_c_api.hpp"
#include "tensorflow_operations.hpp"

namespace manyclass::bindings {

namespace py = pybind11;

namespace {

// Once for all of the process, whose operations TensorFlow keeps.
void register_operations(const std::string& library) {
  static std::once_flag once;
  const py::gil_scoped_release release;
  std::call_once(once, [&] {
    tensorflow::find_functions(library);
    tensorflow::register_draws();
    tensorflow::register_sampled_losses();
    tensorflow::register_full_softmax();
  });
}

std::pair<std::int64_t, std::int64_t> graph_sampler(const py::object& sampler) {
  const GraphSampler known_as = number_of(sampler.cast<Sampler&>());
  sampler.inc_ref();  // it lives as long as the process, in which graphs may run to the end
  return {known_as.number, known_as.process};
}

}  // namespace

void bind_tensorflow(py::module_& module) {
  module.def("register_tensorflow_operations", &register_operations, py::arg("library"));
  module.def("graph_sampler", &graph_sampler, py::arg("sampler"));
}

}  // namespace manyclass::bindings
