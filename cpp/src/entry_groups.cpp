#include "entry_groups.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace manyclass {

namespace {

constexpr int most_digit_bits = 11;
constexpr std::int64_t most_few = 32;

struct Item {
  std::int64_t key;
  std::int64_t entry;
};

// One pass of a least-significant-digit radix sort; stable.
void sort_by_digit(const Item* in, Item* out, std::int64_t count, int shift, int bits) {
  std::array<std::int64_t, 1 << most_digit_bits> start;
  const std::int64_t mask = (std::int64_t{1} << bits) - 1;
  const auto digit = [&](const Item& item) {
    return static_cast<std::size_t>(item.key >> shift & mask);
  };
  std::fill_n(start.begin(), mask + 1, 0);
  for (std::int64_t i = 0; i < count; ++i) ++start[digit(in[i])];
  std::int64_t sum = 0;
  for (std::int64_t d = 0; d <= mask; ++d) {
    sum += std::exchange(start[static_cast<std::size_t>(d)], sum);
  }
  for (std::int64_t i = 0; i < count; ++i) out[start[digit(in[i])]++] = in[i];
}

// For so few that a radix sort's counts would take longer; stable.
void sort_few(Item* items, std::int64_t count) {
  for (std::int64_t i = 1; i < count; ++i) {
    const Item item = items[i];
    std::int64_t j = i;
    for (; j > 0 && items[j - 1].key > item.key; --j) items[j] = items[j - 1];
    items[j] = item;
  }
}

}  // namespace

EntryGroups group_entries(const std::int64_t* keys, std::int64_t num_entries, std::int64_t limit,
                          Scratch& scratch) {
  auto* items = scratch.take<Item>(num_entries);
  auto* other = scratch.take<Item>(num_entries);
  for (std::int64_t e = 0; e < num_entries; ++e) items[e] = {keys[e], e};
  const auto largest = static_cast<std::uint64_t>(std::max<std::int64_t>(limit - 1, 1));
  const auto bits = static_cast<int>(std::bit_width(largest));
  const bool few = num_entries <= most_few;
  if (few) sort_few(items, num_entries);
  const int passes = few ? 0 : (bits + most_digit_bits - 1) / most_digit_bits;
  for (int pass = 0; pass < passes; ++pass) {
    const int shift = pass * bits / passes;
    sort_by_digit(items, other, num_entries, shift, (pass + 1) * bits / passes - shift);
    std::swap(items, other);
  }

  auto* group_keys = scratch.take<std::int64_t>(num_entries);
  auto* begin = scratch.take<std::int64_t>(num_entries + 1);
  auto* entries = scratch.take<std::int64_t>(num_entries);
  std::int64_t num_groups = 0;
  for (std::int64_t i = 0; i < num_entries; ++i) {
    entries[i] = items[i].entry;
    if (i == 0 || items[i].key != items[i - 1].key) {
      group_keys[num_groups] = items[i].key;
      begin[num_groups++] = i;
    }
  }
  begin[num_groups] = num_entries;
  return {num_entries, num_groups, group_keys, begin, entries};
}

}  // namespace manyclass
