#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "manyclass/block_alias_table.hpp"

using manyclass::AliasEntry;
using manyclass::AliasThresholds;
using manyclass::BlockAliasTable;
using manyclass::VectorView;

namespace {

std::vector<double> scale(std::vector<double> weights) {
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& w : weights) w *= static_cast<double>(weights.size()) / total;
  return weights;
}

using Entries = std::vector<AliasEntry>;

Entries table_of(const std::vector<double>& scaled,
                 AliasThresholds thresholds = AliasThresholds::bits32) {
  Entries entries(scaled.size());
  manyclass::fill_alias_entries(scaled, thresholds, entries);
  return entries;
}

// The probability of each class that the table's thresholds stand for.
std::vector<double> probabilities(const Entries& entries) {
  const auto size = static_cast<double>(entries.size());
  std::vector<double> result(entries.size(), 0.0);
  for (std::size_t bucket = 0; bucket < entries.size(); ++bucket) {
    const double kept = static_cast<double>(entries[bucket].threshold) / 0x1p32;
    result[bucket] += kept / size;
    result[entries[bucket].alias] += (1.0 - kept) / size;
  }
  return result;
}

}  // namespace

TEST_CASE("The table's probabilities are the weights'") {
  for (const auto& weights :
       {std::vector<double>{1}, {1, 1}, {1, 0}, {5, 1, 0, 3, 1e-9}, {0, 0, 1, 0}, {3, 3, 3, 3}}) {
    const auto scaled = scale(weights);
    const auto result = probabilities(table_of(scaled));
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
  for (const auto thresholds : {AliasThresholds::bits32, AliasThresholds::float32}) {
    const auto result = probabilities(table_of(scale(weights), thresholds));
    for (std::size_t c = 0; c < 10; ++c) CHECK(result[c] == 0.0);
  }
}

TEST_CASE("A word's upper part is the bucket") {
  const Entries table = table_of(scale({1, 1, 1}));
  CHECK(manyclass::draw_alias(table.data(), 3, 0) == 0);
  CHECK(manyclass::draw_alias(table.data(), 3, ~std::uint64_t{0} / 2) == 1);
  CHECK(manyclass::draw_alias(table.data(), 3, ~std::uint64_t{0}) == 2);
}

namespace {

// Draws with words spread evenly over both levels, so that counts are the probabilities.
std::vector<double> drawn(const BlockAliasTable& table, int steps) {
  std::vector<double> count(static_cast<std::size_t>(table.size()), 0.0);
  const std::uint64_t step = ~std::uint64_t{0} / static_cast<std::uint64_t>(steps);
  for (int i = 0; i < steps; ++i) {
    for (int j = 0; j < steps; ++j) {
      const auto a = step / 2 + step * static_cast<std::uint64_t>(i);
      const auto b = step / 2 + step * static_cast<std::uint64_t>(j);
      count[static_cast<std::size_t>(table.draw(a, b))] += 1.0 / steps / steps;
    }
  }
  return count;
}

VectorView<const double> view(const std::vector<double>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}
VectorView<const std::int64_t> view(const std::vector<std::int64_t>& values) {
  return {values.data(), static_cast<std::int64_t>(values.size())};
}

}  // namespace

TEST_CASE("Two levels draw what the weights say, before and after changes") {
  // Mass in few classes of several blocks, the last of them short.
  std::vector<double> weights(10000, 0.0);
  weights[1] = 1.0;
  weights[4095] = 2.0;
  weights[4096] = 3.0;
  weights[9999] = 4.0;
  BlockAliasTable table(view(weights));
  CHECK(table.num_drawable() == 4);
  CHECK(table.total() == 10.0);

  const auto check = [&](const std::vector<double>& expected) {
    const auto count = drawn(table, 2000);
    double total = 0.0;
    for (const double w : expected) total += w;
    REQUIRE(table.size() == static_cast<std::int64_t>(expected.size()));
    for (std::size_t c = 0; c < expected.size(); ++c) {
      REQUIRE(std::abs(count[c] - expected[c] / total) < 2e-3);
      if (expected[c] == 0.0) REQUIRE(count[c] == 0.0);
    }
  };
  check(weights);

  table.update(view(std::vector<std::int64_t>{1, 9999, 1}), view(std::vector<double>{7, 0, 5}),
               10000);
  weights[1] = 5.0;  // the last of the repeated ones
  weights[9999] = 0.0;
  CHECK(table.num_drawable() == 3);
  check(weights);

  table.update(view(std::vector<std::int64_t>{12345}), view(std::vector<double>{10}), 12346);
  weights.resize(12346, 0.0);
  weights[12345] = 10.0;
  check(weights);

  table.update({}, {}, 30000);
  weights.resize(30000, 0.0);
  check(weights);
}
