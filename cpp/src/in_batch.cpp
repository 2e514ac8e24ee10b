#include "manyclass/in_batch.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "label_checks.hpp"

namespace manyclass {

namespace {

float expected_count(double p, double num_draws) {
  return static_cast<float>(-std::expm1(num_draws * std::log1p(-p)));
}

std::vector<std::int64_t> sorted_classes(MatrixView<const std::int64_t> labels) {
  std::vector<std::int64_t> ids;
  ids.reserve(static_cast<std::size_t>(labels.rows * labels.cols));
  for (std::int64_t i = 0; i < labels.rows; ++i) {
    ids.insert(ids.end(), labels.row(i), labels.row(i) + labels.cols);
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

// Leaves each of the sorted classes once; returns how often it was there.
std::vector<std::int64_t> count_repeated(std::vector<std::int64_t>& ids) {
  std::vector<std::int64_t> times;
  times.reserve(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (times.empty() || ids[i] != ids[times.size() - 1]) {
      ids[times.size()] = ids[i];
      times.push_back(0);
    }
    ++times.back();
  }
  ids.resize(times.size());
  return times;
}

}  // namespace

SampledValues in_batch_candidates(MatrixView<const std::int64_t> labels,
                                  const StreamingFrequencies& frequencies, bool counted,
                                  std::string_view argument) {
  check_labels(labels, frequencies.num_classes(), argument);
  SampledValues values;
  values.sampled_candidates = sorted_classes(labels);
  const std::vector<std::int64_t> times = count_repeated(values.sampled_candidates);
  const std::vector<std::int64_t>& ids = values.sampled_candidates;
  std::vector<double> p(ids.size());
  values.sampled_expected_count.reserve(ids.size());
  values.true_expected_count.reserve(static_cast<std::size_t>(labels.rows * labels.cols));
  const VectorView<const std::int64_t> classes{ids.data(), static_cast<std::int64_t>(ids.size())};
  if (counted) {
    frequencies.probabilities_after(classes, times, p, argument);
  } else {
    frequencies.probabilities(classes, p, argument);
  }

  const std::int64_t others = std::max<std::int64_t>(labels.rows - 1, 1);
  const auto num_draws = static_cast<double>(others * labels.cols);
  for (std::size_t k = 0; k < ids.size(); ++k) {
    require(p[k] > 0.0, argument, " holds the class ", ids[k],
            ", whose frequency is 0; a class that occurs must have a frequency above zero");
    // A loss takes no count of zero, which that of a class almost forgotten would be in float32.
    constexpr float least = std::numeric_limits<float>::min();
    values.sampled_expected_count.push_back(std::max(least, expected_count(p[k], num_draws)));
  }
  for (std::int64_t i = 0; i < labels.rows; ++i) {
    for (std::int64_t j = 0; j < labels.cols; ++j) {
      const auto place = std::lower_bound(ids.begin(), ids.end(), labels.row(i)[j]);
      require(place != ids.end(), argument, " changed during the call");
      const auto k = static_cast<std::size_t>(place - ids.begin());
      values.true_expected_count.push_back(values.sampled_expected_count[k]);
    }
  }
  return values;
}

}  // namespace manyclass
