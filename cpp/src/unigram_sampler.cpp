#include <cmath>
#include <limits>
#include <string_view>
#include <utility>

#include "manyclass/samplers.hpp"
#include "manyclass/threads.hpp"
#include "weight_checks.hpp"

namespace manyclass {

namespace {

// How many of the ids [0, end) are the shard's.
std::int64_t ids_of_shard(std::int64_t end, const UnigramOptions& options) {
  if (end <= options.shard) return 0;
  return (end - options.shard - 1) / options.num_shards + 1;
}

// The weights of the shard, TensorFlow's float32 powers: reserved ids first.
template <class T>
std::vector<float> unigram_weights(VectorView<const T> counts, const UnigramOptions& options,
                                   std::string_view argument) {
  constexpr std::int64_t most_classes = std::numeric_limits<std::int32_t>::max();
  constexpr double most_weight = std::numeric_limits<float>::max();
  const auto distortion = static_cast<float>(options.distortion);
  require(std::isfinite(distortion), "distortion is ", options.distortion,
          "; it must be finite in float32");
  require(options.num_shards >= 1, "num_shards is ", options.num_shards, "; it must be at least 1");
  require(options.shard >= 0 && options.shard < options.num_shards, "shard is ", options.shard,
          "; it must lie in [0, ", options.num_shards, "), num_shards being ", options.num_shards);
  check_num_weights(counts.size, most_classes, argument);
  const std::int64_t num_reserved = ids_of_shard(options.num_reserved_ids, options);
  require(num_reserved < most_classes, "num_reserved_ids is ", options.num_reserved_ids,
          "; a shard can have at most ", most_classes, " classes");
  // The first count has the id `num_reserved`.
  const std::int64_t num_classes = num_reserved +
                                   ids_of_shard(num_reserved + counts.size, options) -
                                   ids_of_shard(num_reserved, options);
  require(num_classes <= most_classes, argument, " and num_reserved_ids give ", num_classes,
          " classes; there can be at most ", most_classes);

  std::vector<float> weights(static_cast<std::size_t>(num_reserved));
  weights.reserve(static_cast<std::size_t>(num_classes));
  for (std::int64_t k = 0; k < counts.size; ++k) {
    if (k % (1 << 16) == 0) poll_interrupt();
    const auto count = static_cast<float>(counts[k]);
    check_weight(count, k, most_weight, argument);
    if ((num_reserved + k) % options.num_shards != options.shard) continue;
    const float weight = std::pow(count, distortion);
    // The table multiplies each weight by the number of classes in float32.
    check_weight(weight, k, most_weight / static_cast<double>(num_classes), argument);
    weights.push_back(weight);
  }
  require(num_classes >= 1, argument, " has ", counts.size, " entries, none of them in shard ",
          options.shard, " of ", options.num_shards);
  return weights;
}

}  // namespace

UnigramSampler::UnigramSampler(VectorView<const double> counts, const UnigramOptions& options,
                               Seed seed, std::string_view argument)
    : UnigramSampler(unigram_weights(counts, options, argument), seed, argument) {}

UnigramSampler::UnigramSampler(VectorView<const float> counts, const UnigramOptions& options,
                               Seed seed, std::string_view argument)
    : UnigramSampler(unigram_weights(counts, options, argument), seed, argument) {}

UnigramSampler::UnigramSampler(std::vector<float> weights, Seed seed, std::string_view argument)
    : Sampler(static_cast<std::int64_t>(weights.size()), seed), weights_(std::move(weights)) {
  for (const float weight : weights_) {
    total_ += double{weight};
    num_drawable_ += weight > 0.0F;
  }
  require(total_ > 0.0, argument, " has no weight above zero");
  // TensorFlow's arithmetic: a float32 product, a float64 quotient.
  const auto size = static_cast<float>(weights_.size());
  std::vector<double> scaled(weights_.size());
  for (std::size_t c = 0; c < scaled.size(); ++c) {
    const float product = weights_[c] * size;
    scaled[c] = static_cast<double>(product) / total_;
  }
  entries_.resize(scaled.size());
  fill_alias_entries(scaled, AliasThresholds::float32, entries_);
}

double UnigramSampler::probability_of(std::int64_t class_id) const {
  return static_cast<double>(weights_[static_cast<std::size_t>(class_id)]) / total_;
}

float UnigramSampler::count_probability(std::int64_t class_id) const {
  return weights_[static_cast<std::size_t>(class_id)] / static_cast<float>(total_);
}

void UnigramSampler::draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const {
  const auto size = static_cast<std::uint32_t>(num_classes());
  for (std::int64_t& id : out) {
    const std::uint32_t fraction = reader.next_float_bits() << 9;
    id = pick_alias(entries_.data(), reader.uniform32(size), fraction);
  }
}

}  // namespace manyclass
