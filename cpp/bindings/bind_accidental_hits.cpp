#include "manyclass/accidental_hits.hpp"
#include "module.hpp"
#include "sampler_binding.hpp"

namespace manyclass::bindings {

namespace {

py::tuple hits_of(const py::array& true_classes, const py::array& sampled_candidates) {
  const auto labels =
      read_matrix<std::int64_t>(true_classes, "true_classes", "shape [batch, num_true]");
  const auto candidates = read_vector<std::int64_t>(sampled_candidates, "sampled_candidates");
  AccidentalHits hits;
  {
    const py::gil_scoped_release release;
    hits = compute_accidental_hits(labels, candidates);
  }
  return py::make_tuple(copy_of(std::span<const std::int32_t>(hits.indices)),
                        copy_of(std::span<const std::int64_t>(hits.ids)),
                        copy_of(std::span<const float>(hits.weights)));
}

}  // namespace

void bind_accidental_hits(py::module_& module) {
  module.def("compute_accidental_hits", &hits_of, py::arg("true_classes"),
             py::arg("sampled_candidates"));
}

}  // namespace manyclass::bindings
