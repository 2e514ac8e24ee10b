// The kernels for bfloat16 in plain loops: what every other target is tested against.
#include <algorithm>
#include <bit>

#include "targets.hpp"

namespace manyclass::kernels {

namespace {

std::uint32_t round_to_bits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (x != x) return bits >> 16 | 0x40U;
  if ((bits & 0x7f800000U) == 0) return (bits & 0x80000000U) >> 16;
  return (bits + 0x7fffU + (bits >> 16 & 1U)) >> 16;
}
float from_bits(std::uint32_t bits) { return std::bit_cast<float>(bits << 16); }
float rounded(float x) { return from_bits(round_to_bits(x)); }

Bfloat16Pair pair_of(std::uint32_t low, std::uint32_t high) { return {low | high << 16}; }
std::uint32_t low_half(Bfloat16Pair pair) { return pair.bits & 0xffffU; }
std::uint32_t high_half(Bfloat16Pair pair) { return pair.bits >> 16; }

// A row of C: the pairs of a row of A by B.
void add_row(std::int64_t n, std::int64_t pairs, const Bfloat16Pair* a, std::int64_t a_col,
             const Bfloat16Pair* b, std::int64_t b_row, float* c) {
  constexpr std::int64_t stretch = 128;
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t first = 0; first < pairs; first += stretch) {
      float part = 0;
      for (std::int64_t p = first; p < std::min(first + stretch, pairs); ++p) {
        const Bfloat16Pair x = a[p * a_col];
        const Bfloat16Pair y = b[p * b_row + j];
        part += from_bits(low_half(x)) * from_bits(low_half(y));
        part += from_bits(high_half(x)) * from_bits(high_half(y));
      }
      c[j] += part;
    }
  }
}

void multiply(std::int64_t m, std::int64_t n, std::int64_t pairs, const Bfloat16Pair* a,
              std::int64_t a_row, std::int64_t a_col, const Bfloat16Pair* b, std::int64_t b_row,
              const float* start, float* c, std::int64_t c_row) {
  for (std::int64_t i = 0; i < m; ++i) {
    std::fill_n(c + i * c_row, n, start == nullptr ? 0.0F : start[i]);
    add_row(n, pairs, a + i * a_row, a_col, b, b_row, c + i * c_row);
  }
}

void multiply_to_rows(std::int64_t m, std::int64_t n, std::int64_t pairs, const Bfloat16Pair* a,
                      std::int64_t a_row, std::int64_t a_col, const Bfloat16Pair* b,
                      std::int64_t b_row, bool add, float* const* c) {
  for (std::int64_t i = 0; i < m; ++i) {
    if (!add) std::fill_n(c[i], n, 0.0F);
    add_row(n, pairs, a + i * a_row, a_col, b, b_row, c[i]);
  }
}

void row_products(const Bfloat16* a, std::int64_t m, std::int64_t k, std::int64_t a_row,
                  const float* x, float* y) {
  for (std::int64_t r = 0; r < m; ++r) {
    float sum = 0;
    for (std::int64_t i = 0; i < k; ++i) sum += from_bits(a[r * a_row + i].bits) * x[i];
    y[r] += sum;
  }
}

void widen(const Bfloat16* x, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = from_bits(x[i].bits);
}

void round_values(const float* x, std::int64_t n, float* out) {
  for (std::int64_t i = 0; i < n; ++i) out[i] = rounded(x[i]);
}

bool is_subnormal(Bfloat16 x) { return (x.bits & 0x7f80) == 0 && (x.bits & 0x7f) != 0; }

void flush(const Bfloat16* x, std::int64_t n, Bfloat16* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    out[i].bits = is_subnormal(x[i]) ? x[i].bits & 0x8000 : x[i].bits;
  }
  if (n % 2 == 1) out[n].bits = 0;
}

bool any_subnormal(const Bfloat16* rows, std::int64_t m, std::int64_t k, std::int64_t row_stride) {
  for (std::int64_t r = 0; r < m; ++r) {
    if (std::any_of(rows + r * row_stride, rows + r * row_stride + k, is_subnormal)) return true;
  }
  return false;
}

void round(const float* x, std::int64_t n, Bfloat16Pair* out) {
  for (std::int64_t i = 0; i < n; i += 2) {
    out[i / 2] = pair_of(round_to_bits(x[i]), i + 1 < n ? round_to_bits(x[i + 1]) : 0);
  }
}

void interleave(const Bfloat16Pair* first, const Bfloat16Pair* second, std::int64_t pairs,
                Bfloat16Pair* out) {
  for (std::int64_t p = 0; p < pairs; ++p) {
    out[2 * p] = pair_of(low_half(first[p]), low_half(second[p]));
    out[2 * p + 1] = pair_of(high_half(first[p]), high_half(second[p]));
  }
}

void transpose(const Bfloat16Pair* in, std::int64_t rows, std::int64_t pairs, std::int64_t in_row,
               Bfloat16Pair* out, std::int64_t lanes) {
  for (std::int64_t p = 0; p < pairs; ++p) {
    for (std::int64_t l = 0; l < lanes; ++l) {
      out[p * lanes + l] = l < rows ? in[l * in_row + p] : Bfloat16Pair{0};
    }
  }
}

void round_two_rows(const float* z, std::int64_t lanes, const float* factor, Bfloat16Pair* by_row,
                    std::int64_t by_row_stride, Bfloat16Pair* by_pair, float* sums) {
  for (std::int64_t r = 0; r < 2; ++r) {
    sums[r] = 0;
    for (std::int64_t l = 0; l < lanes; ++l) sums[r] += z[r * lanes + l] * factor[l];
  }
  for (std::int64_t l = 0; l < lanes; l += 2) {
    const std::uint32_t first[] = {round_to_bits(z[l] * factor[l]),
                                   round_to_bits(z[l + 1] * factor[l + 1])};
    const std::uint32_t second[] = {round_to_bits(z[lanes + l] * factor[l]),
                                    round_to_bits(z[lanes + l + 1] * factor[l + 1])};
    by_row[l / 2] = pair_of(first[0], first[1]);
    by_row[by_row_stride + l / 2] = pair_of(second[0], second[1]);
    by_pair[l] = pair_of(first[0], second[0]);
    by_pair[l + 1] = pair_of(first[1], second[1]);
  }
}

float dot(const float* x, const float* y, std::int64_t n) {
  float sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += rounded(x[i]) * rounded(y[i]);
  return sum;
}

void axpy(float alpha, const float* x, float* y, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) y[i] += rounded(alpha) * rounded(x[i]);
}

}  // namespace

const Bfloat16Table reference_bfloat16 = {
    multiply, multiply_to_rows, row_products, widen,          round_values, flush, any_subnormal,
    round,    interleave,       transpose,    round_two_rows, dot,          axpy};

}  // namespace manyclass::kernels
