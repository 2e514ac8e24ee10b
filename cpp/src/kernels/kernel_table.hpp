// The inner loops, as functions behind one table per instruction set and element type.
//
// Tiles of logits are transposed: `rows` classes by `lanes` examples, example after example in
// memory, so that a softmax over classes is vertical arithmetic. `lanes` is a multiple of
// `lane_multiple`. Kernels assume their arguments: they check nothing, allocate nothing and throw
// nothing.
#pragma once

#include <cstdint>

namespace manyclass::kernels {

/// Lanes come in multiples of this, whatever the vector length.
inline constexpr std::int64_t lane_multiple = 16;

template <class T>
struct KernelTable {
  /// C[m, n] += A[m, k] B[k, n]. A has both strides free; rows of B and C are contiguous. Each
  /// element's sum over k is cut into fixed stretches, whatever m and n are.
  void (*multiply_add)(std::int64_t m, std::int64_t n, std::int64_t k, const T* a,
                       std::int64_t a_row, std::int64_t a_col, const T* b, std::int64_t b_row, T* c,
                       std::int64_t c_row);

  /// C[m, n] = start[m] + A[m, k] B[k, n]; a null `start` is all 0. As above in all else.
  void (*multiply)(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
                   std::int64_t a_col, const T* b, std::int64_t b_row, const T* start, T* c,
                   std::int64_t c_row);
  /// The same with rows of C anywhere: row i is c[i], to which the product is added if `add`.
  void (*multiply_to_rows)(std::int64_t m, std::int64_t n, std::int64_t k, const T* a,
                           std::int64_t a_row, std::int64_t a_col, const T* b, std::int64_t b_row,
                           bool add, T* const* c);

  /// out[d, l] = in[l, d]; lanes beyond `rows` become 0.
  void (*transpose)(const T* in, std::int64_t rows, std::int64_t cols, std::int64_t in_row, T* out,
                    std::int64_t lanes);

  T (*dot)(const T* x, const T* y, std::int64_t n);
  T (*sum)(const T* x, std::int64_t n);
  /// y = alpha x; y may be x
  void (*scale)(T alpha, const T* x, T* y, std::int64_t n);
  /// y += alpha x
  void (*axpy)(T alpha, const T* x, T* y, std::int64_t n);

  /// most[l] = max(most[l], z[r, l] over r)
  void (*column_max)(const T* z, std::int64_t rows, std::int64_t lanes, T* most);
  /// z[r, l] = exp(z[r, l] - shift[l]); total[l] += their sum. Needs z <= shift but for NaN.
  void (*column_exp)(T* z, std::int64_t rows, std::int64_t lanes, const T* shift, T* total);
  /// The same sums, to the bit; z stays what it is.
  void (*column_sum_exp)(const T* z, std::int64_t rows, std::int64_t lanes, const T* shift,
                         T* total);
  /// total[l] += the sum over r of softplus(z[r, l]) = log(1 + exp(z[r, l])); z becomes sigmoid(z).
  void (*column_logistic)(T* z, std::int64_t rows, std::int64_t lanes, T* total);
  /// z[r, l] *= factor[l]
  void (*column_scale)(T* z, std::int64_t rows, std::int64_t lanes, const T* factor);
  /// y[m] += A[m, k] x[k]; rows of A are contiguous. Each row's sum has one order, whatever m is.
  void (*row_products)(const T* a, std::int64_t m, std::int64_t k, std::int64_t a_row, const T* x,
                       T* y);
  /// above[l] += the number of rows r with z[r, l] > mark[l], or equal to it and r < ties[l]
  void (*column_count_above)(const T* z, std::int64_t rows, std::int64_t lanes, const T* mark,
                             const T* ties, T* above);
};

/// The table chosen for this process.
template <class T>
const KernelTable<T>& table();

}  // namespace manyclass::kernels
