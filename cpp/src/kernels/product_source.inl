// The matrix product of all steps, for kernel_source.inl alone, which includes this in the unnamed
// namespace of each target.

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

// What a product multiplies: elements of the type of its sums, or, in bfloat16_source.inl, pairs.
template <class E>
struct Operand {
  using Sum = E;
  using Line = Vector<E>;
  static constexpr int tile_rows = MANYCLASS_TILE_ROWS;
  static Line load_line(const E* p) { return load(p); }
  static void add_product(Vector<E>& sum, E a, Line b) { sum += a * b; }
};
template <class E>
using Sum = typename Operand<E>::Sum;
template <class E>
inline constexpr int tile_rows = Operand<E>::tile_rows;

// The elements of a row of A that are asked for at once: a cache line.
template <class E>
inline constexpr std::int64_t line_length = 64 / sizeof(E);

// Rows of a product by `vectors` vectors, summed in registers. With `ask_ahead` the rows of A that
// follow are brought into cache meanwhile: rows are too short for the hardware to foresee them.
template <class E, int rows, int vectors>
inline void tile(std::int64_t k, const E* a, std::int64_t a_row, std::int64_t a_col, const E* b,
                 std::int64_t b_row, bool ask_ahead, const Destination<Sum<E>>& c) {
  using T = Sum<E>;
  Vector<T> acc[rows][vectors] = {};
  for (std::int64_t first = 0; first < k; first += line_length<E>) {
    if (ask_ahead) {
      for (int i = rows; i < 2 * rows; ++i) __builtin_prefetch(a + i * a_row);
    }
    const std::int64_t size = k - first < line_length<E> ? k - first : line_length<E>;
    for (std::int64_t p = 0; p < size; ++p) {
      typename Operand<E>::Line line[vectors];
#pragma GCC unroll 2
      for (int j = 0; j < vectors; ++j) line[j] = Operand<E>::load_line(b + j * width<T>);
#pragma GCC unroll 14
      for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 2
        for (int j = 0; j < vectors; ++j) {
          Operand<E>::add_product(acc[i][j], a[i * a_row], line[j]);
        }
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

template <class E, int rows, int vectors>
inline void tile_of(std::int64_t m, std::int64_t k, const E* a, std::int64_t a_row,
                    std::int64_t a_col, const E* b, std::int64_t b_row, bool ask_ahead,
                    const Destination<Sum<E>>& c) {
  if (m == rows) {
    tile<E, rows, vectors>(k, a, a_row, a_col, b, b_row, ask_ahead, c);
  } else if constexpr (rows > 1) {
    tile_of<E, rows - 1, vectors>(m, k, a, a_row, a_col, b, b_row, ask_ahead, c);
  }
}

// All m rows by `vectors` vectors; the rows are shared out evenly over the register tiles.
template <class E, int vectors>
void panel(std::int64_t m, std::int64_t k, const E* a, std::int64_t a_row, std::int64_t a_col,
           const E* b, std::int64_t b_row, bool ask_ahead, const Destination<Sum<E>>& c) {
  const std::int64_t tiles = (m + tile_rows<E> - 1) / tile_rows<E>;
  std::int64_t first = 0;
  for (std::int64_t t = 0; t < tiles; ++t) {
    const std::int64_t rows = (m - first) / (tiles - t);
    tile_of<E, tile_rows<E>, vectors>(rows, k, a + first * a_row, a_row, a_col, b, b_row, ask_ahead,
                                      c.from_row(first));
    first += rows;
  }
}

// The last columns, fewer than a vector: on a copy of B that is padded, through a copy of C.
template <class E>
void narrow_panel(std::int64_t m, std::int64_t n, std::int64_t k, const E* a, std::int64_t a_row,
                  std::int64_t a_col, const E* b, std::int64_t b_row,
                  const Destination<Sum<E>>& c) {
  using T = Sum<E>;
  constexpr std::int64_t columns = width<T>;
  alignas(64) E b_copy[stretch * columns];
  alignas(64) T c_copy[tile_rows<E> * columns];
  for (std::int64_t p = 0; p < k; ++p) {
    for (std::int64_t j = 0; j < columns; ++j) {
      b_copy[p * columns + j] = j < n ? b[p * b_row + j] : E{0};
    }
  }
  const Destination<Sum<E>> copy = {c_copy, columns, nullptr, 0, nullptr, false};
  for (std::int64_t first = 0; first < m; first += tile_rows<E>) {
    const std::int64_t left = m - first;
    const std::int64_t rows = left < tile_rows<E> ? left : tile_rows<E>;
    tile_of<E, tile_rows<E>, 1>(rows, k, a + first * a_row, a_row, a_col, b_copy, columns, false,
                                copy);
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
template <class E>
void product_rows(std::int64_t m, std::int64_t n, std::int64_t k, const E* a, std::int64_t a_row,
                  std::int64_t a_col, const E* b, std::int64_t b_row, Destination<Sum<E>> c) {
  constexpr std::int64_t w = width<Sum<E>>;
  std::int64_t p = 0;
  do {  // once even for k = 0, which writes what the product is added to
    const std::int64_t depth = k - p < stretch ? k - p : stretch;
    const E* a_part = a + p * a_col;
    const E* b_part = b + p * b_row;
    std::int64_t j = 0;
    for (; j + 2 * w <= n; j += 2 * w) {
      panel<E, 2>(m, depth, a_part, a_row, a_col, b_part + j, b_row, a_col == 1 && j == 0,
                  c.from_column(j));
    }
    for (; j + w <= n; j += w) {
      panel<E, 1>(m, depth, a_part, a_row, a_col, b_part + j, b_row, a_col == 1 && j == 0,
                  c.from_column(j));
    }
    if (j < n) {
      narrow_panel<E>(m, n - j, depth, a_part, a_row, a_col, b_part + j, b_row, c.from_column(j));
    }
    c.add = true;
    p += stretch;
  } while (p < k);
}

template <class E>
void product(std::int64_t m, std::int64_t n, std::int64_t k, const E* a, std::int64_t a_row,
             std::int64_t a_col, const E* b, std::int64_t b_row, const Destination<Sum<E>>& c) {
  constexpr std::int64_t rows = 8 * tile_rows<E>;
  for (std::int64_t i = 0; i < m; i += rows) {
    product_rows<E>(m - i < rows ? m - i : rows, n, k, a + i * a_row, a_row, a_col, b, b_row,
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
