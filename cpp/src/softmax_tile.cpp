#include "softmax_tile.hpp"

#include <algorithm>
#include <limits>

#include "kernels/kernel_table.hpp"
#include "kernels/random_kernels.hpp"

namespace manyclass {

template <class T>
SoftmaxTile<T>::SoftmaxTile(std::int64_t lanes, Scratch& scratch)
    : shift_(scratch.take<T>(lanes)),
      sum_truth_(scratch.take<T>(lanes)),
      sum_sampled_(scratch.take<T>(lanes)),
      log_sum_(scratch.take<double>(lanes)) {}

template <class T>
void SoftmaxTile<T>::forward(const LogitsTile<T>& tile, T* loss) const {
  const auto& kernel = kernels::table<T>();
  const std::int64_t lanes = tile.lanes;
  std::fill_n(shift_, lanes, -std::numeric_limits<T>::infinity());
  std::fill_n(sum_truth_, lanes, T{0});
  std::fill_n(sum_sampled_, lanes, T{0});
  kernel.column_max(tile.truth, tile.num_true, lanes, shift_);
  kernel.column_max(tile.sampled, tile.num_sampled, lanes, shift_);
  for (std::int64_t l = 0; l < lanes; ++l) {
    double below = 0.0;  // sum of maximum - true logit, each difference exact or nearly so
    for (std::int64_t j = 0; j < tile.num_true; ++j) {
      below += double{shift_[l]} - double{tile.truth[j * lanes + l]};
    }
    loss[l] = static_cast<T>(below / static_cast<double>(tile.num_true));
  }
  kernel.column_exp(tile.truth, tile.num_true, lanes, shift_, sum_truth_);
  kernel.column_exp(tile.sampled, tile.num_sampled, lanes, shift_, sum_sampled_);
  for (std::int64_t l = 0; l < lanes; ++l) {
    // log1p keeps small losses exact: with one dominant true logit its exponential is 1.
    log_sum_[l] = (double{sum_truth_[l]} - 1.0) + double{sum_sampled_[l]};
  }
  kernels::random_table().log1p(log_sum_, lanes);
  for (std::int64_t l = 0; l < lanes; ++l) {
    loss[l] = static_cast<T>(double{loss[l]} + log_sum_[l]);
  }
}

template <class T>
void SoftmaxTile<T>::backward(const LogitsTile<T>& tile, const T* grad_loss, T* factor) const {
  const std::int64_t lanes = tile.lanes;
  for (std::int64_t l = 0; l < lanes; ++l) {
    factor[l] = grad_loss[l] / (sum_truth_[l] + sum_sampled_[l]);
  }
  // e_j / sum - 1 / T = (T e_j - sum of e - sum of sampled) / (T sum): no cancellation where a
  // single label has nearly all the mass.
  const T count = static_cast<T>(tile.num_true);
  for (std::int64_t j = 0; j < tile.num_true; ++j) {
    for (std::int64_t l = 0; l < lanes; ++l) {
      T& value = tile.truth[j * lanes + l];
      value = ((count * value - sum_truth_[l]) - sum_sampled_[l]) / count * factor[l];
    }
  }
}

template class SoftmaxTile<float>;
template class SoftmaxTile<double>;

}  // namespace manyclass
