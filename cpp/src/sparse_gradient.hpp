// Brings the parts of a step's gradient together: each touched row once.
#pragma once

#include "manyclass/sampled_loss.hpp"
#include "sampled_step.hpp"

namespace manyclass {

template <class T>
SampledGradients<T> sum_by_class(const OutputLayer<T>& layer, const Examples<T>& examples,
                                 const StepPlan<T>& plan,
                                 const typename SampledStep<T>::Parts& parts, int num_threads,
                                 Scratch& scratch);

}  // namespace manyclass
