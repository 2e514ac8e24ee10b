// The one source of all vector kernels. A target's file sets MANYCLASS_VECTOR_BYTES (the length of
// a vector) and MANYCLASS_TILE_ROWS (rows of the product's register tile), includes this in its
// unnamed namespace and is compiled with the target's flags.
//
// Vectors are GCC's and Clang's vector extensions. Nothing here may call an inline function of a
// header, lest two targets share a weak symbol; only built-ins are used.

#include "vector_math.inl"

// ---- the product ----------------------------------------------------------------------------

// Sums over k longer than this are cut: the stretch of B stays in the first-level cache, and
// rounding errors of float32 do not pile up along one long sum.
inline constexpr std::int64_t stretch = 128;

// Where a product goes, and what it is added to: what is there, start[i], or nothing.
template <class T>
struct Destination {
  T* data;  // rows `row_stride` apart, unless `rows` says where each of them is
  std::int64_t row_stride;
  T* const* rows;
  std::int64_t column;
  const T* start;
  bool add;

  T* row(std::int64_t i) const {
    return (rows == nullptr ? data + i * row_stride : rows[i]) + column;
  }
  Destination from_row(std::int64_t i) const {
    return {data + i * row_stride,
            row_stride,
            rows == nullptr ? nullptr : rows + i,
            column,
            start == nullptr ? nullptr : start + i,
            add};
  }
  Destination from_column(std::int64_t j) const {
    return {data, row_stride, rows, column + j, start, add};
  }
  T before(std::int64_t i) const { return start == nullptr ? T{0} : start[i]; }
};

// The elements of a row of A that are asked for at once: a cache line.
template <class T>
inline constexpr std::int64_t line_length = 64 / sizeof(T);

// Rows of a product by `vectors` vectors, summed in registers. With `ask_ahead` the rows of A that
// follow are brought into cache meanwhile: rows are too short for the hardware to foresee them.
template <class T, int rows, int vectors>
inline void tile(std::int64_t k, const T* a, std::int64_t a_row, std::int64_t a_col, const T* b,
                 std::int64_t b_row, bool ask_ahead, const Destination<T>& c) {
  Vector<T> acc[rows][vectors] = {};
  for (std::int64_t first = 0; first < k; first += line_length<T>) {
    if (ask_ahead) {
      for (int i = rows; i < 2 * rows; ++i) __builtin_prefetch(a + i * a_row);
    }
    const std::int64_t size = k - first < line_length<T> ? k - first : line_length<T>;
    for (std::int64_t p = 0; p < size; ++p) {
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
  }
#pragma GCC unroll 14
  for (int i = 0; i < rows; ++i) {
    T* place = c.row(i);
    const Vector<T> before = Vector<T>{} + c.before(i);
#pragma GCC unroll 2
    for (int j = 0; j < vectors; ++j) {
      store(place + j * width<T>, acc[i][j] + (c.add ? load(place + j * width<T>) : before));
    }
  }
}

template <class T, int rows, int vectors>
inline void tile_of(std::int64_t m, std::int64_t k, const T* a, std::int64_t a_row,
                    std::int64_t a_col, const T* b, std::int64_t b_row, bool ask_ahead,
                    const Destination<T>& c) {
  if (m == rows) {
    tile<T, rows, vectors>(k, a, a_row, a_col, b, b_row, ask_ahead, c);
  } else if constexpr (rows > 1) {
    tile_of<T, rows - 1, vectors>(m, k, a, a_row, a_col, b, b_row, ask_ahead, c);
  }
}

// All m rows by `vectors` vectors; the rows are shared out evenly over the register tiles.
template <class T, int vectors>
void panel(std::int64_t m, std::int64_t k, const T* a, std::int64_t a_row, std::int64_t a_col,
           const T* b, std::int64_t b_row, bool ask_ahead, const Destination<T>& c) {
  const std::int64_t tiles = (m + MANYCLASS_TILE_ROWS - 1) / MANYCLASS_TILE_ROWS;
  std::int64_t first = 0;
  for (std::int64_t t = 0; t < tiles; ++t) {
    const std::int64_t rows = (m - first) / (tiles - t);
    tile_of<T, MANYCLASS_TILE_ROWS, vectors>(rows, k, a + first * a_row, a_row, a_col, b, b_row,
                                             ask_ahead, c.from_row(first));
    first += rows;
  }
}

// The last columns, fewer than a vector: on a copy of B that is padded, through a copy of C.
template <class T>
void narrow_panel(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
                  std::int64_t a_col, const T* b, std::int64_t b_row, const Destination<T>& c) {
  constexpr std::int64_t columns = width<T>;
  alignas(64) T b_copy[stretch * columns];
  alignas(64) T c_copy[MANYCLASS_TILE_ROWS * columns];
  for (std::int64_t p = 0; p < k; ++p) {
    for (std::int64_t j = 0; j < columns; ++j) {
      b_copy[p * columns + j] = j < n ? b[p * b_row + j] : T{0};
    }
  }
  const Destination<T> copy = {c_copy, columns, nullptr, 0, nullptr, false};
  for (std::int64_t first = 0; first < m; first += MANYCLASS_TILE_ROWS) {
    const std::int64_t left = m - first;
    const std::int64_t rows = left < MANYCLASS_TILE_ROWS ? left : MANYCLASS_TILE_ROWS;
    tile_of<T, MANYCLASS_TILE_ROWS, 1>(rows, k, a + first * a_row, a_row, a_col, b_copy, columns,
                                       false, copy);
    for (std::int64_t i = 0; i < rows; ++i) {
      T* place = c.row(first + i);
      const T before = c.before(first + i);
      for (std::int64_t j = 0; j < n; ++j) {
        place[j] = c_copy[i * columns + j] + (c.add ? place[j] : before);
      }
    }
  }
}

// Some rows: all stretches of k before the next rows, while C is in cache.
template <class T>
void product_rows(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
                  std::int64_t a_col, const T* b, std::int64_t b_row, Destination<T> c) {
  constexpr std::int64_t w = width<T>;
  std::int64_t p = 0;
  do {  // once even for k = 0, which writes what the product is added to
    const std::int64_t depth = k - p < stretch ? k - p : stretch;
    const T* a_part = a + p * a_col;
    const T* b_part = b + p * b_row;
    std::int64_t j = 0;
    for (; j + 2 * w <= n; j += 2 * w) {
      panel<T, 2>(m, depth, a_part, a_row, a_col, b_part + j, b_row, a_col == 1 && j == 0,
                  c.from_column(j));
    }
    for (; j + w <= n; j += w) {
      panel<T, 1>(m, depth, a_part, a_row, a_col, b_part + j, b_row, a_col == 1 && j == 0,
                  c.from_column(j));
    }
    if (j < n) {
      narrow_panel<T>(m, n - j, depth, a_part, a_row, a_col, b_part + j, b_row, c.from_column(j));
    }
    c.add = true;
    p += stretch;
  } while (p < k);
}

template <class T>
void product(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
             std::int64_t a_col, const T* b, std::int64_t b_row, const Destination<T>& c) {
  constexpr std::int64_t rows = 8 * MANYCLASS_TILE_ROWS;
  for (std::int64_t i = 0; i < m; i += rows) {
    product_rows<T>(m - i < rows ? m - i : rows, n, k, a + i * a_row, a_row, a_col, b, b_row,
                    c.from_row(i));
  }
}

template <class T>
void multiply_add(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
                  std::int64_t a_col, const T* b, std::int64_t b_row, T* c, std::int64_t c_row) {
  product<T>(m, n, k, a, a_row, a_col, b, b_row, {c, c_row, nullptr, 0, nullptr, true});
}

template <class T>
void multiply(std::int64_t m, std::int64_t n, std::int64_t k, const T* a, std::int64_t a_row,
              std::int64_t a_col, const T* b, std::int64_t b_row, const T* start, T* c,
              std::int64_t c_row) {
  product<T>(m, n, k, a, a_row, a_col, b, b_row, {c, c_row, nullptr, 0, start, false});
}

template <class T>
void multiply_to_rows(std::int64_t m, std::int64_t n, std::int64_t k, const T* a,
                      std::int64_t a_row, std::int64_t a_col, const T* b, std::int64_t b_row,
                      bool add, T* const* c) {
  product<T>(m, n, k, a, a_row, a_col, b, b_row, {nullptr, 0, c, 0, nullptr, add});
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
void scale(T alpha, const T* x, T* y, std::int64_t n) {
  constexpr std::int64_t w = width<T>;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) store(y + i, alpha * load(x + i));
  for (; i < n; ++i) y[i] = alpha * x[i];
}

template <class T>
void axpy(T alpha, const T* x, T* y, std::int64_t n) {
  constexpr std::int64_t w = width<T>;
  std::int64_t i = 0;
  for (; i + w <= n; i += w) store(y + i, load(y + i) + alpha * load(x + i));
  for (; i < n; ++i) y[i] += alpha * x[i];
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
void column_logistic(T* z, std::int64_t rows, std::int64_t lanes, T* total) {
  const Vector<T> zero = {};
  const Vector<T> one = zero + T{1};
  for (std::int64_t l = 0; l < lanes; l += width<T>) {
    Vector<T> sum = load(total + l);
    for (std::int64_t r = 0; r < rows; ++r) {
      const Vector<T> value = load(z + r * lanes + l);
      const Vector<T> tail = exp_of<T>(value < zero ? value : -value);
      sum += (value > zero ? value : zero) + log1p_of<T>(tail);
      store(z + r * lanes + l, (value < zero ? tail : one) / (one + tail));
    }
    store(total + l, sum);
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

// Lane i of a + its lane i ^ half where bit `half` of i is 0, the same of b where it is 1.
template <class T, int half, int... i>
inline Vector<T> add_halves(Vector<T> a, Vector<T> b, std::integer_sequence<int, i...>) {
  constexpr int w = width<T>;
  return __builtin_shufflevector(a, b, ((i & half) == 0 ? i : i - half + w)...) +
         __builtin_shufflevector(a, b, ((i & half) == 0 ? i + half : i + w)...);
}

// Leaves in v[0] the sums of `width` vectors, vector i's in lane i.
template <class T, int half = width<T> / 2>
inline void add_lanes_of_each(Vector<T> (&v)[width<T>]) {
  if constexpr (half > 0) {
    for (int i = 0; i < half; ++i) {
      v[i] = add_halves<T, half>(v[i], v[i + half], std::make_integer_sequence<int, width<T>>());
    }
    add_lanes_of_each<T, half / 2>(v);
  }
}

template <class T>
void row_products(const T* z, std::int64_t rows, std::int64_t lanes, const T* factor, T* total) {
  constexpr std::int64_t w = width<T>;
  const auto product = [&](std::int64_t r) {
    Vector<T> sum = {};
    for (std::int64_t l = 0; l < lanes; l += w) sum += load(z + r * lanes + l) * load(factor + l);
    return sum;
  };
  std::int64_t r = 0;
  for (; r + w <= rows; r += w) {
    Vector<T> part[w];
    for (int i = 0; i < w; ++i) part[i] = product(r + i);
    add_lanes_of_each<T>(part);
    store(total + r, load(total + r) + part[0]);
  }
  if (r == rows) return;
  Vector<T> rest[w] = {};  // summed in the same order
  for (int i = 0; i < rows - r; ++i) rest[i] = product(r + i);
  add_lanes_of_each<T>(rest);
  for (int i = 0; i < rows - r; ++i) total[r + i] += rest[0][i];
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
          column_logistic<T>,
          column_scale<T>,
          row_products<T>,
          column_count_above<T>};
}
