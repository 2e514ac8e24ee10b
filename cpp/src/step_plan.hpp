// What a sampled step knows before its first product: where rows lie, what is added to logits,
// which candidates are accidental hits.
#pragma once

#include <cstdint>
#include <span>

#include "entry_groups.hpp"
#include "manyclass/sampled_loss.hpp"
#include "scratch.hpp"

namespace manyclass {

/// Entries are the labels, row after row, then the candidates.
template <class T>
struct StepPlan {
  std::int64_t batch = 0;
  std::int64_t num_true = 0;
  std::int64_t num_sampled = 0;
  std::int64_t dim = 0;
  const std::int64_t* positions = nullptr;  // [entries], rows of the weights
  const T* offsets = nullptr;               // [entries], bias - log-Q correction
  EntryGroups groups;                       // of all entries; empty until `group` is called
  // [labels], the entries of the candidates taken out; null if none are.
  const std::span<const std::int64_t>* hits = nullptr;

  std::int64_t num_labels() const { return batch * num_true; }
  std::int64_t num_entries() const { return num_labels() + num_sampled; }
  std::span<const std::int64_t> hits_of(std::int64_t label) const {
    return hits == nullptr ? std::span<const std::int64_t>() : hits[label];
  }
  const T* candidate_offsets() const { return offsets + num_labels(); }
  const std::int64_t* candidate_positions() const { return positions + num_labels(); }
};

/// Checks labels, candidates and the expected counts that `correction` needs while it reads them.
template <class T>
StepPlan<T> make_plan(const OutputLayer<T>& layer, const Examples<T>& examples,
                      const SampledValuesView& sampled, LogQCorrection correction,
                      Scratch& scratch);

/// Fills `groups`.
template <class T>
void group(StepPlan<T>& plan, std::int64_t num_classes, Scratch& scratch);

/// Fills `hits` from `groups`: for each label the last candidate of the same class, or with
/// `mask_repeats` all of them.
template <class T>
void find_hits(StepPlan<T>& plan, bool mask_repeats, Scratch& scratch);

}  // namespace manyclass
