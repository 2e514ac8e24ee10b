// The one source of the row optimizers' vector kernels; see kernel_source.inl.

// ---- bfloat16 -------------------------------------------------------------------------------

using Halves __attribute__((vector_size(MANYCLASS_VECTOR_BYTES / 2))) = std::uint16_t;
using LooseHalves __attribute__((vector_size(MANYCLASS_VECTOR_BYTES / 2), aligned(2), may_alias)) =
    std::uint16_t;
using FloatBits __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::uint32_t;

// The bits of the nearest bfloat16, ties to even; a NaN stays one.
template <class Bits, class IsNan>
inline Bits round_to_bfloat16(Bits bits, IsNan is_nan) {
  const Bits nearest = (bits + 0x7fffU + ((bits >> 16) & 1U)) >> 16;
  return is_nan ? (bits >> 16) | 0x40U : nearest;
}

// ---- elements as vectors, and the rest one by one --------------------------------------------

template <class T>
inline Vector<T> load_row(const T* p) {
  return load(p);
}
inline Vector<float> load_row(const Bfloat16* p) {
  const Halves halves = *reinterpret_cast<const LooseHalves*>(p);
  return (Vector<float>)(__builtin_convertvector(halves, FloatBits) << 16);
}
template <class T>
inline void store_row(T* p, Vector<T> v) {
  store(p, v);
}
inline void store_row(Bfloat16* p, Vector<float> v) {
  *reinterpret_cast<LooseHalves*>(p) =
      __builtin_convertvector(round_to_bfloat16((FloatBits)v, v != v), Halves);
}

inline float element(float x) { return x; }
inline double element(double x) { return x; }
inline float element(Bfloat16 x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x.bits) << 16);
}
inline void set_element(float& place, float x) { place = x; }
inline void set_element(double& place, double x) { place = x; }
inline void set_element(Bfloat16& place, float x) {
  const auto bits = __builtin_bit_cast(std::uint32_t, x);
  place.bits = static_cast<std::uint16_t>(round_to_bfloat16(bits, x != x));
}

inline float root(float x) { return __builtin_sqrtf(x); }
inline double root(double x) { return __builtin_sqrt(x); }
template <class V>
inline V root(V x) {
  for (std::size_t i = 0; i < sizeof(V) / sizeof(x[0]); ++i) x[i] = root(x[i]);
  return x;
}

// Calls rule(g, w, s) for the row, whole vectors first; it changes w and the `tables` states s.
template <int tables, class T, class V, class Rule>
inline void over_row(const V* g, T* w, V* const* state, std::int64_t n, Rule rule) {
  V* table[tables + 1];
  for (int j = 0; j < tables; ++j) table[j] = state[j];
  std::int64_t i = 0;
  for (; i + width<V> <= n; i += width<V>) {
    Vector<V> row = load_row(w + i);
    Vector<V> s[tables + 1];
    for (int j = 0; j < tables; ++j) s[j] = load(table[j] + i);
    rule(load(g + i), row, s);
    store_row(w + i, row);
    for (int j = 0; j < tables; ++j) store(table[j] + i, s[j]);
  }
  for (; i < n; ++i) {
    V row = element(w[i]);
    V s[tables + 1];
    for (int j = 0; j < tables; ++j) s[j] = table[j][i];
    rule(g[i], row, s);
    set_element(w[i], row);
    for (int j = 0; j < tables; ++j) table[j][i] = s[j];
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
void sgd_row(const StepConstants<Value<T>>& step, const Value<T>* g, T* w, Value<T>* const* state,
             std::int64_t n) {
  const auto k = step;
  over_row<0>(g, w, state, n,
              [k](auto grad, auto& row, auto*) { row -= k.learning_rate * decayed(k, grad, row); });
}

template <class T>
void momentum_row(const StepConstants<Value<T>>& step, const Value<T>* g, T* w,
                  Value<T>* const* state, std::int64_t n) {
  const auto k = step;
  over_row<1>(g, w, state, n, [k](auto grad, auto& row, auto* s) {
    s[0] = k.momentum * s[0] + decayed(k, grad, row);
    row -= k.learning_rate * s[0];
  });
}

template <class T>
void nesterov_row(const StepConstants<Value<T>>& step, const Value<T>* g, T* w,
                  Value<T>* const* state, std::int64_t n) {
  const auto k = step;
  over_row<1>(g, w, state, n, [k](auto grad, auto& row, auto* s) {
    const auto d = decayed(k, grad, row);
    s[0] = k.momentum * s[0] + d;
    row -= k.learning_rate * (d + k.momentum * s[0]);
  });
}

template <class T>
void adagrad_row(const StepConstants<Value<T>>& step, const Value<T>* g, T* w,
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
      const Vector<V> d = decayed(k, load(g + i), load_row(w + i));
      part += d * d;
    }
    all += part;
  }
  V rest{0};
  for (; i < n; ++i) {
    const V d = decayed(k, g[i], element(w[i]));
    rest += d * d;
  }
  return (add_lanes<V>(all) + rest) / static_cast<V>(n);
}

template <class T>
void rowwise_adagrad_row(const StepConstants<Value<T>>& step, const Value<T>* g, T* w,
                         Value<T>* const* state, std::int64_t n) {
  const auto k = step;
  Value<T>& sum = *state[0];
  sum += mean_of_squares(k, g, static_cast<const T*>(w), n);
  const Value<T> rate = k.learning_rate / (root(sum + k.initial) + k.epsilon);
  over_row<0>(g, w, state, n,
              [k, rate](auto grad, auto& row, auto*) { row -= rate * decayed(k, grad, row); });
}

template <class T>
void adam_row(const StepConstants<Value<T>>& step, const Value<T>* g, T* w, Value<T>* const* state,
              std::int64_t n) {
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
