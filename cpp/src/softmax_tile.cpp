#include "softmax_tile.hpp"

#include <algorithm>
#include <limits>

#include "kernels/kernel_table.hpp"
#include "kernels/random_kernels.hpp"

namespace manyclass {

namespace {

constexpr std::int64_t piece = 64;  // exponentials that are added up in T before their sums are

// The sum of values[e] .. values[end - 1]; `e` becomes `end`.
template <class T>
T sum_of(const T* values, std::int64_t& e, std::int64_t end) {
  T sum{0};
  for (; e < end; ++e) sum += values[e];
  return sum;
}

// How far below the maximum a logit still has an exponential above zero.
template <class T>
constexpr T depth = sizeof(T) == 4 ? T{80} : T{700};

}  // namespace

template <class T>
SoftmaxTile<T>::SoftmaxTile(std::int64_t lanes, std::int64_t num_labels, Scratch& scratch)
    : shift_(scratch.take<T>(lanes)),
      sum_truth_(scratch.take<T>(lanes)),
      sum_sampled_(scratch.take<T>(lanes)),
      share_(scratch.take<T>(lanes)),
      log_sum_(scratch.take<double>(lanes)),
      num_terms_(scratch.take<double>(lanes)),
      label_shift_(scratch.take<T>(num_labels)),
      unused_(scratch.take<T>(num_labels)) {}

// Lanes without a logit get the lowest number.
template <class T>
void SoftmaxTile<T>::find_maxima(const LogitsTile<T>& tile) const {
  std::fill_n(shift_, tile.lanes, std::numeric_limits<T>::lowest());
  for (std::int64_t e = 0; e < tile.num_labels(); ++e) {
    T& most = shift_[tile.targets.example_of(e)];
    most = std::max(most, tile.truth[e]);
  }
  kernels::table<T>().column_max(tile.sampled, tile.num_sampled, tile.lanes, shift_);
}

// Adds the loss of the targets that are shared out among all terms. A candidate of -inf is none.
// The others are raised to where their exponentials are above zero, which will tell them apart.
template <class T>
void SoftmaxTile<T>::smooth(const LogitsTile<T>& tile, T* loss) const {
  const LabelTargets<T>& targets = tile.targets;
  double* below = log_sum_;  // sum of maximum - logit, of all terms
  std::fill_n(below, tile.lanes, 0.0);
  std::fill_n(num_terms_, tile.lanes, 0.0);
  for (std::int64_t e = 0; e < tile.num_labels(); ++e) {
    const std::int64_t l = targets.example_of(e);
    below[l] += double{shift_[l]} - double{tile.truth[e]};
    num_terms_[l] += 1.0;
  }
  for (std::int64_t k = 0; k < tile.num_sampled; ++k) {
    T* row = tile.sampled + k * tile.lanes;
    for (std::int64_t l = 0; l < tile.lanes; ++l) {
      const bool is_term = row[l] != -std::numeric_limits<T>::infinity();
      below[l] += is_term ? double{shift_[l]} - double{row[l]} : 0.0;
      num_terms_[l] += is_term ? 1.0 : 0.0;
      row[l] = is_term && row[l] < shift_[l] - depth<T> ? shift_[l] - depth<T> : row[l];
    }
  }
  for (std::int64_t l = 0; l < tile.lanes; ++l) {
    const double mass = targets.smoothing * double{targets.mass(l)};
    if (mass > 0.0) loss[l] += static_cast<T>(mass * below[l] / num_terms_[l]);
  }
}

template <class T>
void SoftmaxTile<T>::exponentiate_truth(const LogitsTile<T>& tile) const {
  const std::int64_t count = tile.num_labels();
  const std::int64_t rounded = tile.num_labels_rounded();
  std::fill_n(label_shift_ + count, rounded - count, T{0});
  std::fill_n(tile.truth + count, rounded - count, T{0});
  std::fill_n(unused_, rounded, T{0});
  kernels::table<T>().column_exp(tile.truth, 1, rounded, label_shift_, unused_);
  std::int64_t e = 0;
  for (std::int64_t l = 0; l < tile.lanes; ++l) {
    const std::int64_t end = tile.targets.begin(l + 1);
    T sum{0};
    while (end - e > piece) sum += sum_of(tile.truth, e, e + piece);
    sum_truth_[l] = sum + sum_of(tile.truth, e, end);
  }
}

template <class T>
void SoftmaxTile<T>::forward(const LogitsTile<T>& tile, T* loss) const {
  const LabelTargets<T>& targets = tile.targets;
  const std::int64_t lanes = tile.lanes;
  find_maxima(tile);
  double* below = log_sum_;  // sum of maximum - true logit, each difference exact or nearly so
  std::fill_n(below, lanes, 0.0);
  for (std::int64_t e = 0; e < tile.num_labels(); ++e) {
    const std::int64_t l = targets.example_of(e);
    below[l] += double{targets.weights[e]} * (double{shift_[l]} - double{tile.truth[e]});
    label_shift_[e] = shift_[l];
  }
  for (std::int64_t l = 0; l < lanes; ++l) {
    loss[l] = static_cast<T>((1.0 - targets.smoothing) * below[l] / double{targets.divisors[l]});
  }
  if (targets.smoothing > 0.0) smooth(tile, loss);
  exponentiate_truth(tile);
  std::fill_n(sum_sampled_, lanes, T{0});
  kernels::table<T>().column_exp(tile.sampled, tile.num_sampled, lanes, shift_, sum_sampled_);
  for (std::int64_t l = 0; l < lanes; ++l) {
    // log1p keeps small losses exact: with one dominant true logit its exponential is 1. Without
    // any term the sum is -1, of which nothing is needed.
    const double sum = (double{sum_truth_[l]} - 1.0) + double{sum_sampled_[l]};
    log_sum_[l] = std::max(sum, 0.0);
  }
  kernels::random_table().log1p(log_sum_, lanes);
  for (std::int64_t l = 0; l < lanes; ++l) {
    loss[l] = static_cast<T>(double{loss[l]} + double{targets.mass(l)} * log_sum_[l]);
  }
}

// Takes the share of each term off its derivative; the exponential of those that are none is 0.
template <class T>
void SoftmaxTile<T>::smooth_derivatives(const LogitsTile<T>& tile, const T* factor) const {
  const LabelTargets<T>& targets = tile.targets;
  for (std::int64_t l = 0; l < tile.lanes; ++l) {
    const double sum = sum_truth_[l] + sum_sampled_[l];
    share_[l] = static_cast<T>(targets.smoothing / num_terms_[l] * sum);
  }
  for (std::int64_t e = 0; e < tile.num_labels(); ++e) {
    const std::int64_t l = targets.example_of(e);
    tile.truth[e] -= share_[l] * factor[l];
  }
  for (std::int64_t k = 0; k < tile.num_sampled; ++k) {
    T* row = tile.sampled + k * tile.lanes;
    for (std::int64_t l = 0; l < tile.lanes; ++l)
      row[l] = row[l] == T{0} ? T{0} : row[l] - share_[l];
  }
}

template <class T>
void SoftmaxTile<T>::backward(const LogitsTile<T>& tile, const T* grad_loss, T* factor) const {
  const LabelTargets<T>& targets = tile.targets;
  const auto kept = static_cast<T>(1.0 - targets.smoothing);
  T* scale = shift_;  // of derivatives whose targets have the sum 1; logits are no longer needed
  for (std::int64_t l = 0; l < tile.lanes; ++l) {
    scale[l] = grad_loss[l] / (sum_truth_[l] + sum_sampled_[l]);
    factor[l] = targets.totals[l] == T{0} ? T{0} : scale[l] * targets.mass(l);
  }
  // With targets w_j / D of the sum W / D: (W / D) e_j / sum - w_j / D
  // = (W e_j - w_j * sum of e - w_j * sum of sampled) / (D sum): no cancellation where a single
  // label has nearly all the mass.
  for (std::int64_t e = 0; e < tile.num_labels(); ++e) {
    const std::int64_t l = targets.example_of(e);
    const T weight = kept * targets.weights[e];
    const T share = targets.totals[l] * tile.truth[e] - weight * sum_truth_[l];
    tile.truth[e] = (share - weight * sum_sampled_[l]) / targets.divisors[l] * scale[l];
  }
  if (targets.smoothing > 0.0) smooth_derivatives(tile, factor);
}

template class SoftmaxTile<float>;
template class SoftmaxTile<double>;

}  // namespace manyclass
