#include "manyclass/alias_sampler.hpp"
#include "module.hpp"
#include "sampler_binding.hpp"

namespace manyclass::bindings {

namespace {

py::array_t<double> weights_of(const AliasSampler& sampler) {
  std::vector<double> weights;
  {
    const py::gil_scoped_release release;
    weights = sampler.weights();
  }
  return copy_of(std::span<const double>(weights));
}

void set_weights(AliasSampler& sampler, const py::array& weights) {
  const auto view = read_vector<double>(weights, "weights");
  const py::gil_scoped_release release;
  sampler.set_weights(view);
}

void update(AliasSampler& sampler, const py::array& ids, const py::array& weights) {
  const auto indices = read_vector<std::int64_t>(ids, "ids");
  const auto view = read_vector<double>(weights, "weights");
  const py::gil_scoped_release release;
  sampler.update(indices, view);
}

std::unique_ptr<AliasSampler> sampler_of(const py::array& weights, Seed seed) {
  const auto view = read_vector<double>(weights, "weights");
  const py::gil_scoped_release release;
  return std::make_unique<AliasSampler>(view, seed);
}

}  // namespace

void bind_alias_sampler(py::module_& module) {
  py::class_<AliasSampler, Sampler>(module, "AliasSampler")
      .def(py::init([](const py::array& weights, SeedPair seed) {
             return sampler_of(weights, seed_of(seed));
           }),
           py::arg("weights"), py::arg("seed"))
      .def("weights", &weights_of)
      .def("set_weights", &set_weights, py::arg("weights"))
      .def("update", &update, py::arg("ids"), py::arg("weights"))
      .def(pickled<AliasSampler>(
          &weights_of, [](const py::array& weights) { return sampler_of(weights, Seed{}); }));
}

}  // namespace manyclass::bindings
