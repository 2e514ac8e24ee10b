// An alias table in two levels, so that a change rebuilds a small part of it.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "manyclass/alias_table.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// Weights of up to 2^32 classes in blocks of 4,096: an alias table for each block, and one over
/// the blocks' sums. A draw looks into both.
class BlockAliasTable {
 public:
  static constexpr std::int64_t block_size = 4096;

  /// Weights must be finite, none negative and one above zero. Built in parallel, O(n).
  explicit BlockAliasTable(VectorView<const double> weights);

  std::int64_t size() const { return static_cast<std::int64_t>(weights_.size()); }
  /// How many weights are above zero.
  std::int64_t num_drawable() const { return num_drawable_; }
  double total() const { return total_; }
  double weight(std::int64_t i) const { return weights_[static_cast<std::size_t>(i)]; }

  /// Gives class indices[i] the weight weights[i] (the last one, if repeated) and grows to
  /// `new_size`, where classes not named have weight 0. Rebuilds the blocks touched and the table
  /// over the blocks. `drawable_after` must be above zero. Nothing changes if it throws.
  void update(VectorView<const std::int64_t> indices, VectorView<const double> weights,
              std::int64_t new_size);

  /// How many weights would be above zero after such an update.
  std::int64_t drawable_after(VectorView<const std::int64_t> indices,
                              VectorView<const double> weights) const;

  /// One draw from two 64-bit words, one for each level.
  std::int64_t draw(std::uint64_t block_word, std::uint64_t class_word) const {
    const std::int64_t block = draw_alias(block_entries_.data(), block_entries_.size(), block_word);
    const std::int64_t first = block * block_size;
    const std::int64_t left = size() - first;
    return first + draw_alias(entries_.data() + first,
                              static_cast<std::uint64_t>(left < block_size ? left : block_size),
                              class_word);
  }

  /// The same for `count` draws.
  void draw_many(const std::uint64_t* block_words, const std::uint64_t* class_words,
                 std::int64_t count, std::int64_t* out) const {
    for (std::int64_t i = 0; i < count; ++i) out[i] = draw(block_words[i], class_words[i]);
  }

 private:
  static std::int64_t blocks_of(std::int64_t size) { return (size + block_size - 1) / block_size; }
  std::int64_t num_blocks() const { return blocks_of(size()); }
  std::vector<std::int64_t> touched_blocks(VectorView<const std::int64_t> indices,
                                           std::int64_t new_size) const;
  void reserve(std::int64_t new_size);

  /// A block's sum and the number of its weights above zero.
  struct BlockTotal {
    double sum;
    std::int64_t drawable;
  };
  /// The table over the blocks.
  struct Top {
    std::vector<AliasEntry> entries;
    double total;
    std::int64_t num_drawable;
  };
  static BlockTotal build_block(std::span<const double> weights, AliasEntry* entries);
  static Top build_top(const std::vector<BlockTotal>& totals);
  void set_top(Top top);

  std::vector<double> weights_;
  std::vector<AliasEntry> entries_;
  std::vector<BlockTotal> block_totals_;
  std::vector<AliasEntry> block_entries_;
  double total_ = 0.0;
  std::int64_t num_drawable_ = 0;
};

}  // namespace manyclass
