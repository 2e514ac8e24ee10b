#include "manyclass/candidates.hpp"

#include <utility>

namespace manyclass {

template <class T>
TentativeSampleOf<T>::TentativeSampleOf(const CandidateDraw& draw, const LabelsView& true_classes,
                                        std::string_view argument)
    : sampler_(draw.sampler),
      true_classes_(true_classes),
      stretch_(draw.sampler),
      values_(draw.sampler.draw_sample<T>(true_classes, draw.num_sampled, draw.unique, draw.seed,
                                          argument, stretch_)) {}

template <class T>
SampledValuesOf<T> TentativeSampleOf<T>::keep() {
  sampler_.learn(true_classes_.ids());
  stretch_.keep();
  return std::move(values_);
}

template class TentativeSampleOf<float>;
template class TentativeSampleOf<double>;

}  // namespace manyclass
