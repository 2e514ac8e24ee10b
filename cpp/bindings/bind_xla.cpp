#include "module.hpp"
#include "xla_functions.hpp"

namespace manyclass::bindings {

namespace py = pybind11;

namespace {

template <void (*compute)(xla::Call&)>
py::object capsule_of() {
  // Without a name, as JAX wants it.
  const xla::Handler handler = &xla::handle<compute>;
  return py::reinterpret_steal<py::object>(
      PyCapsule_New(reinterpret_cast<void*>(handler), nullptr, nullptr));
}

}  // namespace

void bind_xla(py::module_& module) {
  module.def("xla_functions", [] {
    py::dict functions;
    functions["manyclass_sampled_loss"] = capsule_of<xla::compute_sampled_loss>();
    functions["manyclass_sampled_loss_and_rows"] = capsule_of<xla::compute_sampled_loss_and_rows>();
    functions["manyclass_full_softmax_loss"] = capsule_of<xla::compute_full_softmax_loss>();
    functions["manyclass_full_softmax_gradients"] =
        capsule_of<xla::compute_full_softmax_gradients>();
    return functions;
  });
}

}  // namespace manyclass::bindings
