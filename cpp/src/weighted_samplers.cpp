// The samplers that hold a weight per class and an alias table.
#include <cmath>
#include <limits>

#include "checks.hpp"
#include "manyclass/samplers.hpp"

namespace manyclass {

namespace {

void check_number(std::int64_t size, std::int64_t most, const char* argument) {
  require(size >= 1 && size <= most, argument, " has ", size, " entries; it must have 1 to ", most);
}

void check_weight(double weight, std::int64_t class_id, double most, const char* argument) {
  require(weight >= 0.0 && weight <= most, argument, "[", class_id, "] gives the weight ", weight,
          "; weights must lie in [0, ", most, "]");
}

void check_total(double total, const char* argument) {
  require(total > 0.0, argument, " has no weight above zero");
  require(total <= std::numeric_limits<double>::max(), argument, " has a sum beyond float64");
}

}  // namespace

UnigramSampler::UnigramSampler(VectorView<const double> counts, double distortion, Seed seed)
    : Sampler((check_number(counts.size, std::numeric_limits<std::int32_t>::max(), "counts"),
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
  check_total(total_, "counts");
  // TensorFlow's arithmetic: a float32 product, a float64 quotient.
  std::vector<double> scaled(weights_.size());
  for (std::size_t c = 0; c < scaled.size(); ++c) {
    const float product = weights_[c] * static_cast<float>(counts.size);
    scaled[c] = static_cast<double>(product) / total_;
  }
  table_ = std::make_unique<AliasTable>(scaled, AliasTable::Thresholds::float32);
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
    id = table_->pick(reader.uniform32(size), fraction);
  }
}

AliasSampler::AliasSampler(VectorView<const double> weights, Seed seed)
    : Sampler((check_number(weights.size, std::int64_t{1} << 32, "weights"), weights.size), seed),
      weights_(static_cast<std::size_t>(weights.size)) {
  for (std::int64_t c = 0; c < weights.size; ++c) {
    check_weight(weights[c], c, std::numeric_limits<double>::max(), "weights");
    weights_[static_cast<std::size_t>(c)] = weights[c];
    total_ += weights[c];
    num_drawable_ += weights[c] > 0.0;
  }
  check_total(total_, "weights");
  std::vector<double> scaled(weights_.size());
  const auto size = static_cast<double>(weights.size);
  for (std::size_t c = 0; c < scaled.size(); ++c) scaled[c] = weights_[c] / total_ * size;
  table_ = std::make_unique<AliasTable>(scaled, AliasTable::Thresholds::bits32);
}

double AliasSampler::probability(std::int64_t class_id) const {
  return weights_[static_cast<std::size_t>(class_id)] / total_;
}

std::uint64_t AliasSampler::blocks_of_call(std::int64_t num_draws) const {
  // Half a block for each draw by rejection, one for each class and candidate after that; the last
  // batch of rejection may overshoot its bound by num_draws.
  const std::int64_t by_rejection = most_rejection_draws(num_draws) + num_draws;
  return static_cast<std::uint64_t>(by_rejection + num_classes() + num_draws);
}

void AliasSampler::draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const {
  for (std::int64_t& id : out) id = table_->draw(reader.next64());
}

}  // namespace manyclass
