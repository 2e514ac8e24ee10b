// The row optimizers as plain loops: what every other target is tested against.
#include <bit>
#include <cmath>

#include "manyclass/random.hpp"
#include "targets.hpp"

namespace manyclass::kernels {

namespace {

template <class T>
T read(const T* row, std::int64_t i) {
  return row[i];
}
float read(const RoundedRow& row, std::int64_t i) {
  return std::bit_cast<float>(std::uint32_t{row.elements[i].bits} << 16);
}

std::uint32_t noise_of(const RoundedRow& row, std::int64_t i) {
  const auto low = [](std::uint64_t word) { return static_cast<std::uint32_t>(word); };
  const std::uint64_t block = row.counter + static_cast<std::uint64_t>(i / 8);
  const auto words = philox4x32_10(
      {low(block), low(block >> 32), low(row.counter_high), low(row.counter_high >> 32)},
      {low(row.key), low(row.key >> 32)});
  return words[static_cast<std::size_t>(i % 8 / 2)] >> (i % 2 * 16) & 0xffffU;
}

template <class T>
void write(T* row, std::int64_t i, T x) {
  row[i] = x;
}
void write(const RoundedRow& row, std::int64_t i, float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t low = bits & 0xffffU;
  std::uint32_t high = bits >> 16;
  if (std::isnan(x)) {
    high |= 0x40U;  // its fraction may have been in the lower half alone
  } else if (low + noise_of(row, i) > 0xffffU) {
    ++high;
  }
  row.elements[i].bits = static_cast<std::uint16_t>(high);
}

template <class T>
using Value = ComputeType<T>;

template <class T>
Value<T> decayed(const StepConstants<Value<T>>& k, const Value<T>* g, UpdatedRow<T> w,
                 std::int64_t i) {
  return k.gradient_scale * g[i] + k.weight_decay * read(w, i);
}

template <class T>
void sgd(const StepConstants<Value<T>>& k, const Value<T>* g, UpdatedRow<T> w, Value<T>* const*,
         std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) {
    write(w, i, read(w, i) - k.learning_rate * decayed<T>(k, g, w, i));
  }
}

template <class T>
void momentum(const StepConstants<Value<T>>& k, const Value<T>* g, UpdatedRow<T> w,
              Value<T>* const* state, std::int64_t n) {
  Value<T>* b = state[0];
  for (std::int64_t i = 0; i < n; ++i) {
    b[i] = k.momentum * b[i] + decayed<T>(k, g, w, i);
    write(w, i, read(w, i) - k.learning_rate * b[i]);
  }
}

template <class T>
void nesterov(const StepConstants<Value<T>>& k, const Value<T>* g, UpdatedRow<T> w,
              Value<T>* const* state, std::int64_t n) {
  Value<T>* b = state[0];
  for (std::int64_t i = 0; i < n; ++i) {
    const Value<T> d = decayed<T>(k, g, w, i);
    b[i] = k.momentum * b[i] + d;
    write(w, i, read(w, i) - k.learning_rate * (d + k.momentum * b[i]));
  }
}

template <class T>
void adagrad(const StepConstants<Value<T>>& k, const Value<T>* g, UpdatedRow<T> w,
             Value<T>* const* state, std::int64_t n) {
  Value<T>* a = state[0];
  for (std::int64_t i = 0; i < n; ++i) {
    const Value<T> d = decayed<T>(k, g, w, i);
    a[i] += d * d;
    write(w, i, read(w, i) - k.learning_rate * d / (std::sqrt(a[i] + k.initial) + k.epsilon));
  }
}

template <class T>
void rowwise_adagrad(const StepConstants<Value<T>>& k, const Value<T>* g, UpdatedRow<T> w,
                     Value<T>* const* state, std::int64_t n) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    const Value<T> d = decayed<T>(k, g, w, i);
    sum += double{d} * double{d};
  }
  *state[0] += static_cast<Value<T>>(sum / static_cast<double>(n));
  const Value<T> rate = k.learning_rate / (std::sqrt(*state[0] + k.initial) + k.epsilon);
  for (std::int64_t i = 0; i < n; ++i) write(w, i, read(w, i) - rate * decayed<T>(k, g, w, i));
}

template <class T>
void adam(const StepConstants<Value<T>>& k, const Value<T>* g, UpdatedRow<T> w,
          Value<T>* const* state, std::int64_t n) {
  Value<T>* m = state[0];
  Value<T>* v = state[1];
  const double steps = double{*state[2] += Value<T>{1}};
  const auto correction_1 = static_cast<Value<T>>(-std::expm1(steps * k.log_beta_1));
  const auto correction_2 = static_cast<Value<T>>(-std::expm1(steps * k.log_beta_2));
  for (std::int64_t i = 0; i < n; ++i) {
    const Value<T> d = k.gradient_scale * g[i];
    m[i] = k.beta_1 * m[i] + k.gain_1 * d;
    v[i] = k.beta_2 * v[i] + k.gain_2 * d * d;
    const Value<T> move = m[i] / correction_1 / (std::sqrt(v[i] / correction_2) + k.epsilon);
    write(w, i, k.keep * read(w, i) - k.learning_rate * move);
  }
}

template <class T>
double sum_of_squares(const T* x, std::int64_t n) {
  double sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) sum += double{x[i]} * double{x[i]};
  return sum;
}

template <class T>
constexpr OptimizerTable<T> make_table() {
  return {sgd<T>, momentum<T>, nesterov<T>, adagrad<T>, rowwise_adagrad<T>, adam<T>};
}

}  // namespace

const OptimizerTables reference_optimizers = {make_table<float>(), make_table<double>(),
                                              make_table<Bfloat16>(), sum_of_squares<float>,
                                              sum_of_squares<double>};

}  // namespace manyclass::kernels
