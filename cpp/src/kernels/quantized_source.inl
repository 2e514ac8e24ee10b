// The one source of the kernels over int8 rows; see kernel_source.inl. Little-endian: the lower
// half of an int32 is the first of a pair.

template <>
struct VectorOf<std::int32_t> {
  using Vector __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::int32_t;
  using Loose __attribute__((vector_size(MANYCLASS_VECTOR_BYTES), aligned(4), may_alias)) =
      std::int32_t;
  using Bits = Vector;
};
using Ints = Vector<std::int32_t>;
using Shorts __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::int16_t;
using LooseShorts __attribute__((vector_size(MANYCLASS_VECTOR_BYTES), aligned(2), may_alias)) =
    std::int16_t;
using LooseBytes __attribute__((vector_size(MANYCLASS_VECTOR_BYTES / 2), aligned(1), may_alias)) =
    std::int8_t;

inline constexpr std::int64_t ints = MANYCLASS_VECTOR_BYTES / 4;

inline Shorts load_shorts(const std::int16_t* p) {
  return *reinterpret_cast<const LooseShorts*>(p);
}

// Eight bits widened to sixteen, and a[2 i] b[2 i] + a[2 i + 1] b[2 i + 1]. For neither do
// compilers agree on a built-in that becomes one instruction.
#if defined(__x86_64__) && MANYCLASS_VECTOR_BYTES == 64
inline Shorts load_bytes(const std::int8_t* p) {
  return (Shorts)_mm512_cvtepi8_epi16((__m256i) * reinterpret_cast<const LooseBytes*>(p));
}
inline Ints products_of_pairs(Shorts a, Shorts b) {
  return (Ints)_mm512_madd_epi16((__m512i)a, (__m512i)b);
}
#elif defined(__x86_64__) && MANYCLASS_VECTOR_BYTES == 32
inline Shorts load_bytes(const std::int8_t* p) {
  return (Shorts)_mm256_cvtepi8_epi16((__m128i) * reinterpret_cast<const LooseBytes*>(p));
}
inline Ints products_of_pairs(Shorts a, Shorts b) {
  return (Ints)_mm256_madd_epi16((__m256i)a, (__m256i)b);
}
#elif defined(__x86_64__)
inline Shorts load_bytes(const std::int8_t* p) {
  return (Shorts)_mm_cvtepi8_epi16(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p)));
}
inline Ints products_of_pairs(Shorts a, Shorts b) {
  return (Ints)_mm_madd_epi16((__m128i)a, (__m128i)b);
}
#else
inline Shorts load_bytes(const std::int8_t* p) {
  return __builtin_convertvector(*reinterpret_cast<const LooseBytes*>(p), Shorts);
}
inline Ints products_of_pairs(Shorts a, Shorts b) {
  const Ints x = (Ints)a;
  const Ints y = (Ints)b;
  return ((x << 16) >> 16) * ((y << 16) >> 16) + (x >> 16) * (y >> 16);
}
#endif

// ---- from float -----------------------------------------------------------------------------

// The bits of the largest |x|: as integers, those of NaN are above infinity's, which are above all
// numbers'.
inline std::int32_t largest_bits(const float* x, std::int64_t n) {
  constexpr std::int32_t no_sign = 0x7fffffff;
  Ints most = {};
  std::int64_t i = 0;
  for (; i + ints <= n; i += ints) {
    const Ints bits = (Ints)load(x + i) & no_sign;
    most = bits > most ? bits : most;
  }
  std::int32_t largest = 0;
  for (; i < n; ++i) {
    const std::int32_t bits = __builtin_bit_cast(std::int32_t, x[i]) & no_sign;
    largest = bits > largest ? bits : largest;
  }
  for (std::int64_t j = 0; j < ints; ++j) largest = most[j] > largest ? most[j] : largest;
  return largest;
}

// Adding 1.5 * 2^23 rounds to an integer, ties to even, which the low bits then are.
template <class Q>
inline float quantize(const float* x, std::int64_t n, float most, Q* q) {
  constexpr std::int32_t infinity = 0x7f800000;
  constexpr float smallest_normal = 0x1p-126F;
  const std::int32_t largest = largest_bits(x, n);
  const bool finite = largest < infinity;
  const float scale = __builtin_bit_cast(float, largest) / most;
  if (!finite || scale < smallest_normal) {
    for (std::int64_t i = 0; i < n; ++i) q[i] = 0;
    return finite ? 0.0F : __builtin_nanf("");
  }
  for (std::int64_t i = 0; i < n; ++i) {
    const float shifted = x[i] / scale + ExpConstants<float>::round;
    q[i] = static_cast<Q>(__builtin_bit_cast(std::int32_t, shifted));
  }
  return scale;
}

inline float quantize_row(const float* x, std::int64_t n, std::int8_t* q) {
  return quantize(x, n, 127.0F, q);
}
inline float quantize_input(const float* x, std::int64_t n, float most, std::int16_t* q) {
  return quantize(x, n, most, q);
}

inline void widen(const std::int8_t* x, std::int64_t n, std::int16_t* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = x[i];
}

// ---- products -------------------------------------------------------------------------------

inline Vector<float> scaled(Ints sums, Vector<float> scales, Vector<float> start) {
  return __builtin_convertvector(sums, Vector<float>) * scales + start;
}

// Rows that are multiplied at once: as many as a vector has sums.
template <int m>
inline void quantized_rows_tile(const std::int8_t* rows, std::int64_t k, const float* scales,
                                const std::int16_t* x, float x_scale, const float* start, float* z,
                                std::int64_t z_row) {
  Ints sums[ints];
  for (int i = 0; i < ints; ++i) sums[i] = Ints{};
  for (std::int64_t p = 0; p < k; p += 2 * ints) {
    const Shorts part = load_shorts(x + p);
    for (int i = 0; i < m; ++i) sums[i] += products_of_pairs(load_bytes(rows + i * k + p), part);
  }
  add_lanes_of_each<std::int32_t>(sums);
  const Vector<float> factors = m == ints ? load(scales) : load_part(scales, m);
  const Vector<float> before = m == ints ? load(start) : load_part(start, m);
  const Vector<float> result = scaled(sums[0], factors * x_scale, before);
  for (int i = 0; i < m; ++i) z[i * z_row] = result[i];
}

inline void quantized_row_products(const std::int8_t* rows, std::int64_t m, std::int64_t k,
                                   const float* scales, const std::int16_t* x, float x_scale,
                                   const float* start, float* z, std::int64_t z_row) {
  std::int64_t r = 0;
  for (; r + ints <= m; r += ints) {
    quantized_rows_tile<ints>(rows + r * k, k, scales + r, x, x_scale, start + r, z + r * z_row,
                              z_row);
  }
  for (; r < m; ++r) {
    quantized_rows_tile<1>(rows + r * k, k, scales + r, x, x_scale, start + r, z + r * z_row,
                           z_row);
  }
}

// Vectors of a strip's lanes, and rows by which they are multiplied at once: 12 sums in registers.
inline constexpr int strip_vectors = lane_multiple / ints;
inline constexpr int strip_rows = 12 / strip_vectors;

template <int m>
inline void strip_tile(const std::int16_t* rows, std::int64_t k, const float* scales,
                       const std::int16_t* strip, const float* x_scales, const float* start,
                       float* z, std::int64_t z_row) {
  Ints sums[m][strip_vectors];
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < strip_vectors; ++j) sums[i][j] = Ints{};
  }
  for (std::int64_t p = 0; p < k; p += 2) {
    Shorts x[strip_vectors];
    for (int j = 0; j < strip_vectors; ++j)
      x[j] = load_shorts(strip + p * lane_multiple + j * 2 * ints);
    for (int i = 0; i < m; ++i) {
      std::int32_t pair;
      __builtin_memcpy(&pair, rows + i * k + p, sizeof(pair));
      const Shorts a = (Shorts)(Ints{} + pair);
      for (int j = 0; j < strip_vectors; ++j) sums[i][j] += products_of_pairs(a, x[j]);
    }
  }
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < strip_vectors; ++j) {
      const Vector<float> before = Vector<float>{} + start[i];
      store(z + i * z_row + j * ints,
            scaled(sums[i][j], scales[i] * load(x_scales + j * ints), before));
    }
  }
}

inline void strip_products(const std::int16_t* rows, std::int64_t m, std::int64_t k,
                           const float* scales, const std::int16_t* strip, const float* x_scales,
                           const float* start, float* z, std::int64_t z_row) {
  std::int64_t r = 0;
  for (; r + strip_rows <= m; r += strip_rows) {
    strip_tile<strip_rows>(rows + r * k, k, scales + r, strip, x_scales, start + r, z + r * z_row,
                           z_row);
  }
  for (; r < m; ++r) {
    strip_tile<1>(rows + r * k, k, scales + r, strip, x_scales, start + r, z + r * z_row, z_row);
  }
}

constexpr QuantizedTable make_quantized_table() {
  return {quantize_row, quantize_input, widen, quantized_row_products, strip_products};
}
