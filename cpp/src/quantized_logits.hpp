// Approximate logits: products of int8 rows with examples in int16.
#pragma once

#include <cstdint>

#include "manyclass/quantized_rows.hpp"
#include "scratch.hpp"

namespace manyclass {

/// Some examples in int16, each with a scale, and what multiplies blocks of rows with them.
class QuantizedLogits {
 public:
  QuantizedLogits(const QuantizedRows& rows, std::int64_t most_examples, int num_threads,
                  Scratch& scratch);

  /// Takes other examples, at most `most_examples`.
  void load(MatrixView<const float> examples);

  std::int64_t lanes() const { return lanes_; }  // the number of examples rounded up

  /// logits[r, l] = biases[r] + about <row r, example l>, for `count` rows from `position` on.
  /// `thread` chooses scratch memory.
  void fill(std::int64_t position, std::int64_t count, const float* biases, int thread,
            float* logits) const;

 private:
  void load_strips(MatrixView<const float> examples);

  const QuantizedRows& rows_;
  std::int64_t stride_;      // of rows_
  float most_;               // what the largest element of an example becomes
  std::int64_t panel_rows_;  // that are widened at once
  std::int64_t size_ = 0;
  std::int64_t lanes_ = 0;
  float* scales_;         // [lanes]
  std::int16_t* inputs_;  // one after another, where they are few
  std::int16_t* strips_;  // as kernels::QuantizedTable has them
  std::int16_t* panels_;  // [threads, panel_rows, stride]
};

}  // namespace manyclass
