#include "step_plan.hpp"

#include <algorithm>
#include <cmath>

#include "checks.hpp"

namespace manyclass {

namespace {

// log q of one expected count; `place` says where it stands.
template <class... Place>
double log_count(double count, const Place&... place) {
  require(count > 0.0 && std::isfinite(count), place..., " is ", count,
          "; expected counts must be above zero and finite");
  return std::log(count);
}

void check_counts(const SampledValuesView& sampled, std::int64_t batch, std::int64_t num_true) {
  const CountsView& truth = sampled.true_expected_count;
  require((truth.rows == batch || truth.rows == 1) && (truth.cols == num_true || truth.cols == 1),
          "true_expected_count has shape [", truth.rows, ", ", truth.cols,
          "]; it must broadcast to labels' shape [", batch, ", ", num_true, "]");
  const CountsView& counts = sampled.sampled_expected_count;
  require(counts.rows == 1 && (counts.cols == sampled.sampled_candidates.size || counts.cols == 1),
          "sampled_expected_count has ", counts.cols, " entries, sampled_candidates has ",
          sampled.sampled_candidates.size);
}

}  // namespace

template <class T>
StepPlan<T> make_plan(const OutputLayer<T>& layer, const Examples<T>& examples,
                      const SampledValuesView& sampled, LogQCorrection correction,
                      Scratch& scratch) {
  StepPlan<T> plan;
  plan.batch = examples.labels.rows;
  plan.num_true = examples.labels.cols;
  plan.num_sampled = sampled.sampled_candidates.size;
  plan.dim = layer.weights.dim();
  check_counts(sampled, plan.batch, plan.num_true);

  const bool correct_true = correction == LogQCorrection::all;
  const bool correct_sampled = correction != LogQCorrection::none;
  const std::int64_t num_classes = layer.weights.num_rows();
  auto* positions = scratch.take<std::int64_t>(plan.num_entries());
  auto* offsets = scratch.take<T>(plan.num_entries());
  std::int64_t entry = 0;
  const auto add = [&](std::int64_t class_id, double log_q) {
    positions[entry] = layer.weights.position(class_id);
    offsets[entry++] = static_cast<T>(double{*layer.biases.row(class_id)} - log_q);
  };
  for (std::int64_t i = 0; i < plan.batch; ++i) {
    for (std::int64_t j = 0; j < plan.num_true; ++j) {
      const std::int64_t label = examples.labels.row(i)[j];
      require_class(label, num_classes, "labels[", i, ", ", j, "]");
      add(label, correct_true ? log_count(sampled.true_expected_count.at(i, j),
                                          "true_expected_count[", i, ", ", j, "]")
                              : 0.0);
    }
  }
  for (std::int64_t k = 0; k < plan.num_sampled; ++k) {
    const std::int64_t candidate = sampled.sampled_candidates[k];
    require_class(candidate, num_classes, "sampled_candidates[", k, "]");
    add(candidate, correct_sampled ? log_count(sampled.sampled_expected_count.at(0, k),
                                               "sampled_expected_count[", k, "]")
                                   : 0.0);
  }
  plan.positions = positions;
  plan.offsets = offsets;
  return plan;
}

template <class T>
void group(StepPlan<T>& plan, std::int64_t num_classes, Scratch& scratch) {
  plan.groups = group_entries(plan.positions, plan.num_entries(), num_classes, scratch);
}

template <class T>
void find_hits(StepPlan<T>& plan, bool mask_repeats, Scratch& scratch) {
  using Entries = std::span<const std::int64_t>;
  auto* hits = scratch.take<Entries>(plan.num_labels());
  const EntryGroups& groups = plan.groups;
  for (std::int64_t g = 0; g < groups.num_groups; ++g) {
    // Within a group labels come first, then candidates in their order.
    const Entries all(groups.entries + groups.begin[g], groups.entries + groups.begin[g + 1]);
    const auto first = std::lower_bound(all.begin(), all.end(), plan.num_labels());
    const Entries candidates(first, all.end());
    const bool only_last = !mask_repeats && !candidates.empty();
    const Entries taken_out = only_last ? candidates.last(1) : candidates;
    for (const std::int64_t label : Entries(all.begin(), first)) hits[label] = taken_out;
  }
  plan.hits = hits;
}

template struct StepPlan<float>;
template struct StepPlan<double>;
template StepPlan<float> make_plan(const OutputLayer<float>&, const Examples<float>&,
                                   const SampledValuesView&, LogQCorrection, Scratch&);
template StepPlan<double> make_plan(const OutputLayer<double>&, const Examples<double>&,
                                    const SampledValuesView&, LogQCorrection, Scratch&);
template void group(StepPlan<float>&, std::int64_t, Scratch&);
template void group(StepPlan<double>&, std::int64_t, Scratch&);
template void find_hits(StepPlan<float>&, bool, Scratch&);
template void find_hits(StepPlan<double>&, bool, Scratch&);

}  // namespace manyclass
