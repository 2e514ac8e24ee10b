#include "manyclass/learned_unigram_sampler.hpp"

#include <mutex>

#include "checks.hpp"

namespace manyclass {

namespace {

std::int64_t check_num_classes(std::int64_t num_classes) {
  // With one more, the total would be at its limit before anything is learned.
  constexpr std::int64_t most = WeightTree::most_total - 1;
  require(num_classes >= 1 && num_classes <= most, "num_classes is ", num_classes,
          "; a learned unigram sampler must have 1 to ", most);
  return num_classes;
}

}  // namespace

LearnedUnigramSampler::LearnedUnigramSampler(std::int64_t num_classes, Seed seed)
    : Sampler(check_num_classes(num_classes), seed), tree_(num_classes) {}

std::vector<std::int32_t> LearnedUnigramSampler::weights() const {
  const std::shared_lock lock(weights_mutex_);
  std::vector<std::int32_t> result(static_cast<std::size_t>(num_classes()));
  for (std::size_t c = 0; c < result.size(); ++c) {
    result[c] = static_cast<std::int32_t>(tree_.weight(static_cast<std::int64_t>(c)));
  }
  return result;
}

void LearnedUnigramSampler::set_weights(VectorView<const std::int64_t> weights) {
  const std::lock_guard lock(weights_mutex_);
  tree_.assign(weights);
}

double LearnedUnigramSampler::probability_of(std::int64_t class_id) const {
  return static_cast<double>(tree_.weight(class_id)) / static_cast<double>(tree_.total());
}

float LearnedUnigramSampler::count_probability(std::int64_t class_id) const {
  return static_cast<float>(tree_.weight(class_id)) / static_cast<float>(tree_.total());
}

void LearnedUnigramSampler::draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const {
  const auto total = static_cast<std::uint32_t>(tree_.total());
  for (std::int64_t& id : out) id = tree_.pick(reader.uniform32(total));
}

void LearnedUnigramSampler::add_mutexes(std::vector<ForkSafeMutex*>& mutexes) const {
  mutexes.push_back(&weights_mutex_);
}

void LearnedUnigramSampler::learn(MatrixView<const std::int64_t> true_classes) {
  const std::lock_guard lock(weights_mutex_);
  for (std::int64_t i = 0; i < true_classes.rows; ++i) {
    for (std::int64_t j = 0; j < true_classes.cols; ++j) {
      if (tree_.total() == WeightTree::most_total) return;
      const std::int64_t id = true_classes.row(i)[j];
      if (is_class(id, num_classes())) tree_.increment(id);  // checked, but another may write there
    }
  }
}

}  // namespace manyclass
