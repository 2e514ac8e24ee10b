// The one source of all vector kernels. A target's file sets MANYCLASS_VECTOR_BYTES (the length of
// a vector) and MANYCLASS_TILE_ROWS (rows of the product's register tile), includes this in its
// unnamed namespace and is compiled with the target's flags.
//
// Vectors are GCC's and Clang's vector extensions. Nothing here may call an inline function of a
// header, lest two targets share a weak symbol; only built-ins are used.

template <class T>
struct VectorOf;
template <>
struct VectorOf<float> {
  using Vector __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = float;
  using Loose __attribute__((vector_size(MANYCLASS_VECTOR_BYTES), aligned(4), may_alias)) = float;
  using Bits __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::int32_t;
};
template <>
struct VectorOf<double> {
  using Vector __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = double;
  using Loose __attribute__((vector_size(MANYCLASS_VECTOR_BYTES), aligned(8), may_alias)) = double;
  using Bits __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::int64_t;
};

template <class T>
using Vector = typename VectorOf<T>::Vector;
template <class T>
inline constexpr std::int64_t width = MANYCLASS_VECTOR_BYTES / sizeof(T);

template <class T>
inline Vector<T> load(const T* p) {
  return *reinterpret_cast<const typename VectorOf<T>::Loose*>(p);
}
template <class T>
inline void store(T* p, Vector<T> v) {
  *reinterpret_cast<typename VectorOf<T>::Loose*>(p) = v;
}
template <class T>
inline T add_lanes(Vector<T> v) {
  T total = v[0];
  for (std::int64_t i = 1; i < width<T>; ++i) total += v[i];
  return total;
}

// ---- exp, for arguments <= 0 ----------------------------------------------------------------
// exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln(2) / 2; ln 2 in two parts (Cody and Waite
// 1980) and the Taylor polynomial of exp(r), whose remainder is below half an ulp. Results below
// the smallest normal number become 0. NaN stays NaN.

template <class T>
struct ExpConstants;
template <>
struct ExpConstants<float> {
  static constexpr float least = -87.33654F;  // log of the smallest normal number
  static constexpr float round = 0x1.8p23F;   // adding it rounds to an integer
  static constexpr float log2e = 0x1.715476p+0F;
  static constexpr float ln2_high = 0x1.62e4p-1F;  // few enough bits for n * ln2_high to be exact
  static constexpr float ln2_low = 0x1.7f7d1cp-20F;
  static constexpr int mantissa_bits = 23;
  static constexpr int bias = 127;
  static constexpr int terms = 7;
};
template <>
struct ExpConstants<double> {
  static constexpr double least = -708.3964185322641;
  static constexpr double round = 0x1.8p52;
  static constexpr double log2e = 0x1.71547652b82fep+0;
  static constexpr double ln2_high = 0x1.62e42fee00000p-1;
  static constexpr double ln2_low = 0x1.a39ef35793c76p-33;
  static constexpr int mantissa_bits = 52;
  static constexpr int bias = 1023;
  static constexpr int terms = 13;
};

inline constexpr double inverse_factorial[] = {1.0,
                                               1.0,
                                               1.0 / 2,
                                               1.0 / 6,
                                               1.0 / 24,
                                               1.0 / 120,
                                               1.0 / 720,
                                               1.0 / 5040,
                                               1.0 / 40320,
                                               1.0 / 362880,
                                               1.0 / 3628800,
                                               1.0 / 39916800,
                                               1.0 / 479001600,
                                               1.0 / 6227020800};

template <class T>
inline Vector<T> exp_of(Vector<T> x) {
  using K = ExpConstants<T>;
  using Bits = typename VectorOf<T>::Bits;
  const Bits vanishes = x < K::least;
  const Vector<T> bounded = vanishes ? Vector<T>{} : x;
  const Vector<T> shifted = bounded * K::log2e + K::round;
  const Vector<T> n = shifted - K::round;
  const Vector<T> r = (bounded - n * K::ln2_high) - n * K::ln2_low;
  Vector<T> p = Vector<T>{} + static_cast<T>(inverse_factorial[K::terms]);
  for (int i = K::terms - 1; i >= 0; --i) p = p * r + static_cast<T>(inverse_factorial[i]);
  // The low bits of `shifted` are n; moved up they are the exponent of 2^n.
  const Bits exponent = ((Bits)shifted + K::bias) << K::mantissa_bits;
  const Vector<T> result = p * (Vector<T>)exponent;
  return vanishes ? Vector<T>{} : result;
}

// ---- the product ----------------------------------------------------------------------------

// Sums over k longer than this are cut: the stretch of B stays in the first-level cache, and
// rounding errors of float32 do not pile up along one long sum.
inline constexpr std::int64_t stretch = 128;

// C[rows, vectors] += A[rows, k] B[k, vectors], all in registers.
template <class T, int rows, int vectors>
inline void tile(std::int64_t k, const T* a, std::int64_t a_row, std::int64_t a_col, const T* b,
                 std::int64_t b_row, T* c, std::int64_t c_row) {
  Vector<T> acc[rows][vectors] = {};
  for (std::int64_t p = 0; p < k; ++p) {
    Vector<T> line[vectors];
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) line[j] = load(b + j * width<T>);
#pragma GCC unroll 14
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) acc[i][j] += a[i * a_row] * line[j];
    }
    a += a_col;
    b += b_row;
  }
#pragma GCC unroll 14
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) {
      T* place = c + i * c_row + j * width<T>;
      store(place, load(place) + acc[i][j]);
    }
  }
}

template <class T, int rows, int vectors>
inline void tile_of(std::int64_t m, std::int64_t k, const T* a, std::int64_t a_row,
                    std::int64_t a_col, const T* b, std::int64_t b_row, T* c, std::int64_t c_row) {
  if (m == rows) {
    tile<T, rows, vectors>(k, a, a_row, a_col, b, b_row, c, c_row);
  } else if constexpr (rows > 1) {
    tile_of<T, rows - 1, vectors>(m, k, a, a_row, a_col, b, b_row, c, c_row);
  }
}

// All m rows by `vectors` vectors; the rows are shared out evenly over the register tiles.
template <class T, int vectors>
void panel(std::int64_t m, std::int64_t k, const T* a, std::int64_t a_row, std::int64_t a_col,
           const T* b, std::int64_t b_row, T* c, std::int64_t c_row) {
  const std::int64_t tiles = (m + MANYCLASS_TILE_ROWS - 1) / MANYCLASS_TILE_ROWS;
  std::int64_t first = 0;
  for (std::int64_t t = 0; t < tiles; ++t) {
    const std::int64_t rows = (m - first) / (tiles - t);
    tile_of<T, MANYCLASS_TILE_ROWS, vectors>(rows, k, a + first * a_row, a_row, a_col, b, b_row,
                                             c + first * c_row, c_row);
    first += rows;
  }
}

// The last columns, fewer than a panel: on copies of B and C that are padded to `vectors` vectors.
template <class T, int vectors>
void narrow_panel(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
                  std::int64_t a_col, const T* b, std::int64_t b_row, T* c, std::int64_t c_row) {
  constexpr std::int64_t columns = vectors * width<T>;
  alignas(64) T b_copy[stretch * columns];
  alignas(64) T c_copy[MANYCLASS_TILE_ROWS * columns];
  for (std::int64_t p = 0; p < k; ++p) {
    for (std::int64_t j = 0; j < columns; ++j) {
      b_copy[p * columns + j] = j < n ? b[p * b_row + j] : T{0};
    }
  }
  for (std::int64_t first = 0; first < m; first += MANYCLASS_TILE_ROWS) {
    const std::int64_t left = m - first;
    const std::int64_t rows = left < MANYCLASS_TILE_ROWS ? left : MANYCLASS_TILE_ROWS;
    for (std::int64_t i = 0; i < rows * columns; ++i) c_copy[i] = T{0};
    tile_of<T, MANYCLASS_TILE_ROWS, vectors>(rows, k, a + first * a_row, a_row, a_col, b_copy,
                                             columns, c_copy, columns);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < n; ++j) c[(first + i) * c_row + j] += c_copy[i * columns + j];
    }
  }
}

template <class T>
void multiply_add(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
                  std::int64_t a_col, const T* b, std::int64_t b_row, T* c, std::int64_t c_row) {
  constexpr std::int64_t w = width<T>;
  for (std::int64_t p = 0; p < k; p += stretch) {
    const std::int64_t depth = k - p < stretch ? k - p : stretch;
    const T* a_part = a + p * a_col;
    const T* b_part = b + p * b_row;
    std::int64_t j = 0;
    for (; j + 2 * w <= n; j += 2 * w) {
      panel<T, 2>(m, depth, a_part, a_row, a_col, b_part + j, b_row, c + j, c_row);
    }
    for (; j + w <= n; j += w) {
      panel<T, 1>(m, depth, a_part, a_row, a_col, b_part + j, b_row, c + j, c_row);
    }
    if (j < n) {
      narrow_panel<T, 1>(m, n - j, depth, a_part, a_row, a_col, b_part + j, b_row, c + j, c_row);
    }
  }
}

// ---- rows -----------------------------------------------------------------------------------

template <class T>
void transpose(const T* in, std::int64_t rows, std::int64_t cols, std::int64_t in_row, T* out,
               std::int64_t lanes) {
  constexpr std::int64_t block = 16;  // columns whose cache lines of `out` are filled together
  for (std::int64_t first = 0; first < cols; first += block) {
    const std::int64_t last = first + block < cols ? first + block : cols;
    for (std::int64_t l = 0; l < lanes; ++l) {
      for (std::int64_t d = first; d < last; ++d) {
        out[d * lanes + l] = l < rows ? in[l * in_row + d] : T{0};
      }
    }
  }
}

template <class T>
T dot(const T* x, const T* y, std::int64_t n) {
  constexpr std::int64_t w = width<T>;
  Vector<T> acc[4] = {};  // an FMA takes 4 cycles
  std::int64_t i = 0;
  for (; i + 4 * w <= n; i += 4 * w) {
    for (int j = 0; j < 4; ++j) acc[j] += load(x + i + j * w) * load(y + i + j * w);
  }
  for (; i + w <= n; i += w) acc[0] += load(x + i) * load(y + i);
  T rest{0};
  for (; i < n; ++i) rest += x[i] * y[i];
  return add_lanes<T>((acc[0] + acc[1]) + (acc[2] + acc[3])) + rest;
}

template <class T>
T sum(const T* x, std::int64_t n) {
  constexpr std::int64_t w = width<T>;
  Vector<T> acc = {};
  std::int64_t i = 0;
  for (; i + w <= n; i += w) acc += load(x + i);
  T rest{0};
  for (; i < n; ++i) rest += x[i];
  return add_lanes<T>(acc) + rest;
}

template <class T>
void axpy(T alpha, const T* x, T* y, std::int64_t n) {
  constexpr std::int64_t w = width<T>;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) store(y + i, load(y + i) + alpha * load(x + i));
  for (; i < n; ++i) y[i] += alpha * x[i];
}

template <class T>
void sgd(T rate, const T* g, T* w, std::int64_t n) {
  axpy(-rate, g, w, n);
}

inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }

template <class T>
void adagrad(T rate, T initial, T epsilon, const T* g, T* a, T* w, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    a[i] += g[i] * g[i];
    w[i] -= rate * g[i] / (root(initial + a[i]) + epsilon);
  }
}

// ---- columns of a transposed tile -----------------------------------------------------------

template <class T>
void column_max(const T* z, std::int64_t rows, std::int64_t lanes, T* most) {
  for (std::int64_t l = 0; l < lanes; l += width<T>) {
    Vector<T> top = load(most + l);
    for (std::int64_t r = 0; r < rows; ++r) {
      const Vector<T> value = load(z + r * lanes + l);
      top = value > top ? value : top;
    }
    store(most + l, top);
  }
}

template <class T>
void column_exp(T* z, std::int64_t rows, std::int64_t lanes, const T* shift, T* total) {
  constexpr std::int64_t piece = 64;  // partial sums keep rounding errors small
  for (std::int64_t l = 0; l < lanes; l += width<T>) {
    const Vector<T> top = load(shift + l);
    Vector<T> all = {};
    for (std::int64_t first = 0; first < rows; first += piece) {
      const std::int64_t last = first + piece < rows ? first + piece : rows;
      Vector<T> part = {};
      for (std::int64_t r = first; r < last; ++r) {
        const Vector<T> value = exp_of<T>(load(z + r * lanes + l) - top);
        store(z + r * lanes + l, value);
        part += value;
      }
      all += part;
    }
    store(total + l, load(total + l) + all);
  }
}

template <class T>
void column_scale(T* z, std::int64_t rows, std::int64_t lanes, const T* factor) {
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t l = 0; l < lanes; l += width<T>) {
      store(z + r * lanes + l, load(z + r * lanes + l) * load(factor + l));
    }
  }
}

template <class T>
void column_count_above(const T* z, std::int64_t rows, std::int64_t lanes, const T* mark,
                        const T* ties, T* above) {
  const Vector<T> zero = {};
  const Vector<T> one = zero + T{1};
  for (std::int64_t l = 0; l < lanes; l += width<T>) {
    const Vector<T> limit = load(mark + l);
    const Vector<T> tie_rows = load(ties + l);
    Vector<T> count = load(above + l);
    for (std::int64_t r = 0; r < rows; ++r) {
      const Vector<T> value = load(z + r * lanes + l);
      const Vector<T> row = zero + static_cast<T>(r);
      const auto counts = (value > limit) | ((value == limit) & (row < tie_rows));
      count += counts ? one : zero;
    }
    store(above + l, count);
  }
}

template <class T>
constexpr KernelTable<T> make_table() {
  return {multiply_add<T>, transpose<T>,    dot<T>,
          sum<T>,          axpy<T>,         column_max<T>,
          column_exp<T>,   column_scale<T>, column_count_above<T>,
          sgd<T>,          adagrad<T>};
}
