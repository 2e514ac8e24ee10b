#include <cmath>
#include <limits>

#include "manyclass/samplers.hpp"
#include "weight_checks.hpp"

namespace manyclass {

UnigramSampler::UnigramSampler(VectorView<const double> counts, double distortion, Seed seed)
    : Sampler((check_num_weights(counts.size, std::numeric_limits<std::int32_t>::max(), "counts"),
               counts.size),
              seed),
      weights_(static_cast<std::size_t>(counts.size)) {
  require(std::isfinite(distortion), "distortion is ", distortion, "; it must be finite");
  // The table multiplies each weight by the number of classes in float32.
  const double most = double{std::numeric_limits<float>::max()} / static_cast<double>(counts.size);
  for (std::int64_t c = 0; c < counts.size; ++c) {
    check_weight(counts[c], c, std::numeric_limits<double>::max(), "counts");
    // TensorFlow reads counts as float32.
    const double power = std::pow(double{static_cast<float>(counts[c])}, distortion);
    check_weight(power, c, most, "counts");
    const auto weight = static_cast<float>(power);
    weights_[static_cast<std::size_t>(c)] = weight;
    total_ += double{weight};
    num_drawable_ += weight > 0.0F;
  }
  require(total_ > 0.0, "counts has no weight above zero");
  // TensorFlow's arithmetic: a float32 product, a float64 quotient.
  std::vector<double> scaled(weights_.size());
  for (std::size_t c = 0; c < scaled.size(); ++c) {
    const float product = weights_[c] * static_cast<float>(counts.size);
    scaled[c] = static_cast<double>(product) / total_;
  }
  entries_.resize(scaled.size());
  fill_alias_entries(scaled, AliasThresholds::float32, entries_);
}

double UnigramSampler::probability(std::int64_t class_id) const {
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
