#include "step_plan.hpp"

#include <algorithm>
#include <cmath>
#include <ostream>

#include "checks.hpp"
#include "kernels/random_kernels.hpp"
#include "manyclass/threads.hpp"
#include "work.hpp"

namespace manyclass {

namespace {

constexpr std::int64_t entries_per_task = 256;
constexpr double products_per_entry = 600.0;  // reading one takes about as long

// The expected counts of labels, in the shape of `labels.ids()`.
CountsView check_true_counts(const CountsView& counts, const LabelsView& labels) {
  const std::int64_t rows = labels.ids().rows;
  const std::int64_t cols = labels.ids().cols;
  if (!labels.is_ragged()) {
    require((counts.rows == rows || counts.rows == 1) && (counts.cols == cols || counts.cols == 1),
            "true_expected_count has shape [", counts.rows, ", ", counts.cols,
            "]; it must broadcast to labels' shape [", rows, ", ", cols, "]");
    return counts;
  }
  const bool is_row = counts.rows == 1;
  require((is_row || counts.cols == 1) &&
              (counts.rows * counts.cols == rows || counts.rows * counts.cols == 1),
          "true_expected_count has shape [", counts.rows, ", ", counts.cols,
          "]; for ragged labels it must have one entry for each of the ", rows, " labels");
  return is_row ? CountsView{counts.data, counts.cols, 1, counts.col_stride, 0} : counts;
}

void check_sampled_counts(const SampledValuesView& sampled) {
  const CountsView& counts = sampled.sampled_expected_count;
  require(counts.rows == 1 && (counts.cols == sampled.sampled_candidates.size || counts.cols == 1),
          "sampled_expected_count has ", counts.cols, " entries, sampled_candidates has ",
          sampled.sampled_candidates.size);
}

// Where an entry stands in its argument, for messages: [i, j] or [i].
struct Index {
  std::int64_t i;
  std::int64_t j = 0;
  bool is_pair = false;
  friend std::ostream& operator<<(std::ostream& out, const Index& index) {
    out << "[" << index.i;
    if (index.is_pair) out << ", " << index.j;
    return out << "]";
  }
};

struct Labels {
  static constexpr const char* counts_name = "true_expected_count";
  const LabelsView& labels;
  const CountsView& counts;

  const char* ids_name() const { return labels.is_ragged() ? "labels.values" : "labels"; }
  Index index(std::int64_t e) const {
    const std::int64_t cols = labels.ids().cols;
    return cols == 1 ? Index{e, 0, !labels.is_ragged()} : Index{e / cols, e % cols, true};
  }
  std::int64_t id(Index at) const { return labels.ids().row(at.i)[at.j]; }
  double count(Index at) const { return counts.at(at.i, at.j); }
};

struct Candidates {
  static constexpr const char* counts_name = "sampled_expected_count";
  VectorView<const std::int64_t> ids;
  const CountsView& counts;

  const char* ids_name() const { return "sampled_candidates"; }
  Index index(std::int64_t e) const { return {e}; }
  std::int64_t id(Index at) const { return ids[at.i]; }
  double count(Index at) const { return counts.at(0, at.i); }
};

// Classes and offsets of `count` entries, in tasks whose biases are all asked for at once.
template <class T, class Source>
void read_entries(const RowsView<const T>& all_biases, const Source& source, bool corrected,
                  std::int64_t count, int num_threads, std::int64_t* classes, T* offsets) {
  const std::int64_t num_classes = all_biases.num_rows();
  const std::int64_t tasks = (count + entries_per_task - 1) / entries_per_task;
  const int threads = threads_worth(static_cast<double>(count) * products_per_entry,
                                    products_per_wake, num_threads);
  parallel_for(tasks, threads, [&](std::int64_t task, int) {
    const T* biases[entries_per_task];
    double log_q[entries_per_task];
    const std::int64_t first = task * entries_per_task;
    const std::int64_t size = std::min(entries_per_task, count - first);
    for (std::int64_t i = 0; i < size; ++i) {
      const Index at = source.index(first + i);
      const std::int64_t id = source.id(at);
      require_class(id, num_classes, source.ids_name(), at);
      classes[first + i] = id;
      biases[i] = all_biases.row(id);
      __builtin_prefetch(biases[i]);
      log_q[i] = corrected ? source.count(at) : 1.0;
      require(log_q[i] > 0.0 && std::isfinite(log_q[i]), Source::counts_name, at, " is ", log_q[i],
              "; expected counts must be above zero and finite");
    }
    kernels::random_table().log(log_q, size);
    for (std::int64_t i = 0; i < size; ++i) {
      offsets[first + i] = static_cast<T>(double{*biases[i]} - log_q[i]);
    }
  });
}

// Puts candidates in the order of their groups.
template <class T>
void order_candidates(const T* offsets, StepPlan<T>& plan, Scratch& scratch) {
  auto* candidates = scratch.take<std::int64_t>(plan.num_sampled);
  auto* ordered_offsets = scratch.take<T>(plan.num_sampled);
  auto* ranges = scratch.take<CandidateRange>(plan.groups.num_groups);
  std::int64_t place = 0;
  for (std::int64_t g = 0; g < plan.groups.num_groups; ++g) {
    const std::int64_t first = place;
    for (std::int64_t i = plan.groups.begin[g]; i < plan.groups.begin[g + 1]; ++i) {
      const std::int64_t k = plan.groups.entries[i] - plan.num_labels;
      if (k < 0) continue;
      candidates[place] = plan.groups.keys[g];
      ordered_offsets[place++] = offsets[k];
    }
    ranges[g] = {first, place - first};
  }
  plan.candidates = candidates;
  plan.candidate_offsets = ordered_offsets;
  plan.group_candidates = ranges;
}

// For each label the last candidate of its class, or with `mask_repeats` all of them.
template <class T>
void find_hits(StepPlan<T>& plan, bool mask_repeats, Scratch& scratch) {
  auto* hits = scratch.take<CandidateRange>(plan.num_labels);
  for (std::int64_t g = 0; g < plan.groups.num_groups; ++g) {
    CandidateRange taken_out = plan.group_candidates[g];
    if (!mask_repeats && taken_out.count > 1) {
      taken_out = {taken_out.first + taken_out.count - 1, 1};
    }
    for (std::int64_t i = plan.labels_begin(g); i < plan.labels_end(g); ++i) {
      hits[plan.groups.entries[i]] = taken_out;
    }
  }
  plan.hits = hits;
}

}  // namespace

template <class T, class W>
StepPlan<T> make_plan(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                      const SampledValuesView& sampled, const SampledLossOptions& options,
                      int num_threads, Scratch& scratch) {
  StepPlan<T> plan;
  plan.batch = examples.labels.batch();
  plan.num_labels = examples.labels.size();
  plan.num_sampled = sampled.sampled_candidates.size;
  plan.dim = layer.weights.dim();
  const CountsView true_counts = check_true_counts(sampled.true_expected_count, examples.labels);
  check_sampled_counts(sampled);

  const std::int64_t num_entries = plan.num_labels + plan.num_sampled;
  auto* classes = scratch.take<std::int64_t>(num_entries);
  auto* offsets = scratch.take<T>(num_entries);
  T* candidate_offsets = offsets + plan.num_labels;
  read_entries(layer.biases, Labels{examples.labels, true_counts},
               options.log_q_correction == LogQCorrection::all, plan.num_labels, num_threads,
               classes, offsets);
  read_entries(layer.biases, Candidates{sampled.sampled_candidates, sampled.sampled_expected_count},
               options.log_q_correction != LogQCorrection::none, plan.num_sampled, num_threads,
               classes + plan.num_labels, candidate_offsets);
  plan.targets = make_targets(examples, scratch);
  plan.labels = classes;
  plan.label_offsets = offsets;
  plan.groups = group_entries(classes, num_entries, layer.weights.num_rows(), scratch);
  order_candidates(candidate_offsets, plan, scratch);
  if (options.remove_accidental_hits) find_hits(plan, options.mask_repeats, scratch);
  return plan;
}

template struct StepPlan<float>;
template struct StepPlan<double>;
template StepPlan<float> make_plan(const OutputLayer<float>&, const Examples<float>&,
                                   const SampledValuesView&, const SampledLossOptions&, int,
                                   Scratch&);
template StepPlan<float> make_plan(const OutputLayer<float, Bfloat16>&, const Examples<float>&,
                                   const SampledValuesView&, const SampledLossOptions&, int,
                                   Scratch&);
template StepPlan<double> make_plan(const OutputLayer<double>&, const Examples<double>&,
                                    const SampledValuesView&, const SampledLossOptions&, int,
                                    Scratch&);

}  // namespace manyclass
