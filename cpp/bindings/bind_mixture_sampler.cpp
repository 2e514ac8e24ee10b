#include "manyclass/mixture_sampler.hpp"
#include "module.hpp"
#include "sampler_binding.hpp"

namespace manyclass::bindings {

namespace {

// A sampler that its Python object owns, kept alive by it.
std::shared_ptr<const Sampler> shared_sampler(py::object owner) {
  const auto* sampler = owner.cast<const Sampler*>();
  return {sampler, [owner = std::move(owner)](const Sampler*) mutable {
            const py::gil_scoped_acquire held;
            owner.release().dec_ref();
          }};
}

using PartList = std::vector<std::pair<py::object, double>>;

std::unique_ptr<MixtureSampler> mixture_of(const PartList& parts, Seed seed) {
  std::vector<MixturePart> shared;
  for (const auto& [sampler, share] : parts) shared.push_back({shared_sampler(sampler), share});
  return std::make_unique<MixtureSampler>(std::move(shared), seed);
}

// The Python objects of the parts: each is alive, for the mixture holds it.
PartList parts_of(const MixtureSampler& mixture) {
  PartList parts;
  for (const MixturePart& part : mixture.parts()) {
    parts.emplace_back(py::cast(part.sampler.get(), py::return_value_policy::reference),
                       part.share);
  }
  return parts;
}

}  // namespace

void bind_mixture_sampler(py::module_& module) {
  py::class_<MixtureSampler, Sampler>(module, "MixtureSampler")
      .def(py::init([](const PartList& parts, SeedPair seed) {
             return mixture_of(parts, seed_of(seed));
           }),
           py::arg("parts"), py::arg("seed"))
      .def(pickled<MixtureSampler>(&parts_of,
                                   [](const PartList& parts) { return mixture_of(parts, Seed{}); }))
      .def_property_readonly("shares", [](const MixtureSampler& mixture) {
        std::vector<double> shares;
        for (const MixturePart& part : mixture.parts()) shares.push_back(part.share);
        return shares;
      });
}

}  // namespace manyclass::bindings
