#include "logistic_tile.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"

namespace manyclass {

namespace {

// Classes whose losses are added up in T; their sums are added in double.
constexpr std::int64_t piece = 16;

// sigmoid(z) - w / D = ((D - w) sigmoid(z) - w sigmoid(-z)) / D: nothing cancels for a target of 1,
// however sure the model is of it. `tail` is sigmoid(-|z|).
template <class T>
T true_derivative(T logit, T tail, T weight, T divisor) {
  const T rest = T{1} - tail;
  const T sigmoid = logit < T{0} ? tail : rest;
  const T opposite = logit < T{0} ? rest : tail;
  return ((divisor - weight) * sigmoid - weight * opposite) / divisor;
}

}  // namespace

template <class T>
LogisticTile<T>::LogisticTile(std::int64_t lanes, std::int64_t num_labels, Scratch& scratch)
    : total_(scratch.take<double>(lanes)),
      part_(scratch.take<T>(std::max(lanes, num_labels))),
      logit_(scratch.take<T>(num_labels)) {}

template <class T>
void LogisticTile<T>::forward(const LogitsTile<T>& tile, T* loss) const {
  std::fill_n(total_, tile.lanes, 0.0);
  add_truth(tile);
  add_sampled(tile);
  for (std::int64_t l = 0; l < tile.lanes; ++l) loss[l] = static_cast<T>(total_[l]);
}

// softplus(z) - p z = (max(z, 0) - p z) + softplus(-|z|), two terms of one sign.
template <class T>
void LogisticTile<T>::add_truth(const LogitsTile<T>& tile) const {
  const LabelTargets<T>& targets = tile.targets;
  const std::int64_t count = tile.num_labels();
  const std::int64_t rounded = tile.num_labels_rounded();
  for (std::int64_t e = 0; e < count; ++e) {
    logit_[e] = tile.truth[e];
    tile.truth[e] = logit_[e] < T{0} ? logit_[e] : -logit_[e];
  }
  std::fill_n(tile.truth + count, rounded - count, T{0});
  std::fill_n(part_, rounded, T{0});
  kernels::table<T>().column_logistic(tile.truth, 1, rounded, part_);
  for (std::int64_t e = 0; e < count; ++e) {
    const std::int64_t l = targets.example_of(e);
    const T weight = targets.weights[e];
    const T divisor = targets.divisors[l];
    const double logit{logit_[e]};
    const double linear = std::max(logit, 0.0) - logit * double{weight} / double{divisor};
    total_[l] += linear + double{part_[e]};
    tile.truth[e] = true_derivative(logit_[e], tile.truth[e], weight, divisor);
  }
}

template <class T>
void LogisticTile<T>::add_sampled(const LogitsTile<T>& tile) const {
  const std::int64_t lanes = tile.lanes;
  for (std::int64_t first = 0; first < tile.num_sampled; first += piece) {
    const std::int64_t rows = std::min(piece, tile.num_sampled - first);
    std::fill_n(part_, lanes, T{0});
    kernels::table<T>().column_logistic(tile.sampled + first * lanes, rows, lanes, part_);
    for (std::int64_t l = 0; l < lanes; ++l) total_[l] += double{part_[l]};
  }
}

template <class T>
void LogisticTile<T>::backward(const LogitsTile<T>& tile, const T* grad_loss, T* factor) const {
  for (std::int64_t e = 0; e < tile.num_labels(); ++e) {
    tile.truth[e] *= grad_loss[tile.targets.example_of(e)];
  }
  std::copy_n(grad_loss, tile.lanes, factor);
}

template class LogisticTile<float>;
template class LogisticTile<double>;

}  // namespace manyclass
