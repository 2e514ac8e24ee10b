#include "manyclass/candidates.hpp"
#include "manyclass/samplers.hpp"
#include "module.hpp"
#include "sampler_binding.hpp"

namespace manyclass::bindings {

namespace {

template <class T>
py::tuple arrays_of(const SampledValuesOf<T>& values, MatrixView<const std::int64_t> labels) {
  return py::make_tuple(
      copy_of(std::span<const std::int64_t>(values.sampled_candidates)),
      copy_of(std::span<const T>(values.true_expected_count), {labels.rows, labels.cols}),
      copy_of(std::span<const T>(values.sampled_expected_count)));
}

// Reads the labels and returns `sample.template operator()<T>(labels)`, with double for T if
// `float64`.
template <class Sample>
py::tuple sample_with(const py::array& true_classes, bool float64, Sample sample) {
  const auto labels =
      read_matrix<std::int64_t>(true_classes, "true_classes", "shape [batch, num_true]");
  return float64 ? sample.template operator()<double>(labels)
                 : sample.template operator()<float>(labels);
}

// The sampler keeps the sample when the arrays are there: without memory for them it stays as it
// was.
py::tuple sample(Sampler& sampler, const py::array& true_classes, std::int64_t num_sampled,
                 bool unique, std::optional<SeedPair> seed, bool float64) {
  const CandidateDraw draw{sampler, num_sampled, seed_of(seed), unique};
  return sample_with(true_classes, float64, [&]<class T>(MatrixView<const std::int64_t> labels) {
    std::optional<TentativeSampleOf<T>> drawn;
    {
      const py::gil_scoped_release release;
      drawn.emplace(draw, labels);
    }
    py::tuple arrays = arrays_of(drawn->values(), labels);
    const py::gil_scoped_release release;
    drawn->keep();
    return arrays;
  });
}

py::tuple sample_all(const py::array& true_classes, std::int64_t num_sampled, bool float64) {
  return sample_with(true_classes, float64, [&]<class T>(MatrixView<const std::int64_t> labels) {
    SampledValuesOf<T> values;
    {
      const py::gil_scoped_release release;
      values = all_candidates<T>(labels, num_sampled);
    }
    return arrays_of(values, labels);
  });
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
  const std::span<double> out(result.mutable_data(), static_cast<std::size_t>(classes.size));
  const py::gil_scoped_release release;
  sampler.probabilities(classes, out);
  return result;
}

template <class T>
VectorView<const T> view_of(const py::array_t<T>& array) {
  return read_vector<T>(array, "weights");
}

}  // namespace

void bind_samplers(py::module_& module) {
  py::class_<Sampler>(module, "Sampler")
      .def_property_readonly("num_classes", &Sampler::num_classes)
      .def("sample", &sample, py::arg("true_classes"), py::arg("num_sampled"), py::arg("unique"),
           py::arg("seed"), py::arg("float64"))
      .def("draw", &draw, py::arg("size"), py::arg("seed"))
      .def("probability", &probability, py::arg("ids"))
      .def("stream", &stream_of)
      .def("set_stream", &set_stream, py::arg("place"));
  py::class_<UniformSampler, Sampler>(module, "UniformSampler")
      .def(py::init([](std::int64_t num_classes, SeedPair seed) {
             return std::make_unique<UniformSampler>(num_classes, seed_of(seed));
           }),
           py::arg("num_classes"), py::arg("seed"))
      .def(pickled<UniformSampler>(
          [](const UniformSampler& sampler) { return sampler.num_classes(); },
          [](std::int64_t num_classes) {
            return std::make_unique<UniformSampler>(num_classes, Seed{});
          }));
  py::class_<LogUniformSampler, Sampler>(module, "LogUniformSampler")
      .def(py::init([](std::int64_t num_classes, SeedPair seed) {
             return std::make_unique<LogUniformSampler>(num_classes, seed_of(seed));
           }),
           py::arg("num_classes"), py::arg("seed"))
      .def(pickled<LogUniformSampler>(
          [](const LogUniformSampler& sampler) { return sampler.num_classes(); },
          [](std::int64_t num_classes) {
            return std::make_unique<LogUniformSampler>(num_classes, Seed{});
          }));
  py::class_<UnigramSampler, Sampler>(module, "UnigramSampler")
      .def(py::init([](const py::array& counts, const std::string& name, double distortion,
                       std::int64_t num_reserved_ids, std::int64_t num_shards, std::int64_t shard,
                       SeedPair seed) {
             return std::make_unique<UnigramSampler>(
                 read_vector<double>(counts, name),
                 UnigramOptions{distortion, num_reserved_ids, num_shards, shard}, seed_of(seed),
                 name);
           }),
           py::arg("counts"), py::arg("name"), py::arg("distortion"), py::arg("num_reserved_ids"),
           py::arg("num_shards"), py::arg("shard"), py::arg("seed"))
      .def("weights", [](const UnigramSampler& sampler) { return copy_of(sampler.weights()); })
      .def(pickled<UnigramSampler>(
          [](const UnigramSampler& sampler) { return copy_of(sampler.weights()); },
          [](const py::array_t<float>& weights) {
            return std::make_unique<UnigramSampler>(view_of(weights), UnigramOptions{}, Seed{});
          }));
  module.def("all_candidates", &sample_all, py::arg("true_classes"), py::arg("num_sampled"),
             py::arg("float64"));
}

}  // namespace manyclass::bindings
