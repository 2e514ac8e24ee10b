// Candidate samplers: a proposal distribution over the classes with its own random stream.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "manyclass/alias_table.hpp"
#include "manyclass/random.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// The candidates of one step and how often each class was to be expected among them.
/// `true_expected_count` has the shape of the true classes, row after row.
struct SampledValues {
  std::vector<std::int64_t> sampled_candidates;
  std::vector<float> true_expected_count;
  std::vector<float> sampled_expected_count;
};

/// A distribution over classes 0 .. num_classes - 1 and a place in a random stream.
///
/// All calls are safe from many threads at once; each takes its own stretch of the stream.
class Sampler {
 public:
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
  virtual ~Sampler() = default;

  std::int64_t num_classes() const { return num_classes_; }

  /// Draws `num_sampled` candidates; with `unique`, draws again until they are all different.
  ///
  /// The expected count of a class of probability p is p * num_sampled if no draw was repeated,
  /// else 1 - (1 - p)^n with the n draws that were made; in float32, as TensorFlow computes it.
  /// A `seed` restarts the stream there. Throws std::invalid_argument, before anything changes,
  /// if num_sampled < 1, if fewer classes than num_sampled can be drawn and `unique`, or if a
  /// true class lies outside [0, num_classes); `argument` is what the message calls them.
  SampledValues sample(MatrixView<const std::int64_t> true_classes, std::int64_t num_sampled,
                       bool unique, std::optional<Seed> seed = {},
                       std::string_view argument = "true_classes");

  /// Independent draws: the candidates that `sample` without `unique` gives.
  void draw(std::span<std::int64_t> out, std::optional<Seed> seed = {});

  /// The probability of one class in one draw. The class must lie in range.
  virtual double probability(std::int64_t class_id) const = 0;

  PhiloxStream stream() const;
  void set_stream(PhiloxStream stream);

 protected:
  Sampler(std::int64_t num_classes, Seed seed);

  virtual void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const = 0;
  /// The same draws from a place in the stream, by whatever is faster for many of them.
  virtual void draw_from(PhiloxStream stream, std::span<std::int64_t> out) const;
  /// The float32 probability that expected counts are computed from.
  virtual float count_probability(std::int64_t class_id) const;
  /// The blocks of the stream that a call of `num_draws` draws passes, whatever it uses.
  virtual std::uint64_t blocks_of_call(std::int64_t num_draws) const;
  /// How many classes have a probability above zero.
  virtual std::int64_t num_drawable() const { return num_classes_; }
  /// Whether so many different classes can be drawn; for samplers where counting them takes long.
  virtual bool can_draw(std::int64_t num_distinct) const { return num_distinct <= num_drawable(); }
  /// Up to so many draws, unique candidates are drawn one by one, exactly as TensorFlow does.
  static std::int64_t most_rejection_draws(std::int64_t num_sampled);

 private:
  friend class MixtureSampler;  // draws from its parts

  PhiloxStream reserve(std::int64_t num_draws, std::optional<Seed> seed);
  std::int64_t draw_unique(PhiloxReader& reader, std::span<std::int64_t> out) const;
  std::int64_t finish_unique(PhiloxReader& reader, std::span<std::int64_t> out,
                             std::int64_t num_kept) const;

  std::int64_t num_classes_;
  mutable std::mutex mutex_;
  PhiloxStream stream_;
};

/// Every class alike.
class UniformSampler final : public Sampler {
 public:
  UniformSampler(std::int64_t num_classes, Seed seed) : Sampler(num_classes, seed) {}
  double probability(std::int64_t) const override {
    return 1.0 / static_cast<double>(num_classes());
  }

 protected:
  void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const override;
};

/// P(c) = (log(c + 2) - log(c + 1)) / log(num_classes + 1), Zipf's law for classes numbered by
/// falling frequency.
class LogUniformSampler final : public Sampler {
 public:
  LogUniformSampler(std::int64_t num_classes, Seed seed);
  double probability(std::int64_t class_id) const override;

 protected:
  void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const override;

 private:
  double log_range_;
};

/// P(c) in proportion to float32(counts[c]^distortion): TensorFlow's fixed unigram sampler.
class UnigramSampler final : public Sampler {
 public:
  /// Throws std::invalid_argument unless there are 1 to 2^31 - 1 counts, their powers are finite
  /// and none negative, and one is above zero.
  UnigramSampler(VectorView<const double> counts, double distortion, Seed seed);
  double probability(std::int64_t class_id) const override;

 protected:
  void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const override;
  float count_probability(std::int64_t class_id) const override;
  std::int64_t num_drawable() const override { return num_drawable_; }

 private:
  std::vector<float> weights_;
  double total_ = 0.0;
  std::int64_t num_drawable_ = 0;
  std::vector<AliasEntry> entries_;
};

}  // namespace manyclass
