// Where the time of a sampled step goes.
#pragma once

#include <array>
#include <cstddef>

namespace manyclass {

/// The phases of a sampled step, in their order; see docs/performance.md.
enum class Phase {
  draw,             // candidates and their expected counts
  plan,             // checks, offsets of logits, classes in order, accidental hits
  gather,           // candidates' rows
  logits,           // the first product, true logits, hits
  loss,             // softmax or logistic loss over a block's logits
  grad_inputs,      // the second product
  grad_candidates,  // the third
  sum_by_class,     // gradients of labels and candidates into rows that are named once
};
inline constexpr std::size_t num_phases = 8;

/// The name of each phase, in order.
extern const std::array<const char*, num_phases> phase_names;

/// Starts (from zero) or stops measuring; off at first. While off, a phase costs one load.
void record_phases(bool on);

/// Seconds spent in each phase since recording began, summed over threads.
std::array<double, num_phases> phase_seconds();

}  // namespace manyclass
