// The one source of the row optimizers' vector kernels; see kernel_source.inl. It comes after
// random_source.inl, whose words it rounds bfloat16 rows by.

// ---- bfloat16 -------------------------------------------------------------------------------

using Halves __attribute__((vector_size(MANYCLASS_VECTOR_BYTES / 2))) = std::uint16_t;
using LooseHalves __attribute__((vector_size(MANYCLASS_VECTOR_BYTES / 2), aligned(2), may_alias)) =
    std::uint16_t;
using FloatBits __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::uint32_t;

// Elements whose random words are made together: whole vectors of every length.
constexpr std::int64_t elements_together = 256;

// Part of a row, and 16 random bits for each element whose number is the same modulo
// elements_together.
struct RoundedPart {
  Bfloat16* elements;
  const std::uint64_t* noise;
};

inline void make_noise(const RoundedRow& row, std::int64_t first, std::int64_t count,
                       std::uint64_t* noise) {
  constexpr std::int64_t per_block = 8;
  std::uint64_t low[elements_together / per_block];
  std::uint64_t high[elements_together / per_block];
  const std::int64_t blocks = (count + per_block - 1) / per_block;
  philox(row.key, row.counter + static_cast<std::uint64_t>(first / per_block), row.counter_high,
         blocks, low, high);
  for (std::int64_t b = 0; b < blocks; ++b) {
    noise[2 * b] = low[b];
    noise[2 * b + 1] = high[b];
  }
}

// The bits of one of the two bfloat16 around a float32: the farther from zero if the noise carries.
// One that needs no rounding stays; so does infinity, whose lower half is empty; so does a NaN.
template <class Bits, class IsNan>
inline Bits round_by(Bits noise, Bits bits, IsNan is_nan) {
  return is_nan ? (bits >> 16) | 0x40U : (bits + noise) >> 16;
}

// ---- elements as vectors, and the rest one by one --------------------------------------------

template <class E>
inline Vector<ComputeType<E>> load_row(const E* row, std::int64_t i) {
  return load(row + i);
}
inline Vector<float> load_row(RoundedPart row, std::int64_t i) { return load_row(row.elements, i); }

template <class T>
inline void store_row(T* row, std::int64_t i, Vector<T> v) {
  store(row + i, v);
}
inline void store_row(RoundedPart row, std::int64_t i, Vector<float> v) {
  const Halves noise = *reinterpret_cast<const LooseHalves*>(row.noise + i % elements_together / 4);
  const FloatBits rounded =
      round_by(__builtin_convertvector(noise, FloatBits), (FloatBits)v, v != v);
  *reinterpret_cast<LooseHalves*>(row.elements + i) = __builtin_convertvector(rounded, Halves);
}

template <class E>
inline ComputeType<E> element(const E* row, std::int64_t i) {
  return element_of(row[i]);
}
inline float element(RoundedPart row, std::int64_t i) { return element(row.elements, i); }

template <class T>
inline void set_element(T* row, std::int64_t i, T x) {
  row[i] = x;
}
inline void set_element(RoundedPart row, std::int64_t i, float x) {
  const std::uint64_t noise = row.noise[i % elements_together / 4] >> (i % 4 * 16);
  const auto bits = __builtin_bit_cast(std::uint32_t, x);
  row.elements[i].bits = static_cast<std::uint16_t>(
      round_by(static_cast<std::uint32_t>(noise & 0xffffU), bits, x != x));
}

template <class T>
inline const T* elements_of(T* row) {
  return row;
}
inline const Bfloat16* elements_of(const RoundedRow& row) { return row.elements; }

inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }
template <class V>
inline V root(V x) {
  for (std::size_t i = 0; i < sizeof(V) / sizeof(x[0]); ++i) x[i] = root(x[i]);
  return x;
}

// Calls rule(g, w, s) for the elements [first, last), whole vectors before the others; it changes w
// and the `tables` states s.
template <int tables, class V, class Row, class Rule>
inline void over_elements(const V* g, Row w, V* const* state, std::int64_t first, std::int64_t last,
                          Rule rule) {
  V* table[tables + 1];
  for (int j = 0; j < tables; ++j) table[j] = state[j];
  std::int64_t i = first;
  for (; i + width<V> <= last; i += width<V>) {
    Vector<V> row = load_row(w, i);
    Vector<V> s[tables + 1];
    for (int j = 0; j < tables; ++j) s[j] = load(table[j] + i);
    rule(load(g + i), row, s);
    store_row(w, i, row);
    for (int j = 0; j < tables; ++j) store(table[j] + i, s[j]);
  }
  for (; i < last; ++i) {
    V row = element(w, i);
    V s[tables + 1];
    for (int j = 0; j < tables; ++j) s[j] = table[j][i];
    rule(g[i], row, s);
    set_element(w, i, row);
    for (int j = 0; j < tables; ++j) table[j][i] = s[j];
  }
}

template <int tables, class V, class Rule>
inline void over_row(const V* g, V* w, V* const* state, std::int64_t n, Rule rule) {
  over_elements<tables>(g, w, state, 0, n, rule);
}
template <int tables, class Rule>
inline void over_row(const float* g, const RoundedRow& w, float* const* state, std::int64_t n,
                     Rule rule) {
  std::uint64_t noise[elements_together / 4];
  for (std::int64_t first = 0; first < n; first += elements_together) {
    const std::int64_t last = first + elements_together < n ? first + elements_together : n;
    make_noise(w, first, last - first, noise);
    over_elements<tables>(g, RoundedPart{w.elements, noise}, state, first, last, rule);
  }
}

// ---- the rules ------------------------------------------------------------------------------
// Constants are copied: rows may alias what a reference leads to.

template <class T>
using Value = ComputeType<T>;

template <class V, class X>
inline X decayed(const StepConstants<V>& k, X g, X w) {
  return k.gradient_scale * g + k.weight_decay * w;
}

template <class T>
void sgd_row(const StepConstants<Value<T>>& step, const Value<T>* g, UpdatedRow<T> w,
             Value<T>* const* state, std::int64_t n) {
  const auto k = step;
  over_row<0>(g, w, state, n,
              [k](auto grad, auto& row, auto*) { row -= k.learning_rate * decayed(k, grad, row); });
}

template <class T>
void momentum_row(const StepConstants<Value<T>>& step, const Value<T>* g, UpdatedRow<T> w,
                  Value<T>* const* state, std::int64_t n) {
  const auto k = step;
  over_row<1>(g, w, state, n, [k](auto grad, auto& row, auto* s) {
    s[0] = k.momentum * s[0] + decayed(k, grad, row);
    row -= k.learning_rate * s[0];
  });
}

template <class T>
void nesterov_row(const StepConstants<Value<T>>& step, const Value<T>* g, UpdatedRow<T> w,
                  Value<T>* const* state, std::int64_t n) {
  const auto k = step;
  over_row<1>(g, w, state, n, [k](auto grad, auto& row, auto* s) {
    const auto d = decayed(k, grad, row);
    s[0] = k.momentum * s[0] + d;
    row -= k.learning_rate * (d + k.momentum * s[0]);
  });
}

template <class T>
void adagrad_row(const StepConstants<Value<T>>& step, const Value<T>* g, UpdatedRow<T> w,
                 Value<T>* const* state, std::int64_t n) {
  const auto k = step;
  over_row<1>(g, w, state, n, [k](auto grad, auto& row, auto* s) {
    const auto d = decayed(k, grad, row);
    s[0] += d * d;
    row -= k.learning_rate * d / (root(s[0] + k.initial) + k.epsilon);
  });
}

template <class T>
Value<T> mean_of_squares(const StepConstants<Value<T>>& k, const Value<T>* g, const T* w,
                         std::int64_t n) {
  using V = Value<T>;
  constexpr std::int64_t piece = 16 * width<V>;  // partial sums keep rounding errors small
  Vector<V> all = {};
  std::int64_t i = 0;
  while (i + width<V> <= n) {
    Vector<V> part = {};
    for (const std::int64_t first = i; i + width<V> <= n && i - first < piece; i += width<V>) {
      const Vector<V> d = decayed(k, load(g + i), load_row(w, i));
      part += d * d;
    }
    all += part;
  }
  V rest{0};
  for (; i < n; ++i) {
    const V d = decayed(k, g[i], element(w, i));
    rest += d * d;
  }
  return (add_lanes<V>(all) + rest) / static_cast<V>(n);
}

template <class T>
void rowwise_adagrad_row(const StepConstants<Value<T>>& step, const Value<T>* g, UpdatedRow<T> w,
                         Value<T>* const* state, std::int64_t n) {
  const auto k = step;
  Value<T>& sum = *state[0];
  sum += mean_of_squares(k, g, elements_of(w), n);
  const Value<T> rate = k.learning_rate / (root(sum + k.initial) + k.epsilon);
  over_row<0>(g, w, state, n,
              [k, rate](auto grad, auto& row, auto*) { row -= rate * decayed(k, grad, row); });
}

template <class T>
void adam_row(const StepConstants<Value<T>>& step, const Value<T>* g, UpdatedRow<T> w,
              Value<T>* const* state, std::int64_t n) {
  using V = Value<T>;
  const auto k = step;
  V& steps = *state[2];
  steps += V{1};
  const Vector<double> logs = {double{steps} * k.log_beta_1, double{steps} * k.log_beta_2};
  const Vector<double> corrections = -expm1_of(logs);  // 1 - beta^steps
  const V rate = static_cast<V>(double{k.learning_rate} / corrections[0]);
  const V root_scale = static_cast<V>(1.0 / root(corrections[1]));
  over_row<2>(g, w, state, n, [k, rate, root_scale](auto grad, auto& row, auto* s) {
    const auto d = k.gradient_scale * grad;
    s[0] = k.beta_1 * s[0] + k.gain_1 * d;
    s[1] = k.beta_2 * s[1] + k.gain_2 * (d * d);
    row = k.keep * row - rate * s[0] / (root(s[1]) * root_scale + k.epsilon);
  });
}

// ---- the norm -------------------------------------------------------------------------------

using HalfFloats __attribute__((vector_size(MANYCLASS_VECTOR_BYTES / 2), aligned(4), may_alias)) =
    float;

inline Vector<double> load_doubles(const double* p) { return load(p); }
inline Vector<double> load_doubles(const float* p) {
  return __builtin_convertvector(*reinterpret_cast<const HalfFloats*>(p), Vector<double>);
}

template <class T>
double sum_of_squares(const T* x, std::int64_t n) {
  constexpr std::int64_t w = width<double>;
  Vector<double> acc[4] = {};  // an FMA takes 4 cycles
  std::int64_t i = 0;
  for (; i + 4 * w <= n; i += 4 * w) {
    for (int j = 0; j < 4; ++j) {
      const Vector<double> part = load_doubles(x + i + j * w);
      acc[j] += part * part;
    }
  }
  double rest = 0.0;
  for (; i < n; ++i) rest += double{x[i]} * double{x[i]};
  return add_lanes<double>((acc[0] + acc[1]) + (acc[2] + acc[3])) + rest;
}

template <class T>
constexpr OptimizerTable<T> make_optimizer_table() {
  return {sgd_row<T>,     momentum_row<T>,        nesterov_row<T>,
          adagrad_row<T>, rowwise_adagrad_row<T>, adam_row<T>};
}

constexpr OptimizerTables make_optimizer_tables() {
  return {make_optimizer_table<float>(), make_optimizer_table<double>(),
          make_optimizer_table<Bfloat16>(), sum_of_squares<float>, sum_of_squares<double>};
}
