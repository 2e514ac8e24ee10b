#include "running_softmax.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/kernel_table.hpp"

namespace manyclass {

namespace {

// exp(from - to), what a sum relative to `from` counts relative to `to`. Equal maxima count 1 even
// where they are both infinite, so that NaN in a sum stays there.
template <class T>
double rescale(T from, T to) {
  return from == to ? 1.0 : std::exp(double{from} - double{to});
}

}  // namespace

template <class T>
double SoftmaxTotal<T>::logsumexp() const {
  return double{top} + std::log(sum);
}

template <class T>
RunningSoftmax<T>::RunningSoftmax(std::int64_t num_segments, Scratch& scratch)
    : num_segments_(num_segments),
      top_(scratch.take<T>(num_segments * ClassStream<T>::most_lanes)),
      sum_(scratch.take<double>(num_segments * ClassStream<T>::most_lanes)) {
  reset();
}

template <class T>
void RunningSoftmax<T>::reset() {
  const std::int64_t size = num_segments_ * ClassStream<T>::most_lanes;
  std::fill_n(top_, size, -std::numeric_limits<T>::infinity());
  std::fill_n(sum_, size, 0.0);
}

template <class T>
void RunningSoftmax<T>::add(const ClassBlock<T>& block) {
  const auto& kernel = kernels::table<T>();
  T* top = top_ + block.segment * ClassStream<T>::most_lanes;
  double* sum = sum_ + block.segment * ClassStream<T>::most_lanes;
  alignas(64) T raised[ClassStream<T>::most_lanes];
  alignas(64) T total[ClassStream<T>::most_lanes];
  std::copy_n(top, block.lanes, raised);
  std::fill_n(total, block.lanes, T{0});
  kernel.column_max(block.logits, block.size, block.lanes, raised);
  kernel.column_sum_exp(block.logits, block.size, block.lanes, raised, total);
  for (std::int64_t l = 0; l < block.lanes; ++l) {
    sum[l] = sum[l] * rescale(top[l], raised[l]) + double{total[l]};
    top[l] = raised[l];
  }
}

template <class T>
SoftmaxTotal<T> RunningSoftmax<T>::total(std::int64_t l) const {
  constexpr std::int64_t row = ClassStream<T>::most_lanes;
  SoftmaxTotal<T> total{-std::numeric_limits<T>::infinity(), 0.0};
  for (std::int64_t s = 0; s < num_segments_; ++s)
    total.top = std::max(total.top, top_[s * row + l]);
  for (std::int64_t s = 0; s < num_segments_; ++s) {
    total.sum += sum_[s * row + l] * rescale(top_[s * row + l], total.top);
  }
  return total;
}

template struct SoftmaxTotal<float>;
template struct SoftmaxTotal<double>;
template class RunningSoftmax<float>;
template class RunningSoftmax<double>;

}  // namespace manyclass
