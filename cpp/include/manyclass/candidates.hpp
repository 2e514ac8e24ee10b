// Where the candidates of a step come from.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "manyclass/sampled_loss.hpp"
#include "manyclass/samplers.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Candidates that a step is to draw. A `seed` restarts the sampler's stream there.
struct CandidateDraw {
  Sampler& sampler;
  std::int64_t num_sampled;
  std::optional<Seed> seed{};
  bool unique = true;
};

using Candidates = std::variant<SampledValuesView, CandidateDraw>;

/// What `Sampler::sample` draws for a step that may yet be refused. Unless it is kept, the sampler
/// is then as before: it has learned nothing, and its stream is where it was, if no other call has
/// moved it meanwhile.
template <class T>
class TentativeSampleOf {
 public:
  /// Throws as `Sampler::sample`. `true_classes` must stay as they are until `keep`.
  TentativeSampleOf(const CandidateDraw& draw, const LabelsView& true_classes,
                    std::string_view argument = "true_classes");

  const SampledValuesOf<T>& values() const { return values_; }
  /// Call once, when nothing can be refused any more. Hands the values over.
  SampledValuesOf<T> keep();

 private:
  Sampler& sampler_;
  LabelsView true_classes_;
  Sampler::Stretch stretch_;
  SampledValuesOf<T> values_;
};
using TentativeSample = TentativeSampleOf<float>;

/// Calls `step(values)` with the candidates. If they are drawn, shapes are checked before, and the
/// sampler stays as it was if the step throws. Returns what was drawn, nothing of given ones.
template <class T, class W, class Step>
std::optional<SampledValues> with_candidates(const Candidates& candidates,
                                             const OutputLayer<T, W>& layer,
                                             const Examples<T>& examples,
                                             VectorView<const T> grad_loss, Step step) {
  const auto* draw = std::get_if<CandidateDraw>(&candidates);
  if (draw == nullptr) {
    step(std::get<SampledValuesView>(candidates));
    return {};
  }
  check_examples(layer, examples, grad_loss);
  TentativeSample sample(*draw, examples.labels, "labels");
  step(view_of(sample.values(), examples.labels.ids().cols));
  return sample.keep();
}

}  // namespace manyclass
