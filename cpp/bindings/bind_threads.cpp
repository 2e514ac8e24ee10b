#include "foreign_call.hpp"
#include "manyclass/threads.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace py = pybind11;

namespace {

// Lets Ctrl-C and other signals stop long work. Only Python's main thread runs signal handlers;
// elsewhere this does nothing.
void check_signals() {
  if (WithoutPython::in_force()) return;
  const py::gil_scoped_acquire gil;
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

}  // namespace

void bind_threads(py::module_& module) {
  set_interrupt_check(check_signals);
  module.def("set_num_threads", &set_num_threads, py::arg("num_threads"));
  module.def("get_num_threads", &get_num_threads);
}

}  // namespace manyclass::bindings
