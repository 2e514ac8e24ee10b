// Walks all classes against a chunk of examples, a block of logits at a time.
#pragma once

#include <cstdint>

#include "manyclass/full_softmax.hpp"
#include "scratch.hpp"

namespace manyclass {

/// One block of logits: `size` classes from `position` on, all in one shard, by `lanes` examples.
template <class T>
struct ClassBlock {
  std::int64_t segment = 0;
  std::int64_t position = 0;
  std::int64_t size = 0;
  std::int64_t lanes = 0;
  MatrixView<const T> rows{};
  T* logits = nullptr;  // [size, lanes]
};

/// Checks that labels lie in [0, num_classes).
template <class T>
void check_labels(const OutputLayer<T>& layer, const Examples<T>& examples);

/// A chunk of examples, transposed, and the classes cut into segments: by shape alone, so that
/// sums over segments do not depend on the number of threads.
template <class T>
class ClassStream {
 public:
  static constexpr std::int64_t most_lanes = 256;
  static constexpr std::int64_t block_classes = 128;

  ClassStream(const OutputLayer<T>& layer, MatrixView<const T> inputs, int num_threads,
              Scratch& scratch);

  /// Moves on to examples [first, first + size); size is at most `most_lanes`.
  void load(std::int64_t first, std::int64_t size);

  std::int64_t size() const { return size_; }    // examples of the chunk
  std::int64_t lanes() const { return lanes_; }  // size() rounded up
  std::int64_t num_segments() const { return num_segments_; }

  /// Calls `visit(ClassBlock)` for every block, segments in parallel, a segment's blocks in order.
  template <class Visit>
  void for_each_block(Visit visit);

  /// logits[l] = the logit of class classes[l] for example l, with the bits that
  /// `for_each_block` gives it.
  void logits_of(const std::int64_t* classes, T* logits);

 private:
  void fill_block(const MatrixView<const T>& rows, std::int64_t position, T* logits) const;

  const OutputLayer<T>& layer_;
  MatrixView<const T> inputs_;
  int num_threads_;
  std::int64_t size_ = 0;
  std::int64_t lanes_ = 0;
  std::int64_t segment_classes_;
  std::int64_t num_segments_;
  T* transposed_;  // [dim, lanes]
  T* logits_;      // [num_threads, block_classes, most lanes]
  T* rows_;        // [lane_multiple, dim], gathered for logits_of
};

/// The logits of label column j for the examples that the stream holds, from `first` on.
template <class T>
void true_logits(ClassStream<T>& stream, const Examples<T>& examples, std::int64_t first,
                 std::int64_t j, T* logits);

}  // namespace manyclass

#include "class_stream.inl"
