#include "manyclass/phase_times.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace py = pybind11;

void bind_phase_times(py::module_& module) {
  module.def("record_phases", &record_phases, py::arg("on"));
  module.def("phase_seconds", [] {
    py::dict seconds;
    const auto measured = phase_seconds();
    for (std::size_t p = 0; p < num_phases; ++p) seconds[phase_names[p]] = measured[p];
    return seconds;
  });
}

}  // namespace manyclass::bindings
