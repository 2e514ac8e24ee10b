// The gradient of the exact softmax loss, accumulated chunk by chunk of the batch.
#pragma once

#include <cstdint>

#include "class_stream.hpp"
#include "entry_groups.hpp"
#include "manyclass/full_softmax.hpp"
#include "running_softmax.hpp"

namespace manyclass {

/// Refuses gradients whose shapes are not those of the layer and the inputs.
template <class T>
void check_gradients(const OutputLayer<T>& layer, const Examples<T>& examples,
                     const DenseGradients<T>& gradients);

template <class T>
class FullGradient {
 public:
  FullGradient(const OutputLayer<T>& layer, const Examples<T>& examples,
               const LabelTargets<T>& targets, VectorView<const T> grad_loss,
               const DenseGradients<T>& gradients, int num_threads, ClassStream<T>& stream,
               Scratch& scratch);

  /// Sets the gradients of weights and biases to zero.
  void clear() const;

  /// Adds the gradients of the examples that the stream holds, from `first` on, whose softmax is
  /// known: the classes are walked a second time.
  void add_chunk(std::int64_t first, const RunningSoftmax<T>& softmax);

 private:
  void add_block(std::int64_t first, const ClassBlock<T>& block, const EntryGroups& labels);
  void logits_to_gradients(std::int64_t first, const ClassBlock<T>& block,
                           const EntryGroups& labels) const;
  EntryGroups group_labels(std::int64_t first, Scratch& scratch) const;

  const OutputLayer<T>& layer_;
  const Examples<T>& examples_;
  const LabelTargets<T>& targets_;
  VectorView<const T> grad_loss_;
  const DenseGradients<T>& gradients_;
  int num_threads_;
  ClassStream<T>& stream_;
  T* top_;     // [most lanes], the largest logit
  T* factor_;  // [most lanes], grad_loss * all targets / sum of exponentials
  T* grad_;    // [most lanes], grad_loss
  T* spread_;  // [most lanes], grad_loss * the target of every class
  T* inputs_;  // [segments, most lanes, dim], each segment's share of the inputs' gradient
};

}  // namespace manyclass
