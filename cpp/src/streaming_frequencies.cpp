#include "manyclass/streaming_frequencies.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <numeric>
#include <utility>

#include "label_checks.hpp"

namespace manyclass {

namespace {

// So far from the end of int64 that no update reaches it.
constexpr std::int64_t most_labels = std::int64_t{1} << 62;

std::vector<double> zeros(std::int64_t num_classes) {
  require(num_classes >= 1, "num_classes is ", num_classes, "; it must be at least 1");
  const std::size_t most = std::vector<double>().max_size();
  require(static_cast<std::size_t>(num_classes) <= most, "num_classes is ", num_classes,
          "; there can be at most ", most);
  return std::vector<double>(static_cast<std::size_t>(num_classes));
}

// Returns the sum.
double check_counts(VectorView<const double> counts, std::string_view argument) {
  require(counts.size >= 1, argument, " has 0 entries; it must have one for each class");
  double sum = 0.0;
  for (std::int64_t c = 0; c < counts.size; ++c) {
    require(counts[c] >= 0.0 && std::isfinite(counts[c]), argument, "[", c, "] is ", counts[c],
            "; it must be finite and not negative");
    sum += counts[c];
  }
  require(std::isfinite(sum), argument, " has a sum beyond float64");
  return sum;
}

// Rounding of the total must not lead above 1.
double share(double count, double total) {
  return total > 0.0 ? std::min(count / total, 1.0) : 0.0;
}

}  // namespace

StreamingFrequencies::StreamingFrequencies(std::int64_t num_classes, double half_life)
    : half_life_(half_life) {
  require(half_life > 0.0, "half_life is ", half_life, "; it must be above zero");
  state_.counts = zeros(num_classes);
  if (half_life < never) state_.seen_at.resize(state_.counts.size());
}

StreamingFrequencies::StreamingFrequencies(VectorView<const double> counts, double half_life,
                                           std::string_view argument)
    : StreamingFrequencies((check_counts(counts, argument), counts.size), half_life) {
  for (std::int64_t c = 0; c < counts.size; ++c) {
    state_.counts[static_cast<std::size_t>(c)] = counts[c];
    state_.total += counts[c];
  }
}

std::int64_t StreamingFrequencies::num_labels() const {
  const std::lock_guard lock(mutex_);
  return state_.num_labels;
}

double StreamingFrequencies::left_after(std::int64_t num_labels) const {
  return std::exp2(-static_cast<double>(num_labels) / half_life_);
}

// What is left of a class's count when so many labels have been seen.
double StreamingFrequencies::count_at(std::size_t class_id, std::int64_t num_labels) const {
  const double count = state_.counts[class_id];
  if (state_.seen_at.empty()) return count;
  return count * left_after(num_labels - state_.seen_at[class_id]);
}

void StreamingFrequencies::update(MatrixView<const std::int64_t> labels,
                                  std::string_view argument) {
  check_labels(labels, num_classes(), argument);
  const std::int64_t size = labels.rows * labels.cols;
  const std::lock_guard lock(mutex_);
  state_.num_labels += size;
  state_.total = state_.total * left_after(size) + static_cast<double>(size);
  for (std::int64_t i = 0; i < labels.rows; ++i) {
    for (std::int64_t j = 0; j < labels.cols; ++j) {
      const std::int64_t id = labels.row(i)[j];
      if (!is_class(id, num_classes())) continue;  // checked, but another may write there
      const auto c = static_cast<std::size_t>(id);
      state_.counts[c] = count_at(c, state_.num_labels) + 1.0;
      if (!state_.seen_at.empty()) state_.seen_at[c] = state_.num_labels;
    }
  }
}

void StreamingFrequencies::probabilities(VectorView<const std::int64_t> ids, std::span<double> out,
                                         std::string_view argument) const {
  const std::lock_guard lock(mutex_);
  for (std::int64_t k = 0; k < ids.size; ++k) {
    require_class(ids[k], num_classes(), argument, "[", k, "]");
    const double count = count_at(static_cast<std::size_t>(ids[k]), state_.num_labels);
    out[static_cast<std::size_t>(k)] = share(count, state_.total);
  }
}

void StreamingFrequencies::probabilities_after(VectorView<const std::int64_t> ids,
                                               std::span<const std::int64_t> num_labels,
                                               std::span<double> out,
                                               std::string_view argument) const {
  const auto added = std::accumulate(num_labels.begin(), num_labels.end(), std::int64_t{0});
  const std::lock_guard lock(mutex_);
  const double total = state_.total * left_after(added) + static_cast<double>(added);
  for (std::int64_t k = 0; k < ids.size; ++k) {
    require_class(ids[k], num_classes(), argument, "[", k, "]");
    const auto place = static_cast<std::size_t>(k);
    double count = count_at(static_cast<std::size_t>(ids[k]), state_.num_labels + added);
    // One by one, as update() counts them: the same rounding.
    for (std::int64_t i = 0; i < num_labels[place]; ++i) count += 1.0;
    out[place] = share(count, total);
  }
}

StreamingFrequencies::State StreamingFrequencies::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void StreamingFrequencies::set_state(State state) {
  const auto size = static_cast<std::int64_t>(state.counts.size());
  require(size == num_classes(), "state has ", size, " counts, this estimator has ", num_classes(),
          " classes");
  check_counts({state.counts.data(), size}, "counts of state");
  const std::size_t due = half_life_ < never ? state.counts.size() : 0;
  require(state.seen_at.size() == due, "state has ", state.seen_at.size(),
          " entries in seen_at; it must have ", due);
  require(std::isfinite(state.total) && state.total >= 0.0, "state has the total ", state.total,
          "; it must be finite and not negative");
  require(state.num_labels >= 0 && state.num_labels <= most_labels, "state has ", state.num_labels,
          " labels; their number must lie in [0, ", most_labels, "]");
  for (const std::int64_t at : state.seen_at) {
    require(at >= 0 && at <= state.num_labels, "state has a class seen at label ", at, " of ",
            state.num_labels);
  }
  const std::lock_guard lock(mutex_);
  state_ = std::move(state);
}

}  // namespace manyclass
