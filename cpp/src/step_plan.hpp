// What a sampled step knows before its first product: where rows lie, what is added to logits,
// which candidates are accidental hits.
#pragma once

#include <cstdint>

#include "entry_groups.hpp"
#include "label_targets.hpp"
#include "manyclass/sampled_loss.hpp"
#include "scratch.hpp"

namespace manyclass {

/// Candidates that follow each other in the order of the plan.
struct CandidateRange {
  std::int64_t first = 0;
  std::int64_t count = 0;
};

/// Candidates are taken in ascending order, repeated ones in the caller's: rows are read in the
/// order of memory, and gradients come out in the order of indexed slices.
template <class T>
struct StepPlan {
  std::int64_t batch = 0;
  std::int64_t num_labels = 0;
  std::int64_t num_sampled = 0;
  std::int64_t dim = 0;
  LabelTargets<T> targets;
  const std::int64_t* labels = nullptr;      // [num_labels], classes
  const std::int64_t* candidates = nullptr;  // [num_sampled], classes
  const T* label_offsets = nullptr;          // [num_labels], bias - log-Q correction
  const T* candidate_offsets = nullptr;      // [num_sampled]
  // Labels, row after row, then candidates as the caller gave them, by class.
  EntryGroups groups;
  const CandidateRange* group_candidates = nullptr;  // [groups.num_groups]
  const CandidateRange* hits = nullptr;              // [num_labels], the candidates taken out

  /// The entries of a group that are labels.
  std::int64_t labels_begin(std::int64_t group) const { return groups.begin[group]; }
  std::int64_t labels_end(std::int64_t group) const {
    return groups.begin[group + 1] - group_candidates[group].count;
  }
};

/// Checks labels, candidates and the expected counts that the correction needs while it reads
/// them.
template <class T, class W>
StepPlan<T> make_plan(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                      const SampledValuesView& sampled, const SampledLossOptions& options,
                      int num_threads, Scratch& scratch);

}  // namespace manyclass
