// Random words, and what candidate samplers make of them in bulk, as functions behind one table per
// instruction set.
#pragma once

#include <cstdint>

namespace manyclass::kernels {

struct RandomTable {
  /// Blocks `counter` to `counter + count` of Philox4x32-10, which must not carry: their words 0
  /// and 1 as first[i], words 2 and 3 as second[i].
  void (*philox)(std::uint64_t key, std::uint64_t counter, std::uint64_t counter_high,
                 std::int64_t count, std::uint64_t* first, std::uint64_t* second);

  /// values[i] = exp(u scale), to a few ulp, for the double u in [0, 1) that TensorFlow reads from
  /// words[i]; 0 <= scale < 700.
  void (*exp_of_words)(const std::uint64_t* words, std::int64_t count, double scale,
                       double* values);

  /// p[i] = float32(log((c + 2) / (c + 1)) / scale) for c = ids[i] >= 0, the logarithm in double.
  void (*log_uniform_probability)(const std::int64_t* ids, std::int64_t count, double scale,
                                  float* p);

  /// counts[i] = -expm1(num_draws * log1p(-p[i])), each function and the product rounded to
  /// float32, for 0 <= p[i] <= largest_count_p.
  void (*count_of_repeated)(const float* p, std::int64_t count, float num_draws, float* counts);

  /// x[i] = log(x[i]), to two ulp, for x[i] > 0. NaN stays NaN.
  void (*log)(double* x, std::int64_t count);

  /// x[i] = log(1 + x[i]), to three ulp, for x[i] >= 0. NaN stays NaN.
  void (*log1p)(double* x, std::int64_t count);
};

/// The largest probability that `count_of_repeated` takes.
inline constexpr float largest_count_p = 0.4F;

/// The table chosen for this process.
const RandomTable& random_table();

}  // namespace manyclass::kernels
