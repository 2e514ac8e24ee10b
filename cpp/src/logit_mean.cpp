#include "logit_mean.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"

namespace manyclass {

template <class T>
LogitMean<T>::LogitMean(std::int64_t num_classes, std::int64_t num_segments, Scratch& scratch)
    : num_classes_(num_classes),
      num_segments_(num_segments),
      sum_(scratch.take<double>(num_segments * ClassStream<T>::most_lanes)) {}

template <class T>
void LogitMean<T>::reset() {
  std::fill_n(sum_, num_segments_ * ClassStream<T>::most_lanes, 0.0);
}

template <class T>
void LogitMean<T>::add(const ClassBlock<T>& block) {
  alignas(64) T ones[ClassStream<T>::block_classes];
  alignas(64) T total[ClassStream<T>::most_lanes];
  std::fill_n(ones, block.size, T{1});
  kernels::table<T>().multiply(1, block.lanes, block.size, ones, block.size, 1, block.logits,
                               block.lanes, nullptr, total, block.lanes);
  double* sum = sum_ + block.segment * ClassStream<T>::most_lanes;
  for (std::int64_t l = 0; l < block.lanes; ++l) sum[l] += double{total[l]};
}

template <class T>
double LogitMean<T>::of(std::int64_t l) const {
  double sum = 0.0;
  for (std::int64_t s = 0; s < num_segments_; ++s) sum += sum_[s * ClassStream<T>::most_lanes + l];
  return sum / static_cast<double>(num_classes_);
}

template class LogitMean<float>;
template class LogitMean<double>;

}  // namespace manyclass
