// The one source of all vector kernels. A target's file sets MANYCLASS_VECTOR_BYTES (the length of
// a vector) and MANYCLASS_TILE_ROWS (rows of the product's register tile), includes this in its
// unnamed namespace and is compiled with the target's flags.
//
// Vectors are GCC's and Clang's vector extensions. Nothing here may call an inline function of a
// header, lest two targets share a weak symbol; only built-ins are used.

#include "vector_math.inl"

// After the vectors, which it needs.
#include "product_source.inl"

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

// Adds exp(z - shift) to total; calls `take(i, value)` with the values from z[i] on.
template <class T, class Take>
inline void exp_columns(const T* z, std::int64_t rows, std::int64_t lanes, const T* shift, T* total,
                        Take take) {
  constexpr std::int64_t piece = 64;  // partial sums keep rounding errors small
  for (std::int64_t l = 0; l < lanes; l += width<T>) {
    const Vector<T> top = load(shift + l);
    Vector<T> all = {};
    for (std::int64_t first = 0; first < rows; first += piece) {
      const std::int64_t last = first + piece < rows ? first + piece : rows;
      Vector<T> part = {};
      for (std::int64_t r = first; r < last; ++r) {
        const Vector<T> value = exp_of<T>(load(z + r * lanes + l) - top);
        take(r * lanes + l, value);
        part += value;
      }
      all += part;
    }
    store(total + l, load(total + l) + all);
  }
}

template <class T>
void column_exp(T* z, std::int64_t rows, std::int64_t lanes, const T* shift, T* total) {
  exp_columns<T>(z, rows, lanes, shift, total,
                 [z](std::int64_t i, Vector<T> value) { store(z + i, value); });
}

template <class T>
void column_sum_exp(const T* z, std::int64_t rows, std::int64_t lanes, const T* shift, T* total) {
  exp_columns<T>(z, rows, lanes, shift, total, [](std::int64_t, Vector<T>) {});
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

// The first `count` elements, the others 0.
template <class E>
inline Vector<ComputeType<E>> load_part(const E* p, std::int64_t count) {
  Vector<ComputeType<E>> v = {};
  for (std::int64_t i = 0; i < count; ++i) v[i] = element_of(p[i]);
  return v;
}

template <class E, class T = ComputeType<E>>
void row_products(const E* a, std::int64_t m, std::int64_t k, std::int64_t a_row, const T* x,
                  T* y) {
  constexpr std::int64_t w = width<T>;
  constexpr std::int64_t piece = 64 * w;  // partial sums keep rounding errors small
  const std::int64_t whole = k / w * w;
  const Vector<T> x_rest = load_part(x + whole, k - whole);
  const auto product = [&](std::int64_t r) {
    const E* row = a + r * a_row;
    Vector<T> sum = {};
    for (std::int64_t first = 0; first < whole; first += piece) {
      const std::int64_t last = first + piece < whole ? first + piece : whole;
      Vector<T> part = {};
      for (std::int64_t p = first; p < last; p += w) part += load(row + p) * load(x + p);
      sum += part;
    }
    if (whole < k) sum += load_part(row + whole, k - whole) * x_rest;
    return sum;
  };
  std::int64_t r = 0;
  for (; r + w <= m; r += w) {
    Vector<T> part[w];
    for (int i = 0; i < w; ++i) part[i] = product(r + i);
    add_lanes_of_each<T>(part);
    store(y + r, load(y + r) + part[0]);
  }
  if (r == m) return;
  Vector<T> rest[w] = {};  // summed in the same order
  for (int i = 0; i < m - r; ++i) rest[i] = product(r + i);
  add_lanes_of_each<T>(rest);
  for (int i = 0; i < m - r; ++i) y[r + i] += rest[0][i];
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
          column_sum_exp<T>,
          column_logistic<T>,
          column_scale<T>,
          row_products<T>,
          column_count_above<T>};
}
