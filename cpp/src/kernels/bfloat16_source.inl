// The one source of the kernels for bfloat16; see kernel_source.inl and bfloat16_kernels.hpp.
// Whoever includes this has defined MANYCLASS_BFLOAT16_TILE_ROWS (rows of the product's register
// tile), `Rounded` (half a vector of bfloat16), round_vector and add_pair_products.

using PairBits __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::uint32_t;
using LoosePairBits __attribute__((vector_size(MANYCLASS_VECTOR_BYTES), aligned(4), may_alias)) =
    std::uint32_t;
using LooseRounded __attribute__((vector_size(MANYCLASS_VECTOR_BYTES / 2), aligned(4), may_alias)) =
    std::uint16_t;

// A vector of pairs is as long as the vector of their sums.
template <>
struct Operand<Bfloat16Pair> {
  using Sum = float;
  using Line = PairBits;
  static constexpr int tile_rows = MANYCLASS_BFLOAT16_TILE_ROWS;
  static Line load_line(const Bfloat16Pair* p) {
    return *reinterpret_cast<const LoosePairBits*>(p);
  }
  static void add_product(Vector<float>& sum, Bfloat16Pair a, Line b) {
    add_pair_products(sum, a.bits, b);
  }
};

inline void store_pairs(Bfloat16Pair* p, PairBits bits) {
  *reinterpret_cast<LoosePairBits*>(p) = bits;
}

void multiply_pairs(std::int64_t m, std::int64_t n, std::int64_t pairs, const Bfloat16Pair* a,
                    std::int64_t a_row, std::int64_t a_col, const Bfloat16Pair* b,
                    std::int64_t b_row, const float* start, float* c, std::int64_t c_row) {
  product<Bfloat16Pair>(m, n, pairs, a, a_row, a_col, b, b_row,
                        {c, c_row, nullptr, 0, start, false});
}

void multiply_pairs_to_rows(std::int64_t m, std::int64_t n, std::int64_t pairs,
                            const Bfloat16Pair* a, std::int64_t a_row, std::int64_t a_col,
                            const Bfloat16Pair* b, std::int64_t b_row, bool add, float* const* c) {
  product<Bfloat16Pair>(m, n, pairs, a, a_row, a_col, b, b_row, {nullptr, 0, c, 0, nullptr, add});
}

// A float32 that is a bfloat16, for what is less than a vector.
inline float rounded(float x) {
  const Rounded halves = round_vector(Vector<float>{} + x);
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(halves[0]) << 16);
}
inline Vector<float> rounded(Vector<float> x) {
  return (Vector<float>)(__builtin_convertvector(round_vector(x), PairBits) << 16);
}

inline std::uint32_t upper_half(float bfloat16) {
  return __builtin_bit_cast(std::uint32_t, bfloat16) >> 16;
}

void round_row(const float* x, std::int64_t n, Bfloat16Pair* out) {
  constexpr std::int64_t w = width<float>;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) {
    *reinterpret_cast<LooseRounded*>(out + i / 2) = round_vector(load(x + i));
  }
  for (; i < n; i += 2) {
    const std::uint32_t second = i + 1 < n ? upper_half(rounded(x[i + 1])) : 0;
    out[i / 2].bits = upper_half(rounded(x[i])) | second << 16;
  }
}

void widen(const Bfloat16* x, std::int64_t n, float* out) {
  constexpr std::int64_t w = width<float>;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) store(out + i, load(x + i));
  for (; i < n; ++i) out[i] = element_of(x[i]);
}

void round_values(const float* x, std::int64_t n, float* out) {
  constexpr std::int64_t w = width<float>;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) store(out + i, rounded(load(x + i)));
  for (; i < n; ++i) out[i] = rounded(x[i]);
}

// Of one bfloat16 or of a vector of them.
template <class Bits>
inline Bits flushed(Bits bits) {
  return (bits & 0x7f80) == 0 ? bits & 0x8000 : bits;
}

using HalfBits __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::uint16_t;
using LooseHalfBits __attribute__((vector_size(MANYCLASS_VECTOR_BYTES), aligned(2), may_alias)) =
    std::uint16_t;

void flush(const Bfloat16* x, std::int64_t n, Bfloat16* out) {
  constexpr std::int64_t w = width<std::uint16_t>;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) {
    const HalfBits bits = *reinterpret_cast<const LooseHalfBits*>(x + i);
    *reinterpret_cast<LooseHalfBits*>(out + i) = flushed(bits);
  }
  for (; i < n; ++i) out[i].bits = static_cast<std::uint16_t>(flushed<unsigned>(x[i].bits));
  if (n % 2 == 1) out[n].bits = 0;
}

bool any_subnormal(const Bfloat16* rows, std::int64_t m, std::int64_t k, std::int64_t row_stride) {
  constexpr std::int64_t w = width<std::uint16_t>;
  constexpr unsigned first_normal = 0xff;
  // Without the sign, and less 1, so that zeros are the largest.
  HalfBits least = HalfBits{} + std::uint16_t{0xffff};
  unsigned least_of_rest = 0xffff;
  for (std::int64_t r = 0; r < m; ++r) {
    const Bfloat16* row = rows + r * row_stride;
    std::int64_t i = 0;
    for (; i + w <= k; i += w) {
      const HalfBits bits = *reinterpret_cast<const LooseHalfBits*>(row + i);
      const HalfBits size = bits + bits - 1;
      least = size < least ? size : least;
    }
    for (; i < k; ++i) {
      const unsigned size = (2U * row[i].bits - 1U) & 0xffffU;
      least_of_rest = size < least_of_rest ? size : least_of_rest;
    }
  }
  for (std::int64_t i = 0; i < w; ++i) {
    least_of_rest = least[i] < least_of_rest ? least[i] : least_of_rest;
  }
  return least_of_rest < first_normal;
}

template <int... i>
inline void store_in_turns(Bfloat16Pair* out, PairBits even, PairBits odd,
                           std::integer_sequence<int, i...>) {
  constexpr int w = width<float>;
  store_pairs(out, __builtin_shufflevector(even, odd, (i / 2 + i % 2 * w)...));
  store_pairs(out + w, __builtin_shufflevector(even, odd, (w / 2 + i / 2 + i % 2 * w)...));
}

void interleave(const Bfloat16Pair* first, const Bfloat16Pair* second, std::int64_t pairs,
                Bfloat16Pair* out) {
  constexpr std::int64_t w = width<float>;
  std::int64_t p = 0;
  for (; p + w <= pairs; p += w) {
    const PairBits a = Operand<Bfloat16Pair>::load_line(first + p);
    const PairBits b = Operand<Bfloat16Pair>::load_line(second + p);
    store_in_turns(out + 2 * p, (a & 0xffffU) | b << 16, a >> 16 | (b & 0xffff0000U),
                   std::make_integer_sequence<int, w>());
  }
  for (; p < pairs; ++p) {
    out[2 * p].bits = (first[p].bits & 0xffffU) | second[p].bits << 16;
    out[2 * p + 1].bits = first[p].bits >> 16 | (second[p].bits & 0xffff0000U);
  }
}

void round_two_rows(const float* z, std::int64_t lanes, const float* factor, Bfloat16Pair* by_row,
                    std::int64_t by_row_stride, Bfloat16Pair* by_pair, float* sums) {
  Vector<float> first_sum = {};
  Vector<float> second_sum = {};
  for (std::int64_t l = 0; l < lanes; l += width<float>) {
    const Vector<float> factors = load(factor + l);
    const Vector<float> first = load(z + l) * factors;
    const Vector<float> second = load(z + lanes + l) * factors;
    first_sum += first;
    second_sum += second;
    const Rounded first_halves = round_vector(first);
    const Rounded second_halves = round_vector(second);
    *reinterpret_cast<LooseRounded*>(by_row + l / 2) = first_halves;
    *reinterpret_cast<LooseRounded*>(by_row + by_row_stride + l / 2) = second_halves;
    store_pairs(by_pair + l, __builtin_convertvector(first_halves, PairBits) |
                                 __builtin_convertvector(second_halves, PairBits) << 16);
  }
  sums[0] = add_lanes<float>(first_sum);
  sums[1] = add_lanes<float>(second_sum);
}

float dot_rounded(const float* x, const float* y, std::int64_t n) {
  constexpr std::int64_t w = width<float>;
  Vector<float> acc[2] = {};
  std::int64_t i = 0;
  for (; i + 2 * w <= n; i += 2 * w) {
    for (int j = 0; j < 2; ++j)
      acc[j] += rounded(load(x + i + j * w)) * rounded(load(y + i + j * w));
  }
  for (; i + w <= n; i += w) acc[0] += rounded(load(x + i)) * rounded(load(y + i));
  float rest = 0;
  for (; i < n; ++i) rest += rounded(x[i]) * rounded(y[i]);
  return add_lanes<float>(acc[0] + acc[1]) + rest;
}

void axpy_rounded(float alpha, const float* x, float* y, std::int64_t n) {
  constexpr std::int64_t w = width<float>;
  const float factor = rounded(alpha);
  std::int64_t i = 0;
  for (; i + w <= n; i += w) store(y + i, load(y + i) + factor * rounded(load(x + i)));
  for (; i < n; ++i) y[i] += factor * rounded(x[i]);
}

constexpr Bfloat16Table make_bfloat16_table() {
  return {multiply_pairs,
          multiply_pairs_to_rows,
          row_products<Bfloat16>,
          widen,
          round_values,
          flush,
          any_subnormal,
          round_row,
          interleave,
          transpose<Bfloat16Pair>,
          round_two_rows,
          dot_rounded,
          axpy_rounded};
}
