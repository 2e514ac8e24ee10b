#include "label_targets.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"

namespace manyclass {

template <class T>
LabelTargets<T> make_targets(const Examples<T>& examples, Scratch& scratch) {
  const LabelsView& labels = examples.labels;
  const MatrixView<const T>& given = examples.label_weights;
  const std::int64_t size = labels.batch() + kernels::lane_multiple;
  auto* first = scratch.take<std::int64_t>(size + 1);
  auto* owners = scratch.take<std::int64_t>(labels.size());
  T* weights = scratch.take<T>(labels.size());
  T* divisors = scratch.take<T>(size);
  T* totals = scratch.take<T>(size);
  std::fill_n(first, size + 1, labels.size());
  std::fill_n(divisors, size, T{1});
  std::fill_n(totals, size, T{0});
  std::int64_t end = 0;
  for (std::int64_t i = 0; i < labels.batch(); ++i) {
    first[i] = end;
    // Never falling and ending with all labels, whatever another thread writes to row splits.
    end = i + 1 < labels.batch() ? std::max(end, labels.first(i + 1)) : labels.size();
    double total = 0.0;
    for (std::int64_t e = first[i]; e < end; ++e) {
      owners[e] = i;
      weights[e] = given.data == nullptr ? T{1} : given.row(e / given.cols)[e % given.cols];
      total += double{weights[e]};
    }
    totals[i] = static_cast<T>(total);
    if (given.data == nullptr && end > first[i]) divisors[i] = totals[i];
  }
  return {first, owners, weights, divisors, totals, examples.label_smoothing};
}

template <class T>
std::int64_t most_labels(const LabelTargets<T>& targets, std::int64_t batch, std::int64_t lanes) {
  std::int64_t most = 0;
  for (std::int64_t i = 0; i < batch; i += lanes) {
    most = std::max(most, targets.begin(std::min(i + lanes, batch)) - targets.begin(i));
  }
  return most;
}

template struct LabelTargets<float>;
template struct LabelTargets<double>;
template std::int64_t most_labels(const LabelTargets<float>&, std::int64_t, std::int64_t);
template std::int64_t most_labels(const LabelTargets<double>&, std::int64_t, std::int64_t);
template LabelTargets<float> make_targets(const Examples<float>&, Scratch&);
template LabelTargets<double> make_targets(const Examples<double>&, Scratch&);

}  // namespace manyclass
