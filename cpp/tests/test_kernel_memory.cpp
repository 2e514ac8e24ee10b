// Every kernel on arrays of all small sizes and alignments that lie beside forbidden pages: it may
// touch nothing but its arguments, and what it computes there is what the plain reference does.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "guarded_array.hpp"
#include "kernel_testing.hpp"

using namespace manyclass::kernels;
using manyclass::Guard;
using manyclass::GuardedArray;

namespace {

constexpr std::int64_t most_size = 70;  // more than twice the longest unrolled loop of vectors

template <class T, class Check>
void at_both_guards(Check check) {
  on_every_target<T>([&](const KernelTable<T>& kernel) {
    for (const Guard guard : {Guard::before, Guard::behind}) check(kernel, guard);
  });
}

std::int64_t lanes_of(std::int64_t rows) {
  return (rows + lane_multiple - 1) / lane_multiple * lane_multiple;
}

// All three products of one shape, A with the strides of a matrix or of a transposed one.
template <class T>
void check_products(const KernelTable<T>& kernel, Guard guard, std::int64_t m, std::int64_t n,
                    std::int64_t k, bool transposed) {
  CAPTURE(m);
  CAPTURE(n);
  const std::int64_t a_row = transposed ? 1 : k + 2;
  const std::int64_t a_col = transposed ? m + 2 : 1;
  const std::int64_t b_row = n + 1;
  const std::int64_t c_row = n + 3;
  const auto a = integers<T>(std::size_t((m - 1) * a_row + (k - 1) * a_col + 1), 1);
  const auto b = integers<T>(std::size_t((k - 1) * b_row + n), 2);
  auto expected = integers<T>(std::size_t((m - 1) * c_row + n), 3);
  const auto starts = integers<T>(std::size_t(m), 4);
  GuardedArray<T> left(a, guard), right(b, guard), product(expected, guard), start(starts, guard);

  reference<T>().multiply_add(m, n, k, a.data(), a_row, a_col, b.data(), b_row, expected.data(),
                              c_row);
  kernel.multiply_add(m, n, k, left.data(), a_row, a_col, right.data(), b_row, product.data(),
                      c_row);
  REQUIRE(product.values() == expected);

  for (std::int64_t i = 0; i < m; ++i) {
    std::fill_n(expected.data() + i * c_row, n, starts[std::size_t(i)]);
  }
  reference<T>().multiply_add(m, n, k, a.data(), a_row, a_col, b.data(), b_row, expected.data(),
                              c_row);
  kernel.multiply(m, n, k, left.data(), a_row, a_col, right.data(), b_row, start.data(),
                  product.data(), c_row);
  REQUIRE(product.values() == expected);

  std::vector<T*> rows;  // from the last to the first
  for (std::int64_t i = m; i-- > 0;) rows.push_back(product.data() + i * c_row);
  GuardedArray<T*> places(rows, guard);
  reference<T>().multiply_add(m, n, k, a.data() + (m - 1) * a_row, -a_row, a_col, b.data(), b_row,
                              expected.data(), c_row);
  kernel.multiply_to_rows(m, n, k, left.data(), a_row, a_col, right.data(), b_row, true,
                          places.data());
  REQUIRE(product.values() == expected);
}

}  // namespace

TEST_CASE("targets that this processor does not support are left out of every test") {
  for (const Target& target : compiled_targets()) {
    MESSAGE((std::string(target.name) + (target.supported() ? ": tested" : ": left out")));
  }
}

TEST_CASE_TEMPLATE("rows of every size beside forbidden memory", T, float, double) {
  at_both_guards<T>([](const KernelTable<T>& kernel, Guard guard) {
    for (std::int64_t n = 0; n <= most_size; ++n) {
      CAPTURE(n);
      const auto x = integers<T>(std::size_t(n), 1);
      const auto y = integers<T>(std::size_t(n), 2);
      GuardedArray<T> a(x, guard), b(y, guard);
      REQUIRE(kernel.dot(a.data(), b.data(), n) == reference<T>().dot(x.data(), y.data(), n));
      REQUIRE(kernel.sum(a.data(), n) == reference<T>().sum(x.data(), n));
      auto expected = y;
      reference<T>().axpy(T{3}, x.data(), expected.data(), n);
      kernel.axpy(T{3}, a.data(), b.data(), n);
      REQUIRE(b.values() == expected);
      for (T& value : expected) value *= T{5};
      kernel.scale(T{5}, b.data(), b.data(), n);
      REQUIRE(b.values() == expected);
      REQUIRE(a.values() == x);
    }
  });
}

TEST_CASE_TEMPLATE("transpose of every size beside forbidden memory", T, float, double) {
  at_both_guards<T>([](const KernelTable<T>& kernel, Guard guard) {
    for (std::int64_t rows = 1; rows <= 33; ++rows) {
      for (const std::int64_t cols : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 35}) {
        for (const std::int64_t lanes : {lanes_of(rows), std::int64_t{64}}) {
          const std::int64_t in_row = cols + rows % 3;
          const auto values = integers<T>(std::size_t((rows - 1) * in_row + cols), 4);
          std::vector<T> expected(std::size_t(cols * lanes), T{9});
          reference<T>().transpose(values.data(), rows, cols, in_row, expected.data(), lanes);
          GuardedArray<T> in(values, guard);
          GuardedArray<T> out(std::vector<T>(expected.size(), T{7}), guard);
          kernel.transpose(in.data(), rows, cols, in_row, out.data(), lanes);
          REQUIRE(out.values() == expected);
        }
      }
    }
  });
}

TEST_CASE_TEMPLATE("products of every size beside forbidden memory", T, float, double) {
  at_both_guards<T>([](const KernelTable<T>& kernel, Guard guard) {
    for (const bool transposed : {false, true}) {
      for (std::int64_t m = 1; m <= 30; ++m) {  // every height of a register tile, and two of them
        for (const std::int64_t n : {1, 17, 33}) check_products(kernel, guard, m, n, 3, transposed);
      }
      for (std::int64_t n = 1; n <= 49; n += n < 35 ? 1 : 2) {
        for (const std::int64_t m : {1, 15}) check_products(kernel, guard, m, n, 130, transposed);
      }
    }
  });
}

TEST_CASE_TEMPLATE("columns beside forbidden memory", T, float, double) {
  at_both_guards<T>([](const KernelTable<T>& kernel, Guard guard) {
    for (const std::int64_t lanes : {16, 32, 48, 64}) {
      for (const std::int64_t rows : {0, 1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 129}) {
        const auto z = integers<T>(std::size_t(rows * lanes), 1);
        const auto other = integers<T>(std::size_t(lanes), 2);
        auto expected = integers<T>(std::size_t(lanes), 3);
        GuardedArray<T> tile(z, guard), line(other, guard), result(expected, guard);
        reference<T>().column_max(z.data(), rows, lanes, expected.data());
        kernel.column_max(tile.data(), rows, lanes, result.data());
        REQUIRE(result.values() == expected);
        const std::vector<T> ties(std::size_t(lanes), static_cast<T>(rows / 2));
        GuardedArray<T> tie_rows(ties, guard);
        reference<T>().column_count_above(z.data(), rows, lanes, other.data(), ties.data(),
                                          expected.data());
        kernel.column_count_above(tile.data(), rows, lanes, line.data(), tie_rows.data(),
                                  result.data());
        REQUIRE(result.values() == expected);
        auto scaled = z;
        reference<T>().column_scale(scaled.data(), rows, lanes, other.data());
        kernel.column_scale(tile.data(), rows, lanes, line.data());
        REQUIRE(tile.values() == scaled);
        auto sums = integers<T>(std::size_t(rows), 5);
        GuardedArray<T> row_sums(sums, guard);
        reference<T>().row_products(scaled.data(), rows, lanes, lanes, other.data(), sums.data());
        kernel.row_products(tile.data(), rows, lanes, lanes, line.data(), row_sums.data());
        REQUIRE(row_sums.values() == sums);
        // Rows that end anywhere in a vector, the last one at the forbidden page.
        for (std::int64_t k = lanes - 15; rows > 0 && k <= lanes; ++k) {
          GuardedArray<T> cut(std::vector<T>(z.end() - ((rows - 1) * lanes + k), z.end()), guard);
          GuardedArray<T> short_line(std::vector<T>(other.end() - k, other.end()), guard);
          auto products = sums;
          reference<T>().row_products(cut.data(), rows, k, lanes, short_line.data(),
                                      products.data());
          kernel.row_products(cut.data(), rows, k, lanes, short_line.data(), row_sums.data());
          sums = products;
          REQUIRE(row_sums.values() == sums);
        }
        // Their values are tested elsewhere; what they touch, here.
        GuardedArray<T> exponents(std::vector<T>(z.size(), T{-1}), guard), totals(other, guard);
        kernel.column_sum_exp(exponents.data(), rows, lanes, line.data(), totals.data());
        kernel.column_exp(exponents.data(), rows, lanes, line.data(), totals.data());
        kernel.column_logistic(exponents.data(), rows, lanes, totals.data());
      }
    }
  });
}
