#include "logistic_tile.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"

namespace manyclass {

namespace {

// Classes whose losses are added up in T; their sums are added in double.
constexpr std::int64_t piece = 16;

// sigmoid(z) - 1 / count = ((count - 1) sigmoid(z) - sigmoid(-z)) / count: nothing cancels for a
// single true class, however sure the model is of it. `tail` is sigmoid(-|z|).
template <class T>
T true_derivative(T logit, T tail, T count) {
  const T rest = T{1} - tail;
  const T sigmoid = logit < T{0} ? tail : rest;
  const T opposite = logit < T{0} ? rest : tail;
  return ((count - T{1}) * sigmoid - opposite) / count;
}

}  // namespace

template <class T>
LogisticTile<T>::LogisticTile(std::int64_t lanes, Scratch& scratch)
    : total_(scratch.take<double>(lanes)),
      part_(scratch.take<T>(lanes)),
      logit_(scratch.take<T>(lanes)) {}

template <class T>
void LogisticTile<T>::forward(const LogitsTile<T>& tile, T* loss) const {
  std::fill_n(total_, tile.lanes, 0.0);
  add_truth(tile);
  add_sampled(tile);
  for (std::int64_t l = 0; l < tile.lanes; ++l) loss[l] = static_cast<T>(total_[l]);
}

// softplus(z) - z / count = (max(z, 0) - z / count) + softplus(-|z|), two terms of one sign.
template <class T>
void LogisticTile<T>::add_truth(const LogitsTile<T>& tile) const {
  const std::int64_t lanes = tile.lanes;
  for (std::int64_t j = 0; j < tile.num_true; ++j) {
    T* row = tile.truth + j * lanes;
    for (std::int64_t l = 0; l < lanes; ++l) {
      logit_[l] = row[l];
      row[l] = row[l] < T{0} ? row[l] : -row[l];
    }
    std::fill_n(part_, lanes, T{0});
    kernels::table<T>().column_logistic(row, 1, lanes, part_);
    for (std::int64_t l = 0; l < lanes; ++l) {
      const double logit{logit_[l]};
      const double linear = std::max(logit, 0.0) - logit / static_cast<double>(tile.num_true);
      total_[l] += linear + double{part_[l]};
      row[l] = true_derivative(logit_[l], row[l], static_cast<T>(tile.num_true));
    }
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
  kernels::table<T>().column_scale(tile.truth, tile.num_true, tile.lanes, grad_loss);
  std::copy_n(grad_loss, tile.lanes, factor);
}

template class LogisticTile<float>;
template class LogisticTile<double>;

}  // namespace manyclass
