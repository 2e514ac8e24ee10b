#include "manyclass/candidates.hpp"

#include <utility>

namespace manyclass {

TentativeSample::TentativeSample(const CandidateDraw& draw, const LabelsView& true_classes,
                                 std::string_view argument)
    : sampler_(draw.sampler),
      true_classes_(true_classes),
      stretch_(draw.sampler),
      values_(draw.sampler.draw_sample<float>(true_classes, draw.num_sampled, true, draw.seed,
                                              argument, stretch_)) {}

SampledValues TentativeSample::keep() {
  sampler_.learn(true_classes_.ids());
  stretch_.keep();
  return std::move(values_);
}

}  // namespace manyclass
