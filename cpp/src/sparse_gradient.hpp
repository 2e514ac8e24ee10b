// Brings the parts of a step's gradient together: each touched row once.
#pragma once

#include "manyclass/sampled_loss.hpp"
#include "scratch.hpp"
#include "step_plan.hpp"

namespace manyclass {

/// The gradients of a step before they are brought together by class.
template <class T>
struct GradientParts {
  T* labels = nullptr;            // [batch, num_true], of the true logits
  T* candidates = nullptr;        // [num_sampled, row_stride], of the candidates' rows
  T* candidate_biases = nullptr;  // [num_sampled]
  std::int64_t row_stride = 0;
};

template <class T>
SampledGradients<T> sum_by_class(const OutputLayer<T>& layer, const Examples<T>& examples,
                                 const StepPlan<T>& plan, const GradientParts<T>& parts,
                                 int num_threads, Scratch& scratch);

}  // namespace manyclass
