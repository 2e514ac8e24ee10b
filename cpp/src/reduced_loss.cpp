#include "manyclass/reduced_loss.hpp"

namespace manyclass {

namespace {

template <class T>
double sum_of(VectorView<const T> losses) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < losses.size; ++i) sum += static_cast<double>(losses[i]);
  return sum;
}

}  // namespace

template <class T>
T total_loss(VectorView<const T> losses) {
  return static_cast<T>(sum_of(losses));
}

template <class T>
T mean_loss(VectorView<const T> losses) {
  return static_cast<T>(sum_of(losses) / static_cast<double>(losses.size));
}

template float total_loss<float>(VectorView<const float>);
template double total_loss<double>(VectorView<const double>);
template float mean_loss<float>(VectorView<const float>);
template double mean_loss<double>(VectorView<const double>);

}  // namespace manyclass
