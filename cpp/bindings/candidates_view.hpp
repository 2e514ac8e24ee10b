// Where a step's candidates come from, and what is done with their expected counts.
#pragma once

#include <algorithm>
#include <optional>
#include <string>

#include "manyclass/candidates.hpp"
#include "numpy_view.hpp"

namespace manyclass::bindings {

/// Candidates come as arrays (sampled_candidates, true_expected_count, sampled_expected_count), as
/// what they are drawn from (sampler, num_sampled, seed or None), or as what a step drew for labels
/// of as many columns.
inline Candidates read_candidates(const py::object& given, std::int64_t num_true) {
  if (py::isinstance<SampledValues>(given)) {
    return view_of(given.cast<const SampledValues&>(), std::max<std::int64_t>(num_true, 1));
  }
  const auto candidates = given.cast<py::tuple>();
  if (py::isinstance<py::array>(candidates[0])) {
    const auto ids = candidates[0].cast<py::array>();
    const auto truth = candidates[1].cast<py::array>();
    const auto sampled = candidates[2].cast<py::array>();
    check_rank(sampled, "sampled_expected_count", 1, "one entry for each candidate");
    return SampledValuesView{read_vector<std::int64_t>(ids, "sampled_candidates"),
                             read_counts(truth, "true_expected_count"),
                             read_counts(sampled, "sampled_expected_count")};
  }
  std::optional<Seed> seed;
  if (!candidates[2].is_none()) {
    const auto pair = candidates[2].cast<py::tuple>();
    seed = Seed{pair[0].cast<std::uint64_t>(), pair[1].cast<std::uint64_t>()};
  }
  return CandidateDraw{candidates[0].cast<Sampler&>(), candidates[1].cast<std::int64_t>(), seed};
}

inline LogQCorrection log_q_correction(const std::string& name) {
  if (name == "all") return LogQCorrection::all;
  if (name == "sampled") return LogQCorrection::sampled;
  if (name == "none") return LogQCorrection::none;
  throw py::value_error("log_q_correction is \"" + name +
                        "\"; it must be \"all\", \"sampled\" or \"none\"");
}

}  // namespace manyclass::bindings
