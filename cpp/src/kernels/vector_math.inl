// Vectors and their elementary functions, for kernel_source.inl alone, which includes this in the
// unnamed namespace of each target.

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
// Elements of bfloat16, as the float32 that they are.
inline float element_of(float x) { return x; }
inline double element_of(double x) { return x; }
inline float element_of(Bfloat16 x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x.bits) << 16);
}
inline Vector<float> load(const Bfloat16* p) {
  using Halves __attribute__((vector_size(MANYCLASS_VECTOR_BYTES / 2), aligned(2), may_alias)) =
      std::uint16_t;
  using Words __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::uint32_t;
  const Halves halves = *reinterpret_cast<const Halves*>(p);
  return (Vector<float>)(__builtin_convertvector(halves, Words) << 16);
}
template <class T>
inline void store(T* p, Vector<T> v) {
  *reinterpret_cast<typename VectorOf<T>::Loose*>(p) = v;
}
// v + the same with lanes i and i ^ half exchanged.
template <class T, int half, int... i>
inline Vector<T> fold(Vector<T> v, std::integer_sequence<int, i...>) {
  return v + __builtin_shufflevector(v, v, (i ^ half)...);
}
template <class T, int half = width<T> / 2>
inline T add_lanes(Vector<T> v) {
  if constexpr (half == 0) {
    return v[0];
  } else {
    return add_lanes<T, half / 2>(fold<T, half>(v, std::make_integer_sequence<int, width<T>>()));
  }
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

// exp(x) - 1 for x <= 0: by the Taylor series where the difference would cancel.
inline Vector<double> expm1_of(Vector<double> x) {
  const auto small = x > -0.35;
  const Vector<double> bounded = small ? x : Vector<double>{};
  Vector<double> series = Vector<double>{} + inverse_factorial[13];
  for (int k = 12; k >= 1; --k) series = series * bounded + inverse_factorial[k];
  return small ? bounded * series : exp_of<double>(x) - 1.0;
}

// ---- log(1 + x), for arguments in [0, 1] -----------------------------------------------------
// log(1 + x) = 2 atanh(s), s = x / (2 + x), by the series of atanh: a sum of falling terms of one
// sign, so that small x keep their relative precision. From sqrt(2) - 1 on it is
// ln 2 + log((1 + x) / 2), s = (x - 1) / (x + 3), which keeps |s| below 0.172. NaN stays NaN.

template <class T>
inline constexpr int log1p_terms = sizeof(T) == 4 ? 5 : 11;

template <class T>
inline Vector<T> log1p_of(Vector<T> x) {
  using Bits = typename VectorOf<T>::Bits;
  const Vector<T> zero = {};
  const Bits large = x > static_cast<T>(0.41421356237309503);
  const Vector<T> s = (large ? x - T{1} : x) / (large ? x + T{3} : x + T{2});
  const Vector<T> square = s * s;
  Vector<T> p = zero + static_cast<T>(1.0 / (2 * log1p_terms<T> - 1));
  for (int k = log1p_terms<T> - 2; k >= 1; --k) p = p * square + static_cast<T>(1.0 / (2 * k + 1));
  const Vector<T> double_s = s + s;
  const Vector<T> base = large ? zero + static_cast<T>(0.6931471805599453) : zero;
  return base + (double_s + double_s * (square * p));
}
