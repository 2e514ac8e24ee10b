#include "manyclass/reduced_loss.hpp"
#include "module.hpp"
#include "numpy_view.hpp"

namespace manyclass::bindings {

namespace {

// As an array of no dimension: memory that a tensor can have.
template <class Reduce>
py::array one_number(const py::array& loss, Reduce reduce) {
  return with_float_type(loss, "loss", [&]<class T>() -> py::array {
    auto result = new_array<T>({});
    *result.mutable_data() = reduce(read_vector<T>(loss, "loss"));
    return result;
  });
}

}  // namespace

void bind_reduced_loss(py::module_& module) {
  module.def(
      "total_loss",
      [](const py::array& loss) {
        return one_number(loss, [](auto losses) { return total_loss(losses); });
      },
      py::arg("loss"));
  module.def(
      "mean_loss",
      [](const py::array& loss) {
        return one_number(loss, [](auto losses) { return mean_loss(losses); });
      },
      py::arg("loss"));
}

}  // namespace manyclass::bindings
