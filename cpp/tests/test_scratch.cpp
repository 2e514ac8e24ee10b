#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "scratch.hpp"

using manyclass::Scratch;

TEST_CASE("Scratch memory is aligned and its arrays do not overlap") {
  for (int call = 0; call < 3; ++call) {
    Scratch outer;
    Scratch inner;  // a second call at the same time has memory of its own
    std::vector<std::pair<unsigned char*, std::size_t>> taken;
    for (const std::size_t size : {1U, 63U, 64U, 1000U, 3U << 20, 10U, 0U, 7U << 20}) {
      for (Scratch* scratch : {&outer, &inner}) {
        auto* p = scratch->take<unsigned char>(std::int64_t(size));
        CHECK(reinterpret_cast<std::uintptr_t>(p) % 64 == 0);
        std::memset(p, int(taken.size()), size);
        taken.emplace_back(p, size);
      }
    }
    for (std::size_t i = 0; i < taken.size(); ++i) {
      const auto [p, size] = taken[i];
      REQUIRE(std::all_of(p, p + size, [i](unsigned char byte) { return byte == i; }));
    }
  }
}
