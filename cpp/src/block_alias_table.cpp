#include "manyclass/block_alias_table.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

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
      block_sums_(static_cast<std::size_t>(num_blocks())),
      block_drawable_(block_sums_.size()) {
  parallel_for(num_blocks(), get_num_threads(), [&](std::int64_t block, int) {
    const std::int64_t last = std::min((block + 1) * block_size, size());
    for (std::int64_t i = block * block_size; i < last; ++i) {
      weights_[static_cast<std::size_t>(i)] = weights[i];
    }
    build_block(block);
  });
  build_top();
}

void BlockAliasTable::build_block(std::int64_t block) {
  const auto first = static_cast<std::size_t>(block * block_size);
  const auto count = std::min(static_cast<std::size_t>(block_size), weights_.size() - first);
  const std::span<const double> weights(weights_.data() + first, count);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  block_sums_[static_cast<std::size_t>(block)] = sum;
  block_drawable_[static_cast<std::size_t>(block)] =
      std::count_if(weights.begin(), weights.end(), [](double w) { return w > 0.0; });
  if (!(sum > 0.0)) return;  // never looked into
  std::vector<double> scaled(count);
  for (std::size_t i = 0; i < count; ++i) {
    scaled[i] = weights[i] / sum * static_cast<double>(count);
  }
  fill_alias_entries(scaled, AliasThresholds::bits32, {entries_.data() + first, count});
}

void BlockAliasTable::build_top() {
  total_ = std::accumulate(block_sums_.begin(), block_sums_.end(), 0.0);
  num_drawable_ = std::accumulate(block_drawable_.begin(), block_drawable_.end(), std::int64_t{0});
  std::vector<double> scaled(block_sums_.size());
  for (std::size_t b = 0; b < scaled.size(); ++b) {
    scaled[b] = block_sums_[b] / total_ * static_cast<double>(scaled.size());
  }
  block_entries_.resize(scaled.size());
  fill_alias_entries(scaled, AliasThresholds::bits32, block_entries_);
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

void BlockAliasTable::grow(std::int64_t new_size) {
  const auto num_classes = static_cast<std::size_t>(new_size);
  const auto num_blocks = static_cast<std::size_t>(blocks_of(new_size));
  // All memory first: if there is too little, no array becomes longer than the others.
  make_room(weights_, num_classes);
  make_room(entries_, num_classes);
  make_room(block_sums_, num_blocks);
  make_room(block_drawable_, num_blocks);
  make_room(block_entries_, num_blocks);
  weights_.resize(num_classes, 0.0);
  entries_.resize(num_classes);
  block_sums_.resize(num_blocks, 0.0);
  block_drawable_.resize(num_blocks, 0);
}

void BlockAliasTable::update(VectorView<const std::int64_t> indices,
                             VectorView<const double> weights, std::int64_t new_size) {
  const std::vector<std::int64_t> touched = touched_blocks(indices, new_size);
  if (new_size > size()) grow(new_size);
  for (std::int64_t i = 0; i < indices.size; ++i) {
    weights_[static_cast<std::size_t>(indices[i])] = weights[i];
  }
  parallel_for(static_cast<std::int64_t>(touched.size()), get_num_threads(),
               [&](std::int64_t t, int) { build_block(touched[static_cast<std::size_t>(t)]); });
  build_top();
}

}  // namespace manyclass
