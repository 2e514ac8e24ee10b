// How rows and inputs become what a product over all classes multiplies.
//
// A format has: Value, the type of inputs and results; Row, an element of a stored row; Element,
// what the kernel multiplies, `elements(dim)` of them a row; Copy, what is written where rows
// cannot be multiplied as they lie, `copied(dim)` of them a row.
//
// `operands` gives rows as the kernel reads them, those of one shard; `copy_row` one row, for rows
// that are gathered. `load` transposes the inputs of many examples. Up to `few_examples`, if there
// are any, are multiplied row by row, which is as fast as rows can be read, where a tile has at
// least `lane_multiple` lanes: `inputs` prepares them and `rows` some rows for `add_products`,
// which adds the products with input l to out[l * out_row] and on.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/bfloat16_kernels.hpp"
#include "kernels/kernel_table.hpp"
#include "manyclass/views.hpp"
#include "work.hpp"

namespace manyclass {

/// Rows of the type of all else, multiplied where they lie.
template <class T>
struct PlainRows {
  using Value = T;
  using Row = T;
  using Element = T;
  using Copy = T;
  static constexpr std::int64_t few_examples = 4;
  static constexpr bool copies_rows = false;
  static constexpr bool copies_inputs = false;

  static std::int64_t elements(std::int64_t dim) { return dim; }
  static std::int64_t copied(std::int64_t dim) { return dim; }

  static MatrixView<const T> operands(MatrixView<const T> rows, T*) { return rows; }
  static void copy_row(const T* row, std::int64_t dim, T* copy) { std::copy_n(row, dim, copy); }
  static const T* gathered(const T* copy) { return copy; }

  static void load(MatrixView<const T> inputs, std::int64_t lanes, T*, T* transposed) {
    kernels::table<T>().transpose(inputs.data, inputs.rows, inputs.cols, inputs.row_stride,
                                  transposed, lanes);
  }
  static void multiply(MatrixView<const T> rows, std::int64_t lanes, const T* inputs,
                       std::int64_t inputs_row, const T* start, T* out, std::int64_t out_row) {
    kernels::table<T>().multiply(rows.rows, lanes, rows.cols, rows.data, rows.row_stride, 1, inputs,
                                 inputs_row, start, out, out_row);
  }

  static MatrixView<const T> inputs(MatrixView<const T> inputs, T*) { return inputs; }
  static MatrixView<const T> rows(MatrixView<const T> rows, T*) { return rows; }
  static void add_products(MatrixView<const T> rows, MatrixView<const T> inputs, T* out,
                           std::int64_t out_row, T*) {
    for (std::int64_t l = 0; l < inputs.rows; ++l) {
      kernels::table<T>().row_products(rows.data, rows.rows, rows.cols, rows.row_stride,
                                       inputs.row(l), out + l * out_row);
    }
  }
};

/// Rows of bfloat16 as the float32 that they are.
struct WidenedRows : PlainRows<float> {
  using Row = Bfloat16;
  static constexpr bool copies_rows = true;

  static MatrixView<const float> operands(MatrixView<const Bfloat16> rows, float* copy) {
    for (std::int64_t r = 0; r < rows.rows; ++r) {
      copy_row(rows.row(r), rows.cols, copy + r * rows.cols);
    }
    return {copy, rows.rows, rows.cols, rows.cols};
  }
  static void copy_row(const Bfloat16* row, std::int64_t dim, float* copy) {
    kernels::bfloat16_table().widen(row, dim, copy);
  }

  static MatrixView<const Bfloat16> rows(MatrixView<const Bfloat16> rows, float*) { return rows; }
  /// Those of one input read rows where they lie; with several it pays to widen rows once. The sums
  /// have the same order.
  static void add_products(MatrixView<const Bfloat16> rows, MatrixView<const float> inputs,
                           float* out, std::int64_t out_row, float* copy) {
    if (inputs.rows == 1) {
      kernels::bfloat16_table().row_products(rows.data, rows.rows, rows.cols, rows.row_stride,
                                             inputs.row(0), out);
    } else {
      PlainRows<float>::add_products(operands(rows, copy), inputs, out, out_row, copy);
    }
  }
};

/// Rows of float32, rounded to bfloat16 as inputs are.
struct RoundedRows {
  using Value = float;
  using Row = float;
  using Element = kernels::Bfloat16Pair;
  using Copy = Element;
  static constexpr std::int64_t few_examples = 0;
  static constexpr bool copies_rows = true;
  static constexpr bool copies_inputs = true;

  static std::int64_t elements(std::int64_t dim) { return divide_up(dim, 2); }
  static std::int64_t copied(std::int64_t dim) { return elements(dim); }

  static MatrixView<const Element> operands(MatrixView<const float> rows, Element* copy) {
    const std::int64_t pairs = elements(rows.cols);
    for (std::int64_t r = 0; r < rows.rows; ++r) copy_row(rows.row(r), rows.cols, copy + r * pairs);
    return {copy, rows.rows, pairs, pairs};
  }
  static void copy_row(const float* row, std::int64_t dim, Element* copy) {
    kernels::bfloat16_table().round(row, dim, copy);
  }
  static const Element* gathered(const Element* copy) { return copy; }

  static void load(MatrixView<const float> inputs, std::int64_t lanes, Element* rounded,
                   Element* transposed) {
    const std::int64_t pairs = elements(inputs.cols);
    for (std::int64_t l = 0; l < inputs.rows; ++l) {
      kernels::bfloat16_table().round(inputs.row(l), inputs.cols, rounded + l * pairs);
    }
    kernels::bfloat16_table().transpose(rounded, inputs.rows, pairs, pairs, transposed, lanes);
  }
  static void multiply(MatrixView<const Element> rows, std::int64_t lanes, const Element* inputs,
                       std::int64_t inputs_row, const float* start, float* out,
                       std::int64_t out_row) {
    kernels::bfloat16_table().multiply(rows.rows, lanes, rows.cols, rows.data, rows.row_stride, 1,
                                       inputs, inputs_row, start, out, out_row);
  }
};

/// Rows of bfloat16 beside inputs that are rounded to it. Two neighbours in memory are a pair: rows
/// are multiplied where they lie, unless their pairs are cut or have no whole address, or an
/// element is to count as zero.
struct StoredRows : RoundedRows {
  using Row = Bfloat16;
  using Copy = Bfloat16;
  static constexpr std::int64_t few_examples = 2;

  static std::int64_t copied(std::int64_t dim) { return 2 * elements(dim); }

  static MatrixView<const Element> operands(MatrixView<const Bfloat16> stored, Bfloat16* copy) {
    const bool are_pairs = stored.cols % 2 == 0 && stored.row_stride % 2 == 0 &&
                           reinterpret_cast<std::uintptr_t>(stored.data) % sizeof(Element) == 0;
    const auto flushed = are_pairs ? rows(stored, copy) : flush(stored, copy);
    return {gathered(flushed.data), flushed.rows, elements(flushed.cols), flushed.row_stride / 2};
  }
  static void copy_row(const Bfloat16* row, std::int64_t dim, Bfloat16* copy) {
    kernels::bfloat16_table().flush(row, dim, copy);
  }
  static const Element* gathered(const Bfloat16* copy) {
    return reinterpret_cast<const Element*>(copy);
  }

  static MatrixView<const float> inputs(MatrixView<const float> inputs, float* rounded) {
    for (std::int64_t l = 0; l < inputs.rows; ++l) {
      kernels::bfloat16_table().round_values(inputs.row(l), inputs.cols, rounded + l * inputs.cols);
    }
    return {rounded, inputs.rows, inputs.cols, inputs.cols};
  }
  static MatrixView<const Bfloat16> rows(MatrixView<const Bfloat16> rows, Bfloat16* copy) {
    const bool any =
        kernels::bfloat16_table().any_subnormal(rows.data, rows.rows, rows.cols, rows.row_stride);
    return any ? flush(rows, copy) : rows;
  }
  static void add_products(MatrixView<const Bfloat16> rows, MatrixView<const float> inputs,
                           float* out, std::int64_t out_row, Bfloat16*) {
    for (std::int64_t l = 0; l < inputs.rows; ++l) {
      kernels::bfloat16_table().row_products(rows.data, rows.rows, rows.cols, rows.row_stride,
                                             inputs.row(l), out + l * out_row);
    }
  }

 private:
  static MatrixView<const Bfloat16> flush(MatrixView<const Bfloat16> rows, Bfloat16* copy) {
    const std::int64_t stride = copied(rows.cols);
    for (std::int64_t r = 0; r < rows.rows; ++r) {
      copy_row(rows.row(r), rows.cols, copy + r * stride);
    }
    return {copy, rows.rows, rows.cols, stride};
  }
};

}  // namespace manyclass
