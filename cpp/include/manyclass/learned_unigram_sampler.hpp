// A sampler that learns how often classes occur from the labels that it is shown.
#pragma once

#include <vector>

#include "manyclass/samplers.hpp"
#include "manyclass/weight_tree.hpp"

namespace manyclass {

/// P(c) in proportion to 1 + the number of times that c was a true class of an earlier `sample`:
/// TensorFlow's learned unigram sampler. `sample` draws and counts with the weights as they are
/// and then learns; `draw` learns nothing. Once the weights sum to 2^31 - 1 nothing more is
/// learned, as in TensorFlow.
class LearnedUnigramSampler final : public Sampler {
 public:
  /// Throws std::invalid_argument unless 1 <= num_classes <= 2^31 - 2.
  LearnedUnigramSampler(std::int64_t num_classes, Seed seed);

  std::vector<std::int32_t> weights() const;
  /// Throws as WeightTree::assign.
  void set_weights(VectorView<const std::int64_t> weights);

 protected:
  double probability_of(std::int64_t class_id) const override;
  float count_probability(std::int64_t class_id) const override;
  void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const override;
  void add_mutexes(std::vector<ForkSafeMutex*>& mutexes) const override;
  void learn(MatrixView<const std::int64_t> true_classes) override;

 private:
  mutable ForkSafeMutex weights_mutex_;
  WeightTree tree_;
};

}  // namespace manyclass
