// The products of classes' rows with a chunk of examples: logits, but for biases.
#pragma once

#include <cstdint>
#include <memory>

#include "manyclass/compute_dtype.hpp"
#include "manyclass/views.hpp"
#include "scratch.hpp"

namespace manyclass {

/// What ClassStream multiplies with. How rows are stored and what products are computed in is known
/// behind this; results are of type T. Each product has one order of summation, whatever is
/// computed beside it.
template <class T>
class ClassProducts {
 public:
  static constexpr std::int64_t most_lanes = 256;
  static constexpr std::int64_t block_classes = 128;

  virtual ~ClassProducts() = default;

  /// Takes the inputs of some examples, at most `most_lanes`, and rounds their number up to lanes.
  virtual void load(MatrixView<const T> examples) = 0;
  virtual std::int64_t lanes() const = 0;

  /// logits[r, l] = start[r] + <row at position + r, example l> for `count` rows of one shard, at
  /// most `block_classes`. `thread` is the number of the calling one.
  virtual void multiply_run(std::int64_t position, std::int64_t count, int thread, const T* start,
                            T* logits) const = 0;
  /// Adds to logits[e] the product of example l and the row of class classes[e], for
  /// e + first[0] = first[l] .. first[l + 1] - 1 and every example.
  virtual void add_products_of(const std::int64_t* classes, const std::int64_t* first,
                               T* logits) const = 0;
};

/// Products with `rows`, which must outlive them, as must the scratch. W is T or, where T is float,
/// Bfloat16; only for T float may they be computed in bfloat16.
template <class T, class W>
std::unique_ptr<ClassProducts<T>> make_class_products(const RowsView<const W>& rows,
                                                      ComputeDtype compute_dtype, int num_threads,
                                                      Scratch& scratch);

}  // namespace manyclass
