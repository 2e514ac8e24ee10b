#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

#include "entry_groups.hpp"

TEST_CASE("Entries are grouped by ascending position, in their order within a group") {
  std::mt19937_64 random(1);
  for (const std::int64_t limit : {std::int64_t{1}, std::int64_t{2}, std::int64_t{50},
                                   std::int64_t{100000}, std::int64_t{1} << 40}) {
    for (const std::size_t size : {0U, 1U, 7U, 1000U}) {
      std::vector<std::int64_t> positions(size);
      for (auto& p : positions) p = std::int64_t(random() % std::uint64_t(limit));
      if (size > 0) positions[0] = limit - 1;
      std::map<std::int64_t, std::vector<std::int64_t>> expected;
      for (std::size_t e = 0; e < size; ++e) expected[positions[e]].push_back(std::int64_t(e));

      manyclass::Scratch scratch;
      const auto groups =
          manyclass::group_entries(positions.data(), std::int64_t(size), limit, scratch);
      REQUIRE(groups.num_groups == std::int64_t(expected.size()));
      std::int64_t g = 0;
      for (const auto& [position, entries] : expected) {
        REQUIRE(groups.keys[g] == position);
        REQUIRE(std::vector<std::int64_t>(groups.entries + groups.begin[g],
                                          groups.entries + groups.begin[g + 1]) == entries);
        ++g;
      }
    }
  }
}
