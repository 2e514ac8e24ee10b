// The exact softmax loss of a chunk of examples, of blocks of logits that arrive one after another.
#pragma once

#include <cstdint>

#include "class_stream.hpp"
#include "logit_mean.hpp"
#include "running_softmax.hpp"

namespace manyclass {

template <class T>
class ExactLoss {
 public:
  ExactLoss(std::int64_t num_classes, double label_smoothing, const ClassStream<T>& stream,
            Scratch& scratch);

  /// For another chunk.
  void reset();
  /// Takes a block in.
  void add(const ClassBlock<T>& block);
  /// All blocks of the chunk that the stream holds.
  void walk(ClassStream<T>& stream);
  /// loss[i] for each of the `size` examples that the labels belong to.
  void write(const ChunkLabels<T>& labels, std::int64_t size, VectorView<T> loss) const;

  const RunningSoftmax<T>& softmax() const { return softmax_; }

 private:
  double smoothing_;
  RunningSoftmax<T> softmax_;
  LogitMean<T> mean_;
};

}  // namespace manyclass
