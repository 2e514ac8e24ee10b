#include "manyclass/samplers.hpp"

#include <cmath>
#include <limits>

#include "label_checks.hpp"

namespace manyclass {

namespace {

// TensorFlow sets 2048 words a draw aside for every call, used or not; four words are a block.
constexpr std::uint64_t blocks_per_draw = 2048 / 4;

constexpr std::int64_t most_sampled = std::numeric_limits<std::int32_t>::max();

float expected_count(float p, std::int64_t num_sampled, std::int64_t num_draws) {
  if (num_draws == num_sampled) return p * static_cast<float>(num_sampled);
  return -std::expm1(static_cast<float>(num_draws) * std::log1p(-p));
}

}  // namespace

Sampler::Sampler(std::int64_t num_classes, Seed seed) : num_classes_(num_classes), stream_(seed) {
  require(num_classes >= 1, "num_classes is ", num_classes, "; it must be at least 1");
}

float Sampler::count_probability(std::int64_t class_id) const {
  return static_cast<float>(probability(class_id));
}

std::uint64_t Sampler::blocks_of_call(std::int64_t num_draws) const {
  return static_cast<std::uint64_t>(num_draws) * blocks_per_draw;
}

PhiloxStream Sampler::stream() const {
  const std::lock_guard lock(mutex_);
  return stream_;
}

void Sampler::set_stream(PhiloxStream stream) {
  const std::lock_guard lock(mutex_);
  stream_ = stream;
}

PhiloxStream Sampler::reserve(std::int64_t num_draws, std::optional<Seed> seed) {
  const std::lock_guard lock(mutex_);
  if (seed) stream_ = PhiloxStream(*seed);
  const PhiloxStream mine = stream_;
  stream_.skip(blocks_of_call(num_draws));
  return mine;
}

SampledValues Sampler::sample(MatrixView<const std::int64_t> true_classes, std::int64_t num_sampled,
                              bool unique, std::optional<Seed> seed, std::string_view argument) {
  require(num_sampled >= 1, "num_sampled is ", num_sampled, "; it must be at least 1");
  require(num_sampled <= most_sampled, "num_sampled is ", num_sampled, "; it must be at most ",
          most_sampled);
  require(!unique || num_sampled <= num_classes_, "num_sampled is ", num_sampled,
          ", more than num_classes ", num_classes_, " with unique candidates");
  if (unique && !can_draw(num_sampled)) {
    refuse("num_sampled is ", num_sampled, " with unique candidates, but only ", num_drawable(),
           " of ", num_classes_, " classes have a probability above zero");
  }
  check_labels(true_classes, num_classes_, argument);

  SampledValues result;
  result.sampled_candidates.resize(static_cast<std::size_t>(num_sampled));
  result.sampled_expected_count.resize(static_cast<std::size_t>(num_sampled));
  result.true_expected_count.reserve(
      static_cast<std::size_t>(true_classes.rows * true_classes.cols));
  PhiloxReader reader(reserve(num_sampled, seed));
  std::int64_t num_draws = num_sampled;
  if (unique) {
    num_draws = draw_unique(reader, result.sampled_candidates);
  } else {
    draw_into(reader, result.sampled_candidates);
  }
  for (std::size_t k = 0; k < result.sampled_candidates.size(); ++k) {
    result.sampled_expected_count[k] =
        expected_count(count_probability(result.sampled_candidates[k]), num_sampled, num_draws);
  }
  for (std::int64_t i = 0; i < true_classes.rows; ++i) {
    for (std::int64_t j = 0; j < true_classes.cols; ++j) {
      result.true_expected_count.push_back(
          expected_count(count_probability(true_classes.row(i)[j]), num_sampled, num_draws));
    }
  }
  return result;
}

void Sampler::draw(std::span<std::int64_t> out, std::optional<Seed> seed) {
  draw_from(reserve(static_cast<std::int64_t>(out.size()), seed), out);
}

void Sampler::draw_from(PhiloxStream stream, std::span<std::int64_t> out) const {
  PhiloxReader reader(stream);
  draw_into(reader, out);
}

void UniformSampler::draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const {
  for (std::int64_t& id : out) {
    id = static_cast<std::int64_t>(reader.uniform64(static_cast<std::uint64_t>(num_classes())));
  }
}

LogUniformSampler::LogUniformSampler(std::int64_t num_classes, Seed seed)
    : Sampler(num_classes, seed), log_range_(std::log1p(static_cast<double>(num_classes))) {}

double LogUniformSampler::probability(std::int64_t class_id) const {
  const auto c = static_cast<double>(class_id);
  return std::log((c + 2.0) / (c + 1.0)) / log_range_;
}

void LogUniformSampler::draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const {
  for (std::int64_t& id : out) {
    // Rounding can give num_classes itself, which wraps to 0 as in TensorFlow.
    const auto value = static_cast<std::int64_t>(std::exp(reader.next_double() * log_range_)) - 1;
    id = value < num_classes() ? value : value % num_classes();
  }
}

}  // namespace manyclass
