#include "softmax_tile.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernel_table.hpp"

namespace manyclass {

template <class T>
void softmax_loss(const LogitsTile<T>& tile, const SoftmaxSums<T>& sums, T* shift, T* loss) {
  const auto& kernel = kernels::table<T>();
  const std::int64_t lanes = tile.lanes;
  std::fill_n(shift, lanes, -std::numeric_limits<T>::infinity());
  std::fill_n(sums.truth, lanes, T{0});
  std::fill_n(sums.sampled, lanes, T{0});
  kernel.column_max(tile.truth, tile.num_true, lanes, shift);
  kernel.column_max(tile.sampled, tile.num_sampled, lanes, shift);
  for (std::int64_t l = 0; l < lanes; ++l) {
    double below = 0.0;  // sum of maximum - true logit, each difference exact or nearly so
    for (std::int64_t j = 0; j < tile.num_true; ++j) {
      below += double{shift[l]} - double{tile.truth[j * lanes + l]};
    }
    loss[l] = static_cast<T>(below / static_cast<double>(tile.num_true));
  }
  kernel.column_exp(tile.truth, tile.num_true, lanes, shift, sums.truth);
  kernel.column_exp(tile.sampled, tile.num_sampled, lanes, shift, sums.sampled);
  for (std::int64_t l = 0; l < lanes; ++l) {
    // log1p keeps small losses exact: with one dominant true logit its exponential is 1.
    const double others = (double{sums.truth[l]} - 1.0) + double{sums.sampled[l]};
    loss[l] = static_cast<T>(double{loss[l]} + std::log1p(others));
  }
}

template <class T>
void softmax_gradient(const LogitsTile<T>& tile, const SoftmaxSums<T>& sums, const T* grad_loss,
                      T* factor) {
  const auto& kernel = kernels::table<T>();
  const std::int64_t lanes = tile.lanes;
  for (std::int64_t l = 0; l < lanes; ++l) {
    factor[l] = grad_loss[l] / (sums.truth[l] + sums.sampled[l]);
  }
  kernel.column_scale(tile.sampled, tile.num_sampled, lanes, factor);
  // e_j / sum - 1 / T = (T e_j - sum of e - sum of sampled) / (T sum): no cancellation where a
  // single label has nearly all the mass.
  const T count = static_cast<T>(tile.num_true);
  for (std::int64_t j = 0; j < tile.num_true; ++j) {
    for (std::int64_t l = 0; l < lanes; ++l) {
      T& value = tile.truth[j * lanes + l];
      value = ((count * value - sums.truth[l]) - sums.sampled[l]) / count * factor[l];
    }
  }
}

template void softmax_loss(const LogitsTile<float>&, const SoftmaxSums<float>&, float*, float*);
template void softmax_loss(const LogitsTile<double>&, const SoftmaxSums<double>&, double*, double*);
template void softmax_gradient(const LogitsTile<float>&, const SoftmaxSums<float>&, const float*,
                               float*);
template void softmax_gradient(const LogitsTile<double>&, const SoftmaxSums<double>&, const double*,
                               double*);

}  // namespace manyclass
