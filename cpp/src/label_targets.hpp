// What the labels of a batch ask of its logits.
#pragma once

#include <cstdint>

#include "manyclass/sampled_loss.hpp"
#include "scratch.hpp"

namespace manyclass {

/// The targets of some examples' labels: both are numbered from the first of these examples on. The
/// labels of example i are begin(i) .. begin(i + 1) - 1.
///
/// The target of a label is its weight over its example's divisor. With weights of the caller's,
/// divisors are 1; else weights are 1 and divisors count labels, since sums of whole numbers are
/// exact and sums of 1/3 are not. Label smoothing takes its share off that.
template <class T>
struct LabelTargets {
  const std::int64_t* first = nullptr;   // [examples + 1], into the labels of the batch
  const std::int64_t* owners = nullptr;  // [labels], examples of the batch
  const T* weights = nullptr;            // [labels]
  const T* divisors = nullptr;           // [examples], never 0
  const T* totals = nullptr;             // [examples], of weights
  double smoothing = 0.0;
  std::int64_t first_example = 0;  // in the batch

  std::int64_t begin(std::int64_t example) const { return first[example] - first[0]; }
  std::int64_t example_of(std::int64_t label) const { return owners[label] - first_example; }
  /// The sum of an example's targets: 1 if it has labels and they have no weights.
  T mass(std::int64_t example) const { return totals[example] / divisors[example]; }

  /// From example `i` on.
  LabelTargets from(std::int64_t i) const {
    return {first + i,  owners + begin(i), weights + begin(i), divisors + i,
            totals + i, smoothing,         first_example + i};
  }
};

/// The most labels that `lanes` examples of a batch have, those from a multiple of `lanes` on.
template <class T>
std::int64_t most_labels(const LabelTargets<T>& targets, std::int64_t batch, std::int64_t lanes);

/// The targets of a batch and, so that it can be cut into whole tiles, of kernels::lane_multiple
/// examples more, which have no labels. Copies: what was checked stays what it was.
template <class T>
LabelTargets<T> make_targets(const Examples<T>& examples, Scratch& scratch);

}  // namespace manyclass
