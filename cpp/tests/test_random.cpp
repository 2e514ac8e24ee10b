#include <doctest/doctest.h>

#include "manyclass/random.hpp"

using manyclass::PhiloxReader;
using manyclass::PhiloxStream;

using Words = std::array<std::uint32_t, 4>;

TEST_CASE("Philox4x32-10 gives the known answers of Random123") {
  using manyclass::philox4x32_10;
  CHECK(philox4x32_10({0, 0, 0, 0}, {0, 0}) ==
        Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32_10({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("A stream's counter is 128 bits wide") {
  PhiloxStream stream({7, 9}, ~std::uint64_t{0});
  CHECK(stream.words(1) == PhiloxStream({7, 10}, 0).words());
  stream.skip(3);
  CHECK(stream.block() == 2);
  CHECK(stream.seed().second == 10);
}

TEST_CASE("A reader takes a block's words in order") {
  const Words words = PhiloxStream({1, 2}).words();
  PhiloxReader reader{PhiloxStream({1, 2})};
  CHECK(reader.next32() == words[0]);
  CHECK(reader.next64() == (words[1] | std::uint64_t{words[2]} << 32));
  CHECK(reader.next_float_bits() == (words[3] & 0x7fffffU));
  CHECK(reader.next32() == PhiloxStream({1, 2}, 1).words()[0]);
}

TEST_CASE("Doubles take 20 bits of the first word and all of the second") {
  const Words words = PhiloxStream({3, 4}).words();
  PhiloxReader reader{PhiloxStream({3, 4})};
  const double expected = ((words[0] & 0xfffffU) * 0x1p32 + words[1]) / 0x1p52;
  CHECK(reader.next_double() == expected);
}

TEST_CASE("Uniform integers stay below n and reach every value") {
  PhiloxReader reader{PhiloxStream({5, 6})};
  for (const std::uint32_t n : {1U, 2U, 3U, 7U, 8U}) {
    std::array<int, 8> count{};
    for (int i = 0; i < 8000; ++i) {
      const std::uint32_t value = reader.uniform32(n);
      REQUIRE(value < n);
      ++count[value];
    }
    for (std::uint32_t value = 0; value < n; ++value) CHECK(count[value] > 8000 / int(n) / 2);
  }
  for (int i = 0; i < 100; ++i) CHECK(reader.uniform64((std::uint64_t{1} << 63) + 1) <= 1ULL << 63);
}

TEST_CASE("Words in bulk carry into the upper half of the counter") {
  const PhiloxStream start({1, 2}, ~std::uint64_t{0} - 2);
  std::array<std::uint64_t, 6> first{}, second{};
  manyclass::philox_words(start, 6, first.data(), second.data());
  for (std::size_t i = 0; i < 6; ++i) {
    const Words words = start.words(i);
    CHECK(first[i] == (words[0] | std::uint64_t{words[1]} << 32));
    CHECK(second[i] == (words[2] | std::uint64_t{words[3]} << 32));
  }
}
