#include <cerrno>
#include <system_error>

#include "manyclass/vocabulary_file.hpp"
#include "module.hpp"
#include "sampler_binding.hpp"

namespace manyclass::bindings {

namespace {

// Opens what `path`, encoded for the file system, names. What goes wrong there is an OSError:
// FileNotFoundError, PermissionError and so on.
std::unique_ptr<UnigramSampler> sampler_of_file(const py::bytes& path, double distortion,
                                                std::int64_t num_reserved_ids,
                                                std::int64_t num_shards, std::int64_t shard,
                                                SeedPair seed) {
  const auto name = path.cast<std::string>();
  try {
    const py::gil_scoped_release release;
    const std::vector<float> weights = read_vocabulary_file(name);
    const VectorView<const float> view{weights.data(), static_cast<std::int64_t>(weights.size())};
    return std::make_unique<UnigramSampler>(
        view, UnigramOptions{distortion, num_reserved_ids, num_shards, shard}, seed_of(seed),
        "vocab_file");
  } catch (const std::system_error& error) {
    errno = error.code().value();
    PyErr_SetFromErrnoWithFilename(PyExc_OSError, name.c_str());
    throw py::error_already_set();
  }
}

}  // namespace

void bind_vocabulary_file(py::module_& module) {
  module.def("unigram_sampler_of_file", &sampler_of_file, py::arg("path"), py::arg("distortion"),
             py::arg("num_reserved_ids"), py::arg("num_shards"), py::arg("shard"), py::arg("seed"));
}

}  // namespace manyclass::bindings
