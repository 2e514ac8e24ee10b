#include "manyclass/learned_unigram_sampler.hpp"
#include "module.hpp"
#include "sampler_binding.hpp"

namespace manyclass::bindings {

namespace {

py::array_t<std::int32_t> weights_of(const LearnedUnigramSampler& sampler) {
  std::vector<std::int32_t> weights;
  {
    const py::gil_scoped_release release;
    weights = sampler.weights();
  }
  return copy_of(std::span<const std::int32_t>(weights));
}

void set_weights(LearnedUnigramSampler& sampler, const py::array& weights) {
  const auto view = read_vector<std::int64_t>(weights, "weights");
  const py::gil_scoped_release release;
  sampler.set_weights(view);
}

std::unique_ptr<LearnedUnigramSampler> sampler_with(const py::array_t<std::int64_t>& weights) {
  auto sampler = std::make_unique<LearnedUnigramSampler>(weights.size(), Seed{});
  sampler->set_weights(read_vector<std::int64_t>(weights, "weights"));
  return sampler;
}

}  // namespace

void bind_learned_unigram_sampler(py::module_& module) {
  py::class_<LearnedUnigramSampler, Sampler>(module, "LearnedUnigramSampler")
      .def(py::init([](std::int64_t num_classes, SeedPair seed) {
             return std::make_unique<LearnedUnigramSampler>(num_classes, seed_of(seed));
           }),
           py::arg("num_classes"), py::arg("seed"))
      .def("weights", &weights_of)
      .def("set_weights", &set_weights, py::arg("weights"))
      .def(pickled<LearnedUnigramSampler>(
          [](const LearnedUnigramSampler& sampler) {
            return py::array_t<std::int64_t>(weights_of(sampler));
          },
          sampler_with));
}

}  // namespace manyclass::bindings
