#include "entry_groups.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace manyclass {

namespace {

constexpr int most_digit_bits = 11;

struct Item {
  std::int64_t position;
  std::int64_t entry;
};

// One pass of a least-significant-digit radix sort; stable.
void sort_by_digit(const Item* in, Item* out, std::int64_t count, int shift, int bits) {
  std::array<std::int64_t, 1 << most_digit_bits> start;
  const std::int64_t mask = (std::int64_t{1} << bits) - 1;
  const auto digit = [&](const Item& item) {
    return static_cast<std::size_t>(item.position >> shift & mask);
  };
  std::fill_n(start.begin(), mask + 1, 0);
  for (std::int64_t i = 0; i < count; ++i) ++start[digit(in[i])];
  std::int64_t sum = 0;
  for (std::int64_t d = 0; d <= mask; ++d) {
    sum += std::exchange(start[static_cast<std::size_t>(d)], sum);
  }
  for (std::int64_t i = 0; i < count; ++i) out[start[digit(in[i])]++] = in[i];
}

}  // namespace

EntryGroups group_entries(const std::int64_t* positions, std::int64_t num_entries,
                          std::int64_t limit, Scratch& scratch) {
  auto* items = scratch.take<Item>(num_entries);
  auto* other = scratch.take<Item>(num_entries);
  for (std::int64_t e = 0; e < num_entries; ++e) items[e] = {positions[e], e};
  const auto largest = static_cast<std::uint64_t>(std::max<std::int64_t>(limit - 1, 1));
  const auto bits = static_cast<int>(std::bit_width(largest));
  const int passes = (bits + most_digit_bits - 1) / most_digit_bits;
  for (int pass = 0; pass < passes; ++pass) {
    const int shift = pass * bits / passes;
    sort_by_digit(items, other, num_entries, shift, (pass + 1) * bits / passes - shift);
    std::swap(items, other);
  }

  auto* group_positions = scratch.take<std::int64_t>(num_entries);
  auto* begin = scratch.take<std::int64_t>(num_entries + 1);
  auto* entries = scratch.take<std::int64_t>(num_entries);
  std::int64_t num_groups = 0;
  for (std::int64_t i = 0; i < num_entries; ++i) {
    entries[i] = items[i].entry;
    if (i == 0 || items[i].position != items[i - 1].position) {
      group_positions[num_groups] = items[i].position;
      begin[num_groups++] = i;
    }
  }
  begin[num_groups] = num_entries;
  return {num_entries, num_groups, group_positions, begin, entries};
}

}  // namespace manyclass
