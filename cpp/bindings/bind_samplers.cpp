#include <pybind11/stl.h>

#include <algorithm>

#include "manyclass/alias_sampler.hpp"
#include "manyclass/samplers.hpp"
#include "module.hpp"
#include "numpy_view.hpp"

namespace manyclass::bindings {

namespace {

using SeedPair = std::pair<std::uint64_t, std::uint64_t>;

Seed seed_of(SeedPair pair) { return {pair.first, pair.second}; }
std::optional<Seed> seed_of(std::optional<SeedPair> pair) {
  if (!pair) return {};
  return seed_of(*pair);
}

template <class T>
py::array_t<T> copy_of(const std::vector<T>& values, std::vector<py::ssize_t> shape) {
  auto result = new_array<T>(std::move(shape));
  std::copy(values.begin(), values.end(), result.mutable_data());
  return result;
}

py::tuple sample(Sampler& sampler, const py::array& true_classes, std::int64_t num_sampled,
                 bool unique, std::optional<SeedPair> seed) {
  const auto labels =
      read_matrix<std::int64_t>(true_classes, "true_classes", "shape [batch, num_true]");
  SampledValues values;
  {
    const py::gil_scoped_release release;
    values = sampler.sample(labels, num_sampled, unique, seed_of(seed));
  }
  return py::make_tuple(copy_of(values.sampled_candidates, {num_sampled}),
                        copy_of(values.true_expected_count, {labels.rows, labels.cols}),
                        copy_of(values.sampled_expected_count, {num_sampled}));
}

py::array_t<std::int64_t> draw(Sampler& sampler, std::int64_t size, std::optional<SeedPair> seed) {
  if (size < 0) {
    throw py::value_error("size is " + std::to_string(size) + "; it must not be negative");
  }
  auto result = new_array<std::int64_t>({size});
  const std::span<std::int64_t> out(result.mutable_data(), static_cast<std::size_t>(size));
  const py::gil_scoped_release release;
  sampler.draw(out, seed_of(seed));
  return result;
}

py::array_t<double> probability(const Sampler& sampler, const py::array& ids) {
  const auto classes = read_vector<std::int64_t>(ids, "ids");
  auto result = new_array<double>({classes.size});
  for (std::int64_t i = 0; i < classes.size; ++i) {
    if (classes[i] < 0 || classes[i] >= sampler.num_classes()) {
      throw py::value_error("ids[" + std::to_string(i) + "] is " + std::to_string(classes[i]) +
                            ", outside [0, " + std::to_string(sampler.num_classes()) + ")");
    }
    result.mutable_at(i) = sampler.probability(classes[i]);
  }
  return result;
}

std::tuple<std::uint64_t, std::uint64_t, std::uint64_t> stream(const Sampler& sampler) {
  const PhiloxStream place = sampler.stream();
  return {place.seed().first, place.seed().second, place.block()};
}

void set_stream(Sampler& sampler, std::uint64_t first, std::uint64_t second, std::uint64_t block) {
  sampler.set_stream(PhiloxStream({first, second}, block));
}

}  // namespace

void bind_samplers(py::module_& module) {
  py::class_<Sampler>(module, "Sampler")
      .def_property_readonly("num_classes", &Sampler::num_classes)
      .def("sample", &sample, py::arg("true_classes"), py::arg("num_sampled"), py::arg("unique"),
           py::arg("seed"))
      .def("draw", &draw, py::arg("size"), py::arg("seed"))
      .def("probability", &probability, py::arg("ids"))
      .def("stream", &stream)
      .def("set_stream", &set_stream, py::arg("first"), py::arg("second"), py::arg("block"));
  py::class_<UniformSampler, Sampler>(module, "UniformSampler")
      .def(py::init([](std::int64_t num_classes, SeedPair seed) {
             return std::make_unique<UniformSampler>(num_classes, seed_of(seed));
           }),
           py::arg("num_classes"), py::arg("seed"));
  py::class_<LogUniformSampler, Sampler>(module, "LogUniformSampler")
      .def(py::init([](std::int64_t num_classes, SeedPair seed) {
             return std::make_unique<LogUniformSampler>(num_classes, seed_of(seed));
           }),
           py::arg("num_classes"), py::arg("seed"));
  py::class_<UnigramSampler, Sampler>(module, "UnigramSampler")
      .def(py::init([](const py::array& counts, double distortion, SeedPair seed) {
             return std::make_unique<UnigramSampler>(read_vector<double>(counts, "counts"),
                                                     distortion, seed_of(seed));
           }),
           py::arg("counts"), py::arg("distortion"), py::arg("seed"));
  py::class_<AliasSampler, Sampler>(module, "AliasSampler")
      .def(py::init([](const py::array& weights, SeedPair seed) {
             return std::make_unique<AliasSampler>(read_vector<double>(weights, "weights"),
                                                   seed_of(seed));
           }),
           py::arg("weights"), py::arg("seed"));
}

}  // namespace manyclass::bindings
