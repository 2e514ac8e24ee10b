// What the products of a sampled step multiply: numbers of the type of inputs.
#pragma once

#include <cstdint>

#include "logits_tile.hpp"
#include "manyclass/views.hpp"
#include "scratch.hpp"

namespace manyclass {

/// The candidates' rows of a step, and for one block of examples its inputs and derivatives, each
/// in the order in which products read it; `step_block.hpp` says when. Bfloat16Operands has the
/// same functions.
template <class T, class W = T>
class PlainOperands {
 public:
  using Value = T;
  using Stored = W;  // the element of a row of weights

  /// Candidates' rows, gathered once and read by all blocks.
  class Rows {
   public:
    Rows(std::int64_t num_sampled, std::int64_t dim, Scratch& scratch);
    /// Row k. Rows of several threads must not be among the same `put_together`.
    void put(std::int64_t k, const W* row) const;
    static constexpr std::int64_t put_together = 1;

   private:
    friend class PlainOperands;
    std::int64_t num_sampled_;
    std::int64_t dim_;
    std::int64_t stride_;
    T* rows_;  // [num_sampled, stride]
  };

  /// What a block needs from its logits to its share of grad_inputs, and no longer: nothing.
  struct Workspace {
    Workspace(const Rows&, std::int64_t, Scratch&) {}
  };

  /// Whether derivatives are still to be multiplied by their lane's factor in a block's share of
  /// grad_inputs.
  static constexpr bool factor_is_left = true;

  static std::int64_t bytes(const Rows& rows, std::int64_t lanes);

  PlainOperands(const Rows& rows, std::int64_t lanes, Scratch& scratch);

  /// Takes the inputs of a block of examples; returns where the candidates' logits will stand.
  T* take_inputs(MatrixView<const T> inputs, std::int64_t lanes, const Workspace& workspace);
  /// Logits of the candidates [first, last), added to offsets.
  void multiply_logits(std::int64_t first, std::int64_t last, const T* offsets) const;
  /// Of the loss by each candidate's logit: what stands in the place of logits times factor[l].
  void take_derivatives(const T* factor);
  /// Columns [first, last) of the candidates' share of grad_inputs.
  void multiply_inputs(std::int64_t first, std::int64_t last, MatrixView<T> grad_inputs) const;
  void prefetch_candidates(std::int64_t first, std::int64_t last) const;
  /// The gradients of the candidates [first, last): rows become the block's share or, if `add`,
  /// grow by it; biases grow by it.
  void add_to_candidates(std::int64_t first, std::int64_t last, bool add, T* const* rows,
                         T* biases) const;

  static T dot(const T* input, const W* row, std::int64_t n);
  /// y += alpha row, y += alpha input.
  static void add_row(T alpha, const W* row, T* y, std::int64_t n);
  static void add_input(T alpha, const T* input, T* y, std::int64_t n);

 private:
  const Rows& rows_;
  MatrixView<const T> examples_;
  std::int64_t lanes_ = 0;
  const T* factor_ = nullptr;  // [lanes]
  T* sampled_;                 // [num_sampled, lanes], logits, then derivatives but for the factor
  T* inputs_;                  // [dim, lanes], transposed
  T* scaled_;                  // [lanes, stride], inputs times factor
};

}  // namespace manyclass
