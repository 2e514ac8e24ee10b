// Candidate samplers: a proposal distribution over the classes with its own random stream.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <vector>

#include "manyclass/alias_table.hpp"
#include "manyclass/fork_safe_mutex.hpp"
#include "manyclass/labels.hpp"
#include "manyclass/random.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// The candidates of one step and how often each class was to be expected among them, as float or
/// double. `true_expected_count` has one for each of the true classes, row after row.
template <class T>
struct SampledValuesOf {
  std::vector<std::int64_t> sampled_candidates;
  std::vector<T> true_expected_count;
  std::vector<T> sampled_expected_count;
};
using SampledValues = SampledValuesOf<float>;

template <class T>
class TentativeSampleOf;

/// A distribution over classes 0 .. num_classes - 1 and a place in a random stream.
///
/// All calls are safe from many threads at once; each takes its own stretch of the stream.
class Sampler {
 public:
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;
  virtual ~Sampler() = default;

  std::int64_t num_classes() const { return num_classes_.load(std::memory_order_relaxed); }

  /// Draws `num_sampled` candidates; with `unique`, draws again until they are all different.
  ///
  /// The expected count of a class of probability p is p * num_sampled if no draw was repeated,
  /// else 1 - (1 - p)^n with the n draws that were made; in float32, as TensorFlow computes it, or
  /// in double.
  /// A `seed` restarts the stream there. Throws std::invalid_argument, before anything changes,
  /// if num_sampled < 1, if fewer classes than num_sampled can be drawn and `unique`, or if a
  /// true class lies outside [0, num_classes); `argument` is what the message calls them.
  template <class T = float>
  SampledValuesOf<T> sample(const LabelsView& true_classes, std::int64_t num_sampled, bool unique,
                            std::optional<Seed> seed = {},
                            std::string_view argument = "true_classes");

  /// Independent draws: the candidates that `sample` without `unique` gives.
  void draw(std::span<std::int64_t> out, std::optional<Seed> seed = {});

  /// The probability of one class in one draw. The class must lie in range.
  double probability(std::int64_t class_id) const;
  /// The probabilities of classes at one moment. Throws std::invalid_argument if one is out of
  /// range.
  void probabilities(VectorView<const std::int64_t> ids, std::span<double> out) const;

  PhiloxStream stream() const;
  void set_stream(PhiloxStream stream);

 protected:
  Sampler(std::int64_t num_classes, Seed seed);

  // A sampler whose weights change guards them with a mutex of its own; the functions below are
  // called with it, `learn` without.

  virtual void add_mutexes(std::vector<ForkSafeMutex*>&) const {}
  /// Throws std::invalid_argument if no draw can be made as things are.
  virtual void check_usable() const {}
  virtual double probability_of(std::int64_t class_id) const = 0;
  virtual void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const = 0;
  /// The same draws from a place in the stream, by whatever is faster for many of them.
  virtual void draw_from(PhiloxStream stream, std::span<std::int64_t> out) const;
  /// The float32 probability that expected counts are computed from.
  virtual float count_probability(std::int64_t class_id) const;
  /// The same for many classes.
  virtual void count_probabilities(std::span<const std::int64_t> ids, float* p) const;
  /// The blocks of the stream that a call of `num_draws` draws passes, whatever it uses.
  virtual std::uint64_t blocks_of_call(std::int64_t num_draws) const;
  /// How many classes have a probability above zero.
  virtual std::int64_t num_drawable() const { return num_classes(); }
  /// Called at the end of `sample` with its true classes, all of them in range.
  virtual void learn(MatrixView<const std::int64_t>) {}

  /// Whether so many different classes can be drawn; for samplers where counting them takes long.
  virtual bool can_draw(std::int64_t num_distinct) const { return num_distinct <= num_drawable(); }
  /// For a sampler that takes more classes in, while it keeps all others off its weights.
  void set_num_classes(std::int64_t num_classes) { num_classes_.store(num_classes); }
  /// Up to so many draws, unique candidates are drawn one by one, exactly as TensorFlow does.
  static std::int64_t most_rejection_draws(std::int64_t num_sampled);

 private:
  friend class MixtureSampler;  // draws from its parts
  template <class T>
  friend class TentativeSampleOf;

  /// The part of the stream that a call uses: put back in the end, if the call has not kept it
  /// and no other has moved the stream meanwhile.
  class Stretch {
   public:
    explicit Stretch(Sampler& sampler) : sampler_(sampler) {}
    ~Stretch();
    Stretch(const Stretch&) = delete;
    Stretch& operator=(const Stretch&) = delete;

    /// Moves the stream on for so many draws; returns where they begin.
    PhiloxStream reserve(std::int64_t num_draws, std::optional<Seed> seed);
    void keep() { before_.reset(); }

   private:
    Sampler& sampler_;
    std::optional<PhiloxStream> before_;
    std::optional<PhiloxStream> after_;
  };

  /// Keeps the weights as they are for as long as the locks live.
  std::vector<std::shared_lock<ForkSafeMutex>> hold_still() const;
  void check_sample(const LabelsView& true_classes, std::int64_t num_sampled, bool unique,
                    std::string_view argument) const;
  std::int64_t still_class(std::int64_t id) const;
  void add_counts(std::span<const std::int64_t> ids, std::int64_t num_sampled,
                  std::int64_t num_draws, std::vector<float>& counts) const;
  void add_counts(std::span<const std::int64_t> ids, std::int64_t num_sampled,
                  std::int64_t num_draws, std::vector<double>& counts) const;
  /// `sample`, but for what the sampler learns.
  template <class T>
  SampledValuesOf<T> draw_sample(const LabelsView& true_classes, std::int64_t num_sampled,
                                 bool unique, std::optional<Seed> seed, std::string_view argument,
                                 Stretch& stretch) const;
  std::int64_t draw_unique(PhiloxReader& reader, std::span<std::int64_t> out) const;
  struct Rejection {
    std::int64_t num_kept;
    std::int64_t num_draws;
  };
  template <class Set>
  Rejection reject(PhiloxReader& reader, std::span<std::int64_t> out, Set kept) const;
  std::int64_t finish_unique(PhiloxReader& reader, std::span<std::int64_t> out,
                             std::int64_t num_kept) const;

  std::atomic<std::int64_t> num_classes_;
  mutable ForkSafeMutex mutex_;
  PhiloxStream stream_;
};

/// All of `num_sampled` classes as candidates, in order, each expected once: TensorFlow's
/// all_candidate_sampler. Throws std::invalid_argument if num_sampled < 1 or a true class lies
/// outside [0, num_sampled).
template <class T = float>
SampledValuesOf<T> all_candidates(MatrixView<const std::int64_t> true_classes,
                                  std::int64_t num_sampled);

/// Every class alike.
class UniformSampler final : public Sampler {
 public:
  UniformSampler(std::int64_t num_classes, Seed seed) : Sampler(num_classes, seed) {}

 protected:
  double probability_of(std::int64_t) const override {
    return 1.0 / static_cast<double>(num_classes());
  }
  void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const override;
};

/// P(c) = (log(c + 2) - log(c + 1)) / log(num_classes + 1), Zipf's law for classes numbered by
/// falling frequency.
class LogUniformSampler final : public Sampler {
 public:
  LogUniformSampler(std::int64_t num_classes, Seed seed);

 protected:
  double probability_of(std::int64_t class_id) const override;
  void count_probabilities(std::span<const std::int64_t> ids, float* p) const override;
  void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const override;

 private:
  // The class that TensorFlow draws with a word, given the exponential that it stands for.
  std::int64_t class_of(double value, std::uint64_t word) const;

  double log_range_;
};

/// How counts become the weights of a fixed unigram sampler.
struct UnigramOptions {
  /// The power that counts are raised to.
  double distortion = 1.0;
  /// So many ids of weight zero come before the counts. Below 0 is none.
  std::int64_t num_reserved_ids = 0;
  /// Of several shards a sampler has the ids with id % num_shards == shard, numbered anew.
  std::int64_t num_shards = 1;
  std::int64_t shard = 0;
};

/// P(c) in proportion to float32(counts[c]^distortion): TensorFlow's fixed unigram sampler.
///
/// The ids of counts start at the number of reserved ids *of this shard*, as in TensorFlow: with
/// reserved ids and several shards, that is not where the reserved ids end.
class UnigramSampler final : public Sampler {
 public:
  /// Throws std::invalid_argument, naming `argument`, unless 1 to 2^31 - 1 classes come out, the
  /// counts and their powers are finite and none negative, one class has a weight above zero and
  /// 0 <= shard < num_shards.
  UnigramSampler(VectorView<const double> counts, const UnigramOptions& options, Seed seed,
                 std::string_view argument = "counts");
  UnigramSampler(VectorView<const float> counts, const UnigramOptions& options, Seed seed,
                 std::string_view argument = "counts");

  /// The weights of classes 0 .. num_classes() - 1. A sampler made of them with default options
  /// is this one.
  std::span<const float> weights() const { return weights_; }

 protected:
  double probability_of(std::int64_t class_id) const override;
  void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const override;
  float count_probability(std::int64_t class_id) const override;
  std::int64_t num_drawable() const override { return num_drawable_; }

 private:
  UnigramSampler(std::vector<float> weights, Seed seed, std::string_view argument);

  std::vector<float> weights_;
  double total_ = 0.0;
  std::int64_t num_drawable_ = 0;
  std::vector<AliasEntry> entries_;
};

}  // namespace manyclass
