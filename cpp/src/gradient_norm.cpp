#include "gradient_norm.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "kernels/optimizer_kernels.hpp"
#include "manyclass/threads.hpp"
#include "scratch.hpp"

namespace manyclass {

namespace {

constexpr std::int64_t elements_per_task = 32768;

double sum_of_squares(const float* x, std::int64_t n) {
  return kernels::optimizer_tables().sum_of_squares_float(x, n);
}
double sum_of_squares(const double* x, std::int64_t n) {
  return kernels::optimizer_tables().sum_of_squares_double(x, n);
}

template <class V>
double sum_of_squares(const MatrixView<const V>& values, int num_threads) {
  const std::int64_t rows_per_task = elements_per_task / std::max<std::int64_t>(values.cols, 1) + 1;
  const std::int64_t tasks = (values.rows + rows_per_task - 1) / rows_per_task;
  Scratch scratch;
  auto* sums = scratch.take<double>(tasks);
  parallel_for(tasks, num_threads, [&](std::int64_t task, int) {
    const std::int64_t first = task * rows_per_task;
    double sum = 0.0;
    for (std::int64_t i = first; i < std::min(first + rows_per_task, values.rows); ++i) {
      sum += sum_of_squares(values.row(i), values.cols);
    }
    sums[task] = sum;
  });
  return std::accumulate(sums, sums + tasks, 0.0);
}

}  // namespace

double gradient_norm(std::span<const AnyRowUpdate> updates, int num_threads) {
  double sum = 0.0;
  for (const AnyRowUpdate& any : updates) {
    sum += std::visit(
        [&](const auto& update) { return sum_of_squares(update.values, num_threads); }, any);
  }
  return std::sqrt(sum);
}

}  // namespace manyclass
