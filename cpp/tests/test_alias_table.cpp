#include <doctest/doctest.h>

#include <numeric>
#include <vector>

#include "manyclass/alias_table.hpp"

using manyclass::AliasTable;

namespace {

std::vector<double> scale(std::vector<double> weights) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& w : weights) w *= static_cast<double>(weights.size()) / total;
  return weights;
}

// The probability of each class that the table's thresholds stand for.
std::vector<double> probabilities(const AliasTable& table) {
  const auto size = static_cast<std::uint32_t>(table.size());
  std::vector<double> result(size, 0.0);
  for (std::uint32_t bucket = 0; bucket < size; ++bucket) {
    // The threshold by bisection: `pick` keeps the bucket below it.
    std::uint64_t low = 0;
    std::uint64_t high = std::uint64_t{1} << 32;
    const std::uint32_t alias = table.pick(bucket, ~0U);
    while (low < high) {
      const std::uint64_t middle = (low + high) / 2;
      if (table.pick(bucket, static_cast<std::uint32_t>(middle)) != alias) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    result[bucket] += static_cast<double>(low) / 0x1p32 / size;
    result[alias] += (1.0 - static_cast<double>(low) / 0x1p32) / size;
  }
  return result;
}

}  // namespace

TEST_CASE("The table's probabilities are the weights'") {
  for (const auto& weights :
       {std::vector<double>{1}, {1, 1}, {1, 0}, {5, 1, 0, 3, 1e-9}, {0, 0, 1, 0}, {3, 3, 3, 3}}) {
    const auto scaled = scale(weights);
    const AliasTable table(scaled, AliasTable::Thresholds::bits32);
    const auto result = probabilities(table);
    for (std::size_t c = 0; c < weights.size(); ++c) {
      CHECK(result[c] == doctest::Approx(scaled[c] / double(weights.size())).epsilon(1e-8));
      if (weights[c] == 0.0) CHECK(result[c] == 0.0);
    }
  }
}

TEST_CASE("Classes of weight zero are never drawn, whatever rounding leaves unpaired") {
  // Reserved classes come first and are paired last.
  std::vector<double> weights(1000, 0.0);
  for (std::size_t c = 10; c < weights.size(); ++c) weights[c] = 1.0 / (double(c) - 5.3);
  for (const auto thresholds : {AliasTable::Thresholds::bits32, AliasTable::Thresholds::float32}) {
    const auto result = probabilities(AliasTable(scale(weights), thresholds));
    for (std::size_t c = 0; c < 10; ++c) CHECK(result[c] == 0.0);
  }
}

TEST_CASE("A word's upper part is the bucket") {
  const AliasTable table(scale({1, 1, 1}), AliasTable::Thresholds::bits32);
  CHECK(table.draw(0) == 0);
  CHECK(table.draw(~std::uint64_t{0} / 2) == 1);
  CHECK(table.draw(~std::uint64_t{0}) == 2);
}
