// The kernels in plain Eigen: what every other target is tested against. Compiled once, for the
// baseline, like the rest of the library, so Eigen's inline functions exist in one version.

// Eigen's vectors and scalars round differently, and which it takes depends on alignment.
#define EIGEN_DONT_VECTORIZE
#include <Eigen/Core>
#include <algorithm>
#include <cmath>

#include "manyclass/random.hpp"
#include "targets.hpp"

namespace manyclass::kernels {

namespace {

using Eigen::Dynamic;
using Stride = Eigen::Stride<Dynamic, Dynamic>;

template <class T>
using RowMajor = Eigen::Array<T, Dynamic, Dynamic, Eigen::RowMajor>;
template <class T>
using ConstTable = Eigen::Map<const RowMajor<T>, 0, Stride>;
template <class T>
using Table = Eigen::Map<RowMajor<T>, 0, Stride>;
template <class T>
using ConstLine = Eigen::Map<const Eigen::Array<T, 1, Dynamic>>;
template <class T>
using Line = Eigen::Map<Eigen::Array<T, 1, Dynamic>>;

template <class T>
ConstTable<T> view(const T* data, std::int64_t rows, std::int64_t cols, std::int64_t row_stride) {
  return ConstTable<T>(data, rows, cols, Stride(row_stride, 1));
}
template <class T>
Table<T> view(T* data, std::int64_t rows, std::int64_t cols, std::int64_t row_stride) {
  return Table<T>(data, rows, cols, Stride(row_stride, 1));
}

template <class T>
void multiply_add(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
                  std::int64_t a_col, const T* b, std::int64_t b_row, T* c, std::int64_t c_row) {
  // One product of a column and a row at a time: every element's sum has the same order,
  // whatever the shape, which Eigen's own matrix product does not promise.
  constexpr std::int64_t stretch = 128;
  Eigen::Matrix<T, Dynamic, Dynamic, Eigen::RowMajor> part(m, n);
  for (std::int64_t first = 0; first < k; first += stretch) {
    part.setZero();
    for (std::int64_t p = first; p < std::min(first + stretch, k); ++p) {
      part += view(a + p * a_col, m, 1, a_row).matrix() * view(b + p * b_row, 1, n, b_row).matrix();
    }
    view(c, m, n, c_row).matrix() += part;
  }
}

template <class T>
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
              std::int64_t a_col, const T* b, std::int64_t b_row, const T* start, T* c,
              std::int64_t c_row) {
  for (std::int64_t i = 0; i < m; ++i) {
    Line<T>(c + i * c_row, n).setConstant(start == nullptr ? T{0} : start[i]);
  }
  multiply_add(m, n, k, a, a_row, a_col, b, b_row, c, c_row);
}

template <class T>
void multiply_to_rows(std::int64_t m, std::int64_t n, std::int64_t k, const T* a,
                      std::int64_t a_row, std::int64_t a_col, const T* b, std::int64_t b_row,
                      bool add, T* const* c) {
  for (std::int64_t i = 0; i < m; ++i) {
    if (!add) Line<T>(c[i], n).setZero();
    multiply_add(1, n, k, a + i * a_row, a_row, a_col, b, b_row, c[i], n);
  }
}

template <class T>
void transpose(const T* in, std::int64_t rows, std::int64_t cols, std::int64_t in_row, T* out,
               std::int64_t lanes) {
  auto result = view(out, cols, lanes, lanes);
  result.leftCols(rows) = view(in, rows, cols, in_row).transpose();
  result.rightCols(lanes - rows).setZero();
}

template <class T>
T dot(const T* x, const T* y, std::int64_t n) {
  return (ConstLine<T>(x, n) * ConstLine<T>(y, n)).sum();
}

template <class T>
T sum(const T* x, std::int64_t n) {
  return ConstLine<T>(x, n).sum();
}

template <class T>
void scale(T alpha, const T* x, T* y, std::int64_t n) {
  Line<T>(y, n) = alpha * ConstLine<T>(x, n);
}

template <class T>
void axpy(T alpha, const T* x, T* y, std::int64_t n) {
  Line<T>(y, n) += alpha * ConstLine<T>(x, n);
}

template <class T>
void column_max(const T* z, std::int64_t rows, std::int64_t lanes, T* most) {
  for (std::int64_t r = 0; r < rows; ++r) {
    Line<T>(most, lanes) = Line<T>(most, lanes).max(ConstLine<T>(z + r * lanes, lanes));
  }
}

template <class T>
void column_exp(T* z, std::int64_t rows, std::int64_t lanes, const T* shift, T* total) {
  auto table = view(z, rows, lanes, lanes);
  table = (table.rowwise() - ConstLine<T>(shift, lanes)).exp();
  Line<T>(total, lanes) += table.colwise().sum();
}

template <class T>
void column_sum_exp(const T* z, std::int64_t rows, std::int64_t lanes, const T* shift, T* total) {
  RowMajor<T> table = view(z, rows, lanes, lanes);
  column_exp(table.data(), rows, lanes, shift, total);
}

template <class T>
void column_logistic(T* z, std::int64_t rows, std::int64_t lanes, T* total) {
  auto table = view(z, rows, lanes, lanes);
  const RowMajor<T> tail = (-table.abs()).exp();
  Line<T>(total, lanes) += (table.max(T{0}) + tail.log1p()).colwise().sum();
  table = (table < T{0}).select(tail, T{1}) / (T{1} + tail);
}

template <class T>
void column_scale(T* z, std::int64_t rows, std::int64_t lanes, const T* factor) {
  view(z, rows, lanes, lanes).rowwise() *= ConstLine<T>(factor, lanes);
}

template <class T>
void row_products(const T* a, std::int64_t m, std::int64_t k, std::int64_t a_row, const T* x,
                  T* y) {
  for (std::int64_t r = 0; r < m; ++r) y[r] += dot(a + r * a_row, x, k);
}

template <class T>
void column_count_above(const T* z, std::int64_t rows, std::int64_t lanes, const T* mark,
                        const T* ties, T* above) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t l = 0; l < lanes; ++l) {
      const T value = z[r * lanes + l];
      const bool tie = value == mark[l] && static_cast<T>(r) < ties[l];
      above[l] += static_cast<T>(value > mark[l] || tie);
    }
  }
}

template <class T>
constexpr KernelTable<T> make_table() {
  return {multiply_add<T>,
          multiply<T>,
          multiply_to_rows<T>,
          transpose<T>,
          dot<T>,
          sum<T>,
          scale<T>,
          axpy<T>,
          column_max<T>,
          column_exp<T>,
          column_sum_exp<T>,
          column_logistic<T>,
          column_scale<T>,
          row_products<T>,
          column_count_above<T>};
}

void philox(std::uint64_t key, std::uint64_t counter, std::uint64_t counter_high,
            std::int64_t count, std::uint64_t* first, std::uint64_t* second) {
  const auto low = [](std::uint64_t word) { return static_cast<std::uint32_t>(word); };
  for (std::int64_t i = 0; i < count; ++i, ++counter) {
    const auto words = philox4x32_10(
        {low(counter), low(counter >> 32), low(counter_high), low(counter_high >> 32)},
        {low(key), low(key >> 32)});
    first[i] = words[0] | std::uint64_t{words[1]} << 32;
    second[i] = words[2] | std::uint64_t{words[3]} << 32;
  }
}

void exp_of_words(const std::uint64_t* words, std::int64_t count, double scale, double* values) {
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint64_t bits = (words[i] & 0xfffffU) << 32 | words[i] >> 32;
    values[i] = std::exp(static_cast<double>(bits) * 0x1p-52 * scale);
  }
}

void log_uniform_probability(const std::int64_t* ids, std::int64_t count, double scale, float* p) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto c = static_cast<double>(ids[i]);
    p[i] = static_cast<float>(std::log((c + 2.0) / (c + 1.0)) / scale);
  }
}

void count_of_repeated(const float* p, std::int64_t count, float num_draws, float* counts) {
  for (std::int64_t i = 0; i < count; ++i) {
    const auto log = static_cast<float>(std::log1p(-double{p[i]}));
    counts[i] = static_cast<float>(-std::expm1(double{num_draws * log}));
  }
}

void log(double* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] = std::log(x[i]);
}

void log1p(double* x, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) x[i] = std::log1p(x[i]);
}

}  // namespace

const KernelTable<float> reference_float = make_table<float>();
const KernelTable<double> reference_double = make_table<double>();
const RandomTable reference_random = {
    philox, exp_of_words, log_uniform_probability, count_of_repeated, log, log1p};

}  // namespace manyclass::kernels
