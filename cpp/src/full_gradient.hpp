// The gradient of the exact softmax loss, accumulated chunk by chunk of the batch.
#pragma once

#include <cstdint>

#include "class_stream.hpp"
#include "entry_groups.hpp"
#include "manyclass/full_softmax.hpp"
#include "running_softmax.hpp"

namespace manyclass {

/// Where the gradients of the classes at positions from `begin` on go.
template <class T>
struct RowGradients {
  std::int64_t begin;
  const RowsView<T>& weights;  // begins with the row of this position
  const RowsView<T>& biases;   // so too, unless it is cut by `classes`
  /// The layer's weights if `biases` has a row for every class: their shards may be other ones.
  const RowsView<const T>* classes = nullptr;

  T& bias(std::int64_t position) const {
    return classes == nullptr ? *biases.row_at(position - begin)
                              : *biases.row(classes->class_at(position));
  }
};

template <class T>
class FullGradient {
 public:
  FullGradient(const OutputLayer<T>& layer, const Examples<T>& examples,
               const LabelTargets<T>& targets, VectorView<const T> grad_loss,
               ClassStream<T>& stream, Scratch& scratch);

  /// Of the examples that the stream holds, the first of which is `first`: over all classes.
  void take_softmax(std::int64_t first, const RunningSoftmax<T>& softmax);

  /// The share of these examples, whose softmax was taken, in the gradients of the classes that the
  /// stream has selected. Chunks come in their order: the first writes the gradients of rows, the
  /// others add to them. All add to `grad_inputs`.
  void add_chunk(std::int64_t first, const RowGradients<T>& gradients, MatrixView<T> grad_inputs);

 private:
  void add_block(std::int64_t first, const ClassBlock<T>& block, const EntryGroups& labels,
                 const RowGradients<T>& gradients);
  void logits_to_gradients(std::int64_t first, const ClassBlock<T>& block,
                           const EntryGroups& labels) const;
  EntryGroups group_labels(std::int64_t first, Scratch& scratch) const;

  const OutputLayer<T>& layer_;
  const Examples<T>& examples_;
  const LabelTargets<T>& targets_;
  VectorView<const T> grad_loss_;
  ClassStream<T>& stream_;
  // Of each example:
  T* top_;     // the largest logit
  T* factor_;  // grad_loss * all targets / sum of exponentials
  T* grad_;    // grad_loss
  T* spread_;  // grad_loss * the target of every class
  T* inputs_;  // [segments, most lanes, dim], each segment's share of the inputs' gradient
};

}  // namespace manyclass
