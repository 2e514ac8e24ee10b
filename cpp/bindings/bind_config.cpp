#include <pybind11/stl.h>

#include "manyclass/config.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace py = pybind11;

void bind_config(py::module_& module) {
  const Config built = config();  // importing fails here if MANYCLASS_TARGET names nothing
  module.attr("__version__") = built.version;
  module.def("config", [] {
    const Config now = config();
    py::dict result;
    result["version"] = now.version;
    result["compiler"] = now.compiler;
    result["target"] = now.target;
    result["targets"] = now.targets;
    return result;
  });
}

}  // namespace manyclass::bindings
