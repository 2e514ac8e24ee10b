// Walks all classes against a chunk of examples, a block of logits at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "checks.hpp"
#include "class_products.hpp"
#include "label_targets.hpp"
#include "manyclass/full_softmax.hpp"
#include "scratch.hpp"

namespace manyclass {

/// One block of logits: `size` classes from `position` on, all in one shard, by `lanes` examples.
template <class T>
struct ClassBlock {
  std::int64_t segment = 0;
  int thread = 0;  // which walks the segment
  std::int64_t position = 0;
  std::int64_t size = 0;
  std::int64_t lanes = 0;
  T* logits = nullptr;  // [size, lanes]
};

/// A chunk of examples, transposed, and the classes cut into segments: by shape alone, so that
/// sums over segments do not depend on the number of threads.
template <class T>
class ClassStream {
 public:
  static constexpr std::int64_t most_lanes = ClassProducts<T>::most_lanes;
  static constexpr std::int64_t block_classes = ClassProducts<T>::block_classes;

  /// The layer must outlive the stream.
  template <class W>
  ClassStream(const OutputLayer<T, W>& layer, MatrixView<const T> inputs, int num_threads,
              Scratch& scratch, ComputeDtype compute_dtype = ComputeDtype::of_arrays);

  /// Calls `work(first)` with each chunk of the batch loaded.
  template <class Work>
  void for_each_chunk(Work work);

  /// Moves on to examples [first, first + size); size is at most `most_lanes`.
  void load(std::int64_t first, std::int64_t size);

  std::int64_t size() const { return size_; }                // examples of the chunk
  std::int64_t lanes() const { return products_->lanes(); }  // size() rounded up
  std::int64_t num_segments() const { return num_segments_; }
  /// Labels were checked, but another thread may write where they are.
  void check_class(std::int64_t id) const {
    require_class(id, classes_.num_rows(), "a label that changed during the call");
  }
  int num_threads() const { return num_threads_; }  // no more than there are segments at most
  static constexpr std::int64_t most_segments = 32;

  /// From now on only classes at positions [begin, end) are walked; at first it is all of them.
  void select(std::int64_t begin, std::int64_t end);

  /// Calls `visit(ClassBlock)` for every block, segments in parallel, a segment's blocks in order.
  template <class Visit>
  void for_each_block(Visit visit);

  /// The same with logits that `fill_and_visit` fills: the block's memory, not initialised.
  template <class FillAndVisit>
  void for_each_empty_block(FillAndVisit fill_and_visit);

  /// The biases of `count` classes from a position on.
  void read_biases(std::int64_t position, std::int64_t count, T* biases) const;

  /// Logits of classes first[l] .. first[l + 1] - 1 for example l, for every example, with the bits
  /// that `for_each_block` gives them. Both arrays begin with class first[0].
  void logits_of(const std::int64_t* classes, const std::int64_t* first, T* logits) const;

 private:
  void fill_block(std::int64_t position, std::int64_t count, int thread, T* logits) const;

  const Partition& classes_;
  const RowsView<const T>& biases_;
  MatrixView<const T> inputs_;
  int num_threads_;
  std::unique_ptr<ClassProducts<T>> products_;
  std::int64_t size_ = 0;
  std::int64_t begin_ = 0;  // positions that are walked
  std::int64_t end_ = 0;
  std::int64_t segment_classes_ = 0;
  std::int64_t num_segments_ = 0;
  T* logits_;  // [num_threads, block_classes, most lanes]
};

/// The labels of a chunk of examples, numbered as their targets number them. Memory is taken once,
/// for the chunk that has most.
template <class T>
struct ChunkLabels {
  LabelTargets<T> targets;
  std::int64_t* classes;
  T* logits;

  ChunkLabels(std::int64_t most_labels, Scratch& scratch);

  /// Takes those of the examples that the stream holds, the first of which is `first`.
  void load(const ClassStream<T>& stream, const LabelsView& labels, const LabelTargets<T>& of_batch,
            std::int64_t first);
};

}  // namespace manyclass

#include "class_stream.inl"
