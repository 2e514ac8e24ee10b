// The one source of the vector kernels for candidate samplers; see kernel_source.inl. All of it is
// in double.

using Ids __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::int64_t;
using LooseIds __attribute__((vector_size(MANYCLASS_VECTOR_BYTES), aligned(8), may_alias)) =
    std::int64_t;

inline constexpr std::int64_t doubles = MANYCLASS_VECTOR_BYTES / 8;

inline Vector<double> exp_of_word(Words word, double scale) {
  // The low half's lowest 20 bits are the upper ones of the 52, the high half the lower ones.
  const Words bits = ((word & 0xfffffU) << 32) | (word >> 32);
  const Vector<double> u = __builtin_convertvector((Ids)bits, Vector<double>) * 0x1p-52;
  return exp_of<double>(u * scale);
}

inline void exp_of_words(const std::uint64_t* words, std::int64_t count, double scale,
                         double* values) {
  std::int64_t i = 0;
  for (; i + doubles <= count; i += doubles) {
    store(values + i, exp_of_word(*reinterpret_cast<const LooseWords*>(words + i), scale));
  }
  Words rest = {};
  for (std::int64_t j = 0; i + j < count; ++j) rest[j] = words[i + j];
  const Vector<double> result = exp_of_word(rest, scale);
  for (std::int64_t j = 0; i + j < count; ++j) values[i + j] = result[j];
}

inline Vector<double> log_uniform_of(Ids ids, double scale) {
  const Vector<double> c = __builtin_convertvector(ids, Vector<double>);
  // The quotient is rounded as TensorFlow's is; the difference from 1 is exact.
  return log1p_of<double>((c + 2.0) / (c + 1.0) - 1.0) / scale;
}

inline void log_uniform_probability(const std::int64_t* ids, std::int64_t count, double scale,
                                    float* p) {
  for (std::int64_t i = 0; i < count; i += doubles) {
    const std::int64_t size = count - i < doubles ? count - i : doubles;
    Ids part = {};
    if (size == doubles) {
      part = *reinterpret_cast<const LooseIds*>(ids + i);
    } else {
      for (std::int64_t j = 0; j < size; ++j) part[j] = ids[i + j];
    }
    const Vector<double> result = log_uniform_of(part, scale);
    for (std::int64_t j = 0; j < size; ++j) p[i + j] = static_cast<float>(result[j]);
  }
}

// log(1 - p) = -2 atanh(p / (2 - p)), by the series of atanh, for 0 <= p <= 0.4.
inline Vector<double> log_of_complement(Vector<double> p) {
  constexpr int terms = 12;  // (0.25^2)^12 / 25 is below an ulp
  const Vector<double> s = p / (2.0 - p);
  const Vector<double> square = s * s;
  Vector<double> series = Vector<double>{} + 1.0 / (2 * terms + 1);
  for (int k = terms - 1; k >= 1; --k) series = series * square + 1.0 / (2 * k + 1);
  return -2.0 * (s + s * (square * series));
}

inline void count_of_repeated(const float* p, std::int64_t count, float num_draws, float* counts) {
  for (std::int64_t i = 0; i < count; i += doubles) {
    const std::int64_t size = count - i < doubles ? count - i : doubles;
    Vector<double> part = {};
    for (std::int64_t j = 0; j < size; ++j) part[j] = double{p[i + j]};
    const Vector<double> log = log_of_complement(part);
    Vector<double> product = {};
    for (std::int64_t j = 0; j < size; ++j) {
      product[j] = double{num_draws * static_cast<float>(log[j])};
    }
    const Vector<double> result = expm1_of(product);
    for (std::int64_t j = 0; j < size; ++j) counts[i + j] = static_cast<float>(-result[j]);
  }
}

// log(x) = n ln 2 + log(m), x = 2^n m, sqrt(1/2) <= m < sqrt(2), log(m) = 2 atanh((m - 1) / (m +
// 1)) by the series of atanh; ln 2 in two parts. Infinity and NaN stay what they are.
inline Vector<double> log_of(Vector<double> x) {
  using Bits = typename VectorOf<double>::Bits;
  constexpr int terms = 11;  // (0.1716^2)^11 / 23 is below an ulp
  const Bits subnormal = x < 0x1p-1022;
  const Bits bits = (Bits)(subnormal ? x * 0x1p54 : x);
  const Bits above = (bits & 0xfffffffffffff) > 0x6a09e667f3bcc;  // the mantissa of sqrt(2)
  const Bits n = (bits >> 52) - 1023 - above - (subnormal & 54);
  const Bits mantissa = (bits & 0xfffffffffffff) | ((above + 1023) << 52);
  const Vector<double> m = (Vector<double>)mantissa;
  const Vector<double> s = (m - 1.0) / (m + 1.0);
  const Vector<double> square = s * s;
  Vector<double> series = Vector<double>{} + 1.0 / (2 * terms + 1);
  for (int k = terms - 1; k >= 1; --k) series = series * square + 1.0 / (2 * k + 1);
  const Vector<double> double_s = s + s;
  const Vector<double> exponent = __builtin_convertvector(n, Vector<double>);
  const Vector<double> result =
      exponent * ExpConstants<double>::ln2_high +
      (double_s + (double_s * (square * series) + exponent * ExpConstants<double>::ln2_low));
  const Bits finite = x <= 0x1.fffffffffffffp+1023;
  return finite ? result : x;
}

inline Vector<double> log1p_of_any(Vector<double> x) {
  const auto large = x > 1.0;
  return large ? log_of(x + 1.0) : log1p_of<double>(x);
}

// x[i] = function(x[i])
template <class Function>
inline void apply(double* x, std::int64_t count, Function function) {
  std::int64_t i = 0;
  for (; i + doubles <= count; i += doubles) store(x + i, function(load(x + i)));
  Vector<double> rest = Vector<double>{} + 1.0;
  for (std::int64_t j = 0; i + j < count; ++j) rest[j] = x[i + j];
  const Vector<double> result = function(rest);
  for (std::int64_t j = 0; i + j < count; ++j) x[i + j] = result[j];
}

inline void log(double* x, std::int64_t count) {
  apply(x, count, [](Vector<double> v) { return log_of(v); });
}

inline void log1p(double* x, std::int64_t count) {
  apply(x, count, [](Vector<double> v) { return log1p_of_any(v); });
}
