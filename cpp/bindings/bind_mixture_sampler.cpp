#include <pybind11/stl.h>

#include "manyclass/mixture_sampler.hpp"
#include "module.hpp"

namespace manyclass::bindings {

namespace {

namespace py = pybind11;

// A sampler that its Python object owns, kept alive by it.
std::shared_ptr<const Sampler> shared_sampler(py::object owner) {
  const auto* sampler = owner.cast<const Sampler*>();
  return {sampler, [owner = std::move(owner)](const Sampler*) mutable {
            const py::gil_scoped_acquire held;
            owner.release().dec_ref();
          }};
}

}  // namespace

void bind_mixture_sampler(py::module_& module) {
  py::class_<MixtureSampler, Sampler>(module, "MixtureSampler")
      .def(py::init([](const std::vector<std::pair<py::object, double>>& parts,
                       std::pair<std::uint64_t, std::uint64_t> seed) {
             std::vector<MixturePart> shared;
             for (const auto& [sampler, share] : parts) {
               shared.push_back({shared_sampler(sampler), share});
             }
             return std::make_unique<MixtureSampler>(std::move(shared),
                                                     Seed{seed.first, seed.second});
           }),
           py::arg("parts"), py::arg("seed"))
      .def_property_readonly("shares", [](const MixtureSampler& mixture) {
        std::vector<double> shares;
        for (const MixturePart& part : mixture.parts()) shares.push_back(part.share);
        return shares;
      });
}

}  // namespace manyclass::bindings
