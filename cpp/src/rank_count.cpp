#include "rank_count.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"

namespace manyclass {

namespace {

// How many of a block's first rows are classes below `label`: within a shard classes ascend by a
// fixed step.
template <class T>
std::int64_t rows_below(const Partition& classes, const ClassBlock<T>& block, std::int64_t label) {
  const std::int64_t first = classes.class_at(block.position);
  const std::int64_t step = classes.class_at(block.position + block.size - 1) - first;
  const std::int64_t stride = block.size > 1 ? step / (block.size - 1) : 1;
  if (label <= first) return 0;
  return std::min(block.size, (label - first + stride - 1) / stride);
}

}  // namespace

template <class T>
RankCount<T>::RankCount(const Partition& classes, const ChunkLabels<T>& labels,
                        std::int64_t most_labels, const ClassStream<T>& stream, Scratch& scratch)
    : classes_(classes),
      labels_(labels),
      stream_(stream),
      above_(scratch.take<std::int64_t>(stream.num_segments() * most_labels)) {}

template <class T>
void RankCount<T>::reset() {
  const LabelTargets<T>& targets = labels_.targets;
  most_labels_ = 0;
  for (std::int64_t l = 0; l < stream_.size(); ++l) {
    most_labels_ = std::max(most_labels_, targets.begin(l + 1) - targets.begin(l));
  }
  std::fill_n(above_, stream_.num_segments() * targets.begin(stream_.size()), 0);
}

template <class T>
void RankCount<T>::add(const ClassBlock<T>& block) const {
  std::int64_t* above = above_ + block.segment * labels_.targets.begin(stream_.size());
  for (std::int64_t j = 0; j < most_labels_; ++j) add_labels(block, j, above);
}

// Label j of every example that has so many.
template <class T>
void RankCount<T>::add_labels(const ClassBlock<T>& block, std::int64_t j,
                              std::int64_t* above) const {
  alignas(64) T marks[ClassStream<T>::most_lanes] = {};
  alignas(64) T ties[ClassStream<T>::most_lanes] = {};
  alignas(64) T counts[ClassStream<T>::most_lanes] = {};
  const auto for_each_label = [&](auto work) {
    for (std::int64_t l = 0; l < stream_.size(); ++l) {
      const std::int64_t e = labels_.targets.begin(l) + j;
      if (e < labels_.targets.begin(l + 1)) work(l, e);
    }
  };
  for_each_label([&](std::int64_t l, std::int64_t e) {
    marks[l] = labels_.logits[e];
    ties[l] = static_cast<T>(rows_below(classes_, block, labels_.classes[e]));
  });
  kernels::table<T>().column_count_above(block.logits, block.size, block.lanes, marks, ties,
                                         counts);
  for_each_label(
      [&](std::int64_t l, std::int64_t e) { above[e] += static_cast<std::int64_t>(counts[l]); });
}

template <class T>
void RankCount<T>::write(VectorView<std::int64_t> ranks) const {
  const std::int64_t count = labels_.targets.begin(stream_.size());
  for (std::int64_t e = 0; e < count; ++e) {
    std::int64_t rank = 1;
    for (std::int64_t s = 0; s < stream_.num_segments(); ++s) rank += above_[s * count + e];
    const T logit = labels_.logits[e];
    ranks[e] = logit == logit ? rank : classes_.num_rows();
  }
}

template class RankCount<float>;
template class RankCount<double>;

}  // namespace manyclass
