// What products of bfloat16 need, as functions behind one table per instruction set.
//
// float32 is rounded to the nearest bfloat16, ties to even; what is below the smallest normal
// number becomes a zero of its sign, since the instructions for bfloat16 take it for one. NaN stays
// NaN, and what is beyond the largest bfloat16 becomes infinite. Products and sums are float32's.
#pragma once

#include <cstdint>

#include "manyclass/bfloat16.hpp"

namespace manyclass::kernels {

/// Two bfloat16 that a product adds up together: element 2 p of a sum is the lower half.
struct Bfloat16Pair {
  std::uint32_t bits;
};

struct Bfloat16Table {
  /// C[m, n] = start[m] + A[m, k] B[k, n] for k = 2 * `pairs`; a null `start` is all 0. The pair p
  /// of A's row i is a[i a_row + p a_col], that of B's column j is b[p b_row + j]. Each element's
  /// sum is cut into fixed stretches, whatever m and n are.
  void (*multiply)(std::int64_t m, std::int64_t n, std::int64_t pairs, const Bfloat16Pair* a,
                   std::int64_t a_row, std::int64_t a_col, const Bfloat16Pair* b,
                   std::int64_t b_row, const float* start, float* c, std::int64_t c_row);
  /// The same with rows of C anywhere: row i is c[i], to which the product is added if `add`.
  void (*multiply_to_rows)(std::int64_t m, std::int64_t n, std::int64_t pairs,
                           const Bfloat16Pair* a, std::int64_t a_row, std::int64_t a_col,
                           const Bfloat16Pair* b, std::int64_t b_row, bool add, float* const* c);

  /// y[m] += A[m, k] x[k], the elements of A as the float32 that they are; rows of A are
  /// contiguous. Each row's sum has one order, whatever m is.
  void (*row_products)(const Bfloat16* a, std::int64_t m, std::int64_t k, std::int64_t a_row,
                       const float* x, float* y);

  /// out[i] = x[i], as float32.
  void (*widen)(const Bfloat16* x, std::int64_t n, float* out);
  /// out[i] = x[i], rounded, as float32.
  void (*round_values)(const float* x, std::int64_t n, float* out);
  /// out[i] = x[i], or a zero of its sign if it is below the smallest normal number; after an odd n
  /// comes 0.
  void (*flush)(const Bfloat16* x, std::int64_t n, Bfloat16* out);
  /// Whether one of rows [m, k] is not 0, but below the smallest normal number.
  bool (*any_subnormal)(const Bfloat16* rows, std::int64_t m, std::int64_t k,
                        std::int64_t row_stride);

  /// out[p] = (x[2 p], x[2 p + 1]), rounded; after an odd n comes 0.
  void (*round)(const float* x, std::int64_t n, Bfloat16Pair* out);
  /// The pairs of two rows, one below the other: out[j] = (element j of first, element j of second)
  /// for 2 * `pairs` elements.
  void (*interleave)(const Bfloat16Pair* first, const Bfloat16Pair* second, std::int64_t pairs,
                     Bfloat16Pair* out);
  /// out[p, l] = in[l, p]; lanes beyond `rows` become 0.
  void (*transpose)(const Bfloat16Pair* in, std::int64_t rows, std::int64_t pairs,
                    std::int64_t in_row, Bfloat16Pair* out, std::int64_t lanes);
  /// z[r, l] * factor[l] for two rows r, rounded: `by_row` gets each row's pairs of lanes,
  /// `by_pair` the pairs of the two rows in each lane. sums[r] = the sum over lanes before
  /// rounding.
  void (*round_two_rows)(const float* z, std::int64_t lanes, const float* factor,
                         Bfloat16Pair* by_row, std::int64_t by_row_stride, Bfloat16Pair* by_pair,
                         float* sums);

  /// The sum of x[i] * y[i], both rounded.
  float (*dot)(const float* x, const float* y, std::int64_t n);
  /// y[i] += alpha * x[i], alpha and x rounded.
  void (*axpy)(float alpha, const float* x, float* y, std::int64_t n);
};

/// The table chosen for this process.
const Bfloat16Table& bfloat16_table();

}  // namespace manyclass::kernels
