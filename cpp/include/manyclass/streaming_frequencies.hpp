// How often classes occur, learned from the labels of a training run.
#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "manyclass/fork_safe_mutex.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Exact counts of labels, optionally forgotten exponentially: a label counts 2^(-age / half_life)
/// where age is the number of labels seen since its batch. All calls are safe from many threads at
/// once; each costs what its labels cost, whatever the number of classes.
class StreamingFrequencies {
 public:
  static constexpr double never = std::numeric_limits<double>::infinity();

  /// What a stopped estimator continues from. `seen_at` is empty without a half-life.
  struct State {
    std::vector<double> counts;         // each as it was when its class was last seen
    std::vector<std::int64_t> seen_at;  // num_labels then
    double total = 0.0;
    std::int64_t num_labels = 0;
  };

  /// Throws std::invalid_argument unless num_classes >= 1 and half_life > 0.
  explicit StreamingFrequencies(std::int64_t num_classes, double half_life = never);
  /// Begins with counts. Throws std::invalid_argument if there are none, or one is negative or not
  /// finite, or their sum is not, or half_life <= 0; `argument` is what the message calls them.
  explicit StreamingFrequencies(VectorView<const double> counts, double half_life = never,
                                std::string_view argument = "counts");

  std::int64_t num_classes() const { return static_cast<std::int64_t>(state_.counts.size()); }
  double half_life() const { return half_life_; }
  std::int64_t num_labels() const;

  /// Counts a batch of labels, shape [batch, num_true]. Throws std::invalid_argument, before
  /// anything changes, if one lies outside [0, num_classes).
  void update(MatrixView<const std::int64_t> labels, std::string_view argument = "labels");

  /// The share of each class in all that was counted; 0 if that is nothing. Throws
  /// std::invalid_argument if a class lies outside [0, num_classes).
  void probabilities(VectorView<const std::int64_t> ids, std::span<double> out,
                     std::string_view argument = "ids") const;
  /// What they will be once a batch has been counted in which the class ids[k] comes num_labels[k]
  /// times and no other one at all. Throws as `probabilities` does.
  void probabilities_after(VectorView<const std::int64_t> ids,
                           std::span<const std::int64_t> num_labels, std::span<double> out,
                           std::string_view argument = "ids") const;

  State state() const;
  /// Throws std::invalid_argument, before anything changes, if the state is not one of such an
  /// estimator.
  void set_state(State state);

 private:
  double left_after(std::int64_t num_labels) const;
  double count_at(std::size_t class_id, std::int64_t num_labels) const;

  mutable ForkSafeMutex mutex_;
  double half_life_;
  State state_;
};

}  // namespace manyclass
