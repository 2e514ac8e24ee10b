// What the products of a sampled step multiply, rounded to bfloat16.
#pragma once

#include <cstdint>

#include "kernels/bfloat16_kernels.hpp"
#include "manyclass/views.hpp"
#include "scratch.hpp"

namespace manyclass {

/// As PlainOperands, of float32 inputs and rows of float32 or bfloat16. Each operand is rounded
/// once and lies in pairs along the sums that it takes part in: rows along dim and along
/// candidates, inputs along dim and along examples, derivatives along candidates and along
/// examples. Gradients of biases are sums of derivatives that are not rounded.
template <class W>
class Bfloat16Operands {
 public:
  using Value = float;
  using Stored = W;
  using Pair = kernels::Bfloat16Pair;

  class Rows {
   public:
    Rows(std::int64_t num_sampled, std::int64_t dim, Scratch& scratch);
    void put(std::int64_t k, const W* row) const;
    static constexpr std::int64_t put_together = 2;

   private:
    friend class Bfloat16Operands;
    std::int64_t num_sampled_;
    std::int64_t dim_;
    std::int64_t pairs_;   // of dim
    std::int64_t stride_;  // pairs from row to row
    Pair* by_row_;         // [num_sampled, stride]
    Pair* by_two_;         // [num_sampled / 2, 2 stride], pairs of two rows
    Pair* zeros_;          // [stride], a row below the last one
  };

  struct Workspace {
    Workspace(const Rows& rows, std::int64_t lanes, Scratch& scratch);
    float* sampled;     // [num_sampled, lanes], logits, then derivatives but for the factor
    Pair* inputs;       // [lanes, stride]
    Pair* transposed;   // [pairs of dim, lanes]
    Pair* derivatives;  // [num_sampled / 2, lanes], pairs of two candidates
  };

  static constexpr bool factor_is_left = false;

  static std::int64_t bytes(const Rows& rows, std::int64_t lanes);

  Bfloat16Operands(const Rows& rows, std::int64_t lanes, Scratch& scratch);

  float* take_inputs(MatrixView<const float> inputs, std::int64_t lanes,
                     const Workspace& workspace);
  void multiply_logits(std::int64_t first, std::int64_t last, const float* offsets) const;
  void take_derivatives(const float* factor);
  void multiply_inputs(std::int64_t first, std::int64_t last, MatrixView<float> grad_inputs) const;
  void prefetch_candidates(std::int64_t first, std::int64_t last) const;
  void add_to_candidates(std::int64_t first, std::int64_t last, bool add, float* const* rows,
                         float* biases) const;

  static float dot(const float* input, const W* row, std::int64_t n);
  static void add_row(float alpha, const W* row, float* y, std::int64_t n);
  static void add_input(float alpha, const float* input, float* y, std::int64_t n);

 private:
  const Rows& rows_;
  const Workspace* workspace_ = nullptr;
  std::int64_t size_ = 0;  // examples
  std::int64_t lanes_ = 0;
  Pair* by_candidate_;  // [num_sampled, lanes / 2], derivatives
  Pair* by_two_;        // [lanes / 2, 2 stride], pairs of two examples' inputs
  float* bias_sums_;    // [num_sampled]
};

}  // namespace manyclass
