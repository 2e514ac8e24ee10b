#include "manyclass/block_alias_table.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>
#include <utility>

#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

// As `push_back` would: growing one by one costs O(1) each.
template <class T>
void make_room(std::vector<T>& entries, std::size_t size) {
  if (size > entries.capacity()) entries.reserve(std::max(size, 2 * entries.capacity()));
}

}  // namespace

BlockAliasTable::BlockAliasTable(VectorView<const double> weights)
    : weights_(static_cast<std::size_t>(weights.size)),
      entries_(weights_.size()),
      block_totals_(static_cast<std::size_t>(num_blocks())) {
  parallel_for(num_blocks(), get_num_threads(), [&](std::int64_t block, int) {
    poll_interrupt();
    const std::int64_t first = block * block_size;
    const std::int64_t last = std::min(first + block_size, size());
    for (std::int64_t i = first; i < last; ++i) weights_[static_cast<std::size_t>(i)] = weights[i];
    block_totals_[static_cast<std::size_t>(block)] = build_block(
        {weights_.data() + first, static_cast<std::size_t>(last - first)}, entries_.data() + first);
  });
  set_top(build_top(block_totals_));
}

auto BlockAliasTable::build_block(std::span<const double> weights, AliasEntry* entries)
    -> BlockTotal {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const std::int64_t drawable =
      std::count_if(weights.begin(), weights.end(), [](double w) { return w > 0.0; });
  if (!(sum > 0.0)) return {sum, drawable};  // never looked into
  std::vector<double> scaled(weights.size());
  for (std::size_t i = 0; i < scaled.size(); ++i) {
    scaled[i] = weights[i] / sum * static_cast<double>(scaled.size());
  }
  fill_alias_entries(scaled, AliasThresholds::bits32, {entries, scaled.size()});
  return {sum, drawable};
}

auto BlockAliasTable::build_top(const std::vector<BlockTotal>& totals) -> Top {
  Top top{std::vector<AliasEntry>(totals.size()), 0.0, 0};
  for (const BlockTotal& block : totals) {
    top.total += block.sum;
    top.num_drawable += block.drawable;
  }
  std::vector<double> scaled(totals.size());
  for (std::size_t b = 0; b < scaled.size(); ++b) {
    scaled[b] = totals[b].sum / top.total * static_cast<double>(scaled.size());
  }
  fill_alias_entries(scaled, AliasThresholds::bits32, top.entries);
  return top;
}

void BlockAliasTable::set_top(Top top) {
  block_entries_ = std::move(top.entries);
  total_ = top.total;
  num_drawable_ = top.num_drawable;
}

std::int64_t BlockAliasTable::drawable_after(VectorView<const std::int64_t> indices,
                                             VectorView<const double> weights) const {
  std::unordered_map<std::int64_t, double> last;
  for (std::int64_t i = 0; i < indices.size; ++i) last[indices[i]] = weights[i];
  std::int64_t count = num_drawable_;
  for (const auto& [index, changed] : last) {
    const double before = index < size() ? weight(index) : 0.0;
    count += (changed > 0.0 ? 1 : 0) - (before > 0.0 ? 1 : 0);
  }
  return count;
}

std::vector<std::int64_t> BlockAliasTable::touched_blocks(VectorView<const std::int64_t> indices,
                                                          std::int64_t new_size) const {
  std::vector<std::int64_t> touched;
  if (new_size > size()) {
    // The last block becomes longer; its table must be made anew even if no class in it changes.
    for (std::int64_t b = num_blocks() - 1; b < blocks_of(new_size); ++b) touched.push_back(b);
  }
  for (std::int64_t i = 0; i < indices.size; ++i) touched.push_back(indices[i] / block_size);
  std::sort(touched.begin(), touched.end());
  touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
  return touched;
}

void BlockAliasTable::reserve(std::int64_t new_size) {
  make_room(weights_, static_cast<std::size_t>(new_size));
  make_room(entries_, static_cast<std::size_t>(new_size));
}

void BlockAliasTable::update(VectorView<const std::int64_t> indices,
                             VectorView<const double> weights, std::int64_t new_size) {
  const std::vector<std::int64_t> touched = touched_blocks(indices, new_size);
  const auto size_of = [&](std::int64_t block, std::int64_t end) {
    return std::clamp<std::int64_t>(end - block * block_size, 0, block_size);
  };
  // All is built aside, so that nothing has changed if memory runs out.
  std::vector<double> new_weights(touched.size() * static_cast<std::size_t>(block_size));
  std::vector<AliasEntry> new_entries(new_weights.size());
  for (std::size_t t = 0; t < touched.size(); ++t) {
    std::copy_n(weights_.begin() + touched[t] * block_size, size_of(touched[t], size()),
                new_weights.begin() + static_cast<std::int64_t>(t) * block_size);
  }
  for (std::int64_t i = 0; i < indices.size; ++i) {
    const std::int64_t block = indices[i] / block_size;
    const std::int64_t t =
        std::lower_bound(touched.begin(), touched.end(), block) - touched.begin();
    new_weights[static_cast<std::size_t>(t * block_size + indices[i] % block_size)] = weights[i];
  }
  std::vector<BlockTotal> totals = block_totals_;
  totals.resize(static_cast<std::size_t>(blocks_of(new_size)));
  parallel_for(
      static_cast<std::int64_t>(touched.size()), get_num_threads(), [&](std::int64_t t, int) {
        const std::int64_t block = touched[static_cast<std::size_t>(t)];
        const std::int64_t first = t * block_size;
        totals[static_cast<std::size_t>(block)] = build_block(
            {new_weights.data() + first, static_cast<std::size_t>(size_of(block, new_size))},
            new_entries.data() + first);
      });
  Top top = build_top(totals);
  reserve(new_size);

  // From here on nothing throws.
  weights_.resize(static_cast<std::size_t>(new_size));
  entries_.resize(static_cast<std::size_t>(new_size));
  for (std::size_t t = 0; t < touched.size(); ++t) {
    const std::int64_t from = static_cast<std::int64_t>(t) * block_size;
    const std::int64_t to = touched[t] * block_size;
    const std::int64_t count = size_of(touched[t], new_size);
    std::copy_n(new_weights.begin() + from, count, weights_.begin() + to);
    std::copy_n(new_entries.begin() + from, count, entries_.begin() + to);
  }
  block_totals_ = std::move(totals);
  set_top(std::move(top));
}

}  // namespace manyclass
