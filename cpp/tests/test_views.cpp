#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "manyclass/views.hpp"

using manyclass::MatrixView;
using manyclass::PartitionStrategy;
using manyclass::RowsView;

namespace {

// 13 classes on 5 shards, as SEMANTICS has them: each element is its class.
RowsView<const float> thirteen(PartitionStrategy strategy,
                               std::vector<std::vector<float>>& memory) {
  memory =
      strategy == PartitionStrategy::mod
          ? std::vector<std::vector<float>>{{0, 5, 10}, {1, 6, 11}, {2, 7, 12}, {3, 8}, {4, 9}}
          : std::vector<std::vector<float>>{{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {9, 10}, {11, 12}};
  std::vector<MatrixView<const float>> shards;
  for (const auto& shard : memory) {
    shards.push_back({shard.data(), std::int64_t(shard.size()), 1, 1});
  }
  return RowsView<const float>(shards, strategy, "weights");
}

}  // namespace

TEST_CASE("Both strategies find every class") {
  for (const auto strategy : {PartitionStrategy::div, PartitionStrategy::mod}) {
    std::vector<std::vector<float>> memory;
    const auto table = thirteen(strategy, memory);
    CHECK(table.num_rows() == 13);
    std::set<std::int64_t> positions;
    for (std::int64_t c = 0; c < 13; ++c) {
      CHECK(*table.row(c) == float(c));
      CHECK(table.class_at(table.position(c)) == c);
      positions.insert(table.position(c));
    }
    CHECK(positions.size() == 13);
    CHECK(table.first_position(5) == 13);
  }
}

TEST_CASE("Runs end where shards end") {
  std::vector<std::vector<float>> memory;
  const auto table = thirteen(PartitionStrategy::div, memory);
  CHECK(table.run_at(0, 100).rows == 3);
  CHECK(table.run_at(4, 100).rows == 2);
  CHECK(table.run_at(4, 1).rows == 1);
  CHECK(*table.run_at(9, 2).row(1) == 10.0F);
}

TEST_CASE("Fewer classes than shards leave shards empty") {
  const float row = 7;
  const std::vector<MatrixView<const float>> shards{{&row, 1, 1, 1}, {&row, 0, 1, 1}};
  const RowsView<const float> table(shards, PartitionStrategy::mod, "weights");
  CHECK(table.num_rows() == 1);
  CHECK(*table.row(0) == 7.0F);
}

TEST_CASE("Shards cut otherwise are refused") {
  const float rows[6] = {};
  const auto make = [&](std::vector<std::int64_t> sizes) {
    std::vector<MatrixView<const float>> shards;
    for (const std::int64_t size : sizes) shards.push_back({rows, size, 1, 1});
    return RowsView<const float>(shards, PartitionStrategy::div, "weights");
  };
  CHECK_NOTHROW(make({2, 1}));
  CHECK_THROWS_WITH(make({1, 2}), doctest::Contains("weights[0] has 1 rows"));
  CHECK_THROWS_WITH(make({}), doctest::Contains("empty list"));
}
