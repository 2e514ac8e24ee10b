// The copy of rows in 8 bits against the formula, and what it refuses.
#include <doctest/doctest.h>

#include <cmath>
#include <stdexcept>
#include <vector>

#include "manyclass/quantized_rows.hpp"

using namespace manyclass;

namespace {

// Rows that no formula would make: r * 1000 + i, each second one negative.
std::vector<float> numbered(std::int64_t rows, std::int64_t dim) {
  std::vector<float> values;
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t i = 0; i < dim; ++i) {
      values.push_back(static_cast<float>((i % 2 == 0 ? 1 : -1) * (r * 1000 + i * 7 + 1)));
    }
  }
  return values;
}

RowsView<const float> table(const std::vector<float>& values, std::int64_t dim) {
  return RowsView<const float>({values.data(), std::ssize(values) / dim, dim, dim});
}

void check_row(const QuantizedRows& quantized, std::int64_t position, const float* row) {
  CAPTURE(position);
  float largest = 0.0F;
  for (std::int64_t i = 0; i < quantized.dim(); ++i) largest = std::max(largest, std::abs(row[i]));
  const float scale = quantized.scales()[position];
  REQUIRE(scale == largest / 127.0F);
  for (std::int64_t i = 0; i < quantized.dim(); ++i) {
    const double error = double{scale} * quantized.rows().row(position)[i] - double{row[i]};
    REQUIRE(std::abs(error) <= 0.5 * double{scale} * (1 + 1e-5));
  }
}

}  // namespace

TEST_CASE("quantised rows: the nearest multiples of a scale") {
  for (const std::int64_t dim : {1, 2, 7, 16, 33}) {
    for (const int threads : {1, 3}) {
      CAPTURE(dim);
      const auto values = numbered(9000, dim);
      const QuantizedRows quantized(table(values, dim), threads);
      CHECK(quantized.num_rows() == 9000);
      CHECK(quantized.dim() == dim);
      CHECK(quantized.bytes() >= 9000 * (dim + 4));
      for (std::int64_t r = 0; r < 9000; r += 13) check_row(quantized, r, values.data() + r * dim);
    }
  }
}

TEST_CASE("quantised rows: shards lie one after another") {
  const auto values = numbered(10, 4);
  const RowsView<const float> mod(
      {{values.data(), 4, 4, 4}, {values.data() + 16, 3, 4, 4}, {values.data() + 28, 3, 4, 4}},
      PartitionStrategy::mod, "weights");
  const QuantizedRows quantized(mod);
  for (std::int64_t r = 0; r < 10; ++r) check_row(quantized, r, values.data() + r * 4);
}

TEST_CASE("quantised rows: some are taken anew") {
  auto values = numbered(20, 3);
  QuantizedRows quantized(table(values, 3));
  for (float& value : values) value = 5.0F - value;
  const std::vector<std::int64_t> ids = {7, 3, 7, 19};
  quantized.update(table(values, 3), {ids.data(), 4});
  for (const std::int64_t r : {3, 7, 19}) check_row(quantized, r, values.data() + r * 3);
  CHECK(quantized.scales()[4] == numbered(20, 3)[14] / 127.0F);
  quantized.update(table(values, 3));
  for (std::int64_t r = 0; r < 20; ++r) check_row(quantized, r, values.data() + r * 3);
}

TEST_CASE("quantised rows: what does not fit is refused, nothing is written") {
  const auto values = numbered(20, 3);
  QuantizedRows quantized(table(values, 3));
  const auto other = numbered(12, 5);
  const float before = quantized.scales()[1];
  const std::vector<std::int64_t> ids = {1, 20};
  CHECK_THROWS_WITH_AS(quantized.update(table(other, 5), {ids.data(), 2}),
                       "weights has shape [12, 5]; its quantised copy has [20, 3]",
                       std::invalid_argument);
  CHECK_THROWS_WITH_AS(quantized.update(table(other, 3), {ids.data(), 2}),
                       "ids[1] is 20, outside [0, 20)", std::invalid_argument);
  CHECK(quantized.scales()[1] == before);
  const std::vector<float> wide(133145);
  CHECK_THROWS_WITH_AS(QuantizedRows(table(wide, 133145)),
                       "weights has 133145 columns; a quantised copy takes 1 to 133144",
                       std::invalid_argument);
}
