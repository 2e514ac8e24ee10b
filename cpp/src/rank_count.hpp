// The ranks of a chunk's labels, of blocks of logits that arrive one after another.
#pragma once

#include <cstdint>

#include "class_stream.hpp"

namespace manyclass {

/// Counts, for each label and each segment of classes, the classes that stand above it.
template <class T>
class RankCount {
 public:
  /// `most_labels` are those of any chunk.
  RankCount(const Partition& classes, const ChunkLabels<T>& labels, std::int64_t most_labels,
            const ClassStream<T>& stream, Scratch& scratch);

  /// For the labels that are there now.
  void reset();

  void add(const ClassBlock<T>& block) const;
  /// ranks[e] of each label of the chunk.
  void write(VectorView<std::int64_t> ranks) const;

 private:
  void add_labels(const ClassBlock<T>& block, std::int64_t j, std::int64_t* above) const;

  const Partition& classes_;
  const ChunkLabels<T>& labels_;
  const ClassStream<T>& stream_;
  std::int64_t most_labels_ = 0;  // of an example of the chunk
  std::int64_t* above_;           // [segments, labels]
};

}  // namespace manyclass
