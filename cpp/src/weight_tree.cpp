#include "manyclass/weight_tree.hpp"

#include <algorithm>
#include <bit>
#include <new>

#include "checks.hpp"

namespace manyclass {

namespace {

// 16 classes are one cache line; a sum for each of them would double the memory.
constexpr std::int64_t block_size = 16;

std::int64_t lowest_bit(std::int64_t b) { return b & -b; }

}  // namespace

WeightTree::Counts WeightTree::zeros(std::int64_t size) {
  // calloc takes large blocks from the system, which zeroes a page when it is first touched.
  void* memory = std::calloc(static_cast<std::size_t>(size), sizeof(std::uint32_t));
  if (memory == nullptr) throw std::bad_alloc();
  return Counts(static_cast<std::uint32_t*>(memory));
}

WeightTree::WeightTree(std::int64_t size)
    : size_(size),
      num_blocks_((size + block_size - 1) / block_size),
      total_(size),
      added_(zeros(size)),
      sums_(zeros(num_blocks_ + 1)) {}

std::int64_t WeightTree::pick(std::int64_t position) const {
  // Descend to the last block whose predecessors hold no more than `position`. The ones of classes
  // that the last block lacks are counted too; no position reaches them.
  std::int64_t block = 0;
  for (auto step =
           static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(num_blocks_)));
       step > 0; step /= 2) {
    if (block + step > num_blocks_) continue;
    const std::int64_t sum = step * block_size + sums_.get()[block + step];
    if (position < sum) continue;
    position -= sum;
    block += step;
  }
  std::int64_t class_id = block * block_size;
  while (position >= weight(class_id)) position -= weight(class_id++);
  return class_id;
}

void WeightTree::increment(std::int64_t class_id) {
  ++added_.get()[class_id];
  ++total_;
  for (std::int64_t b = class_id / block_size + 1; b <= num_blocks_; b += lowest_bit(b)) {
    ++sums_.get()[b];
  }
}

void WeightTree::assign(VectorView<const std::int64_t> weights) {
  require(weights.size == size_, "weights has ", weights.size,
          " entries; it must have one for each of the ", size_, " classes");
  std::int64_t total = 0;
  for (std::int64_t c = 0; c < size_; ++c) {
    require(weights[c] >= 1 && weights[c] <= most_total, "weights[", c, "] is ", weights[c],
            "; weights must lie in [1, ", most_total, "]");
    total += weights[c];
  }
  require(total <= most_total, "weights sum to ", total, "; their sum must be at most ",
          most_total);
  std::fill_n(sums_.get(), num_blocks_ + 1, 0U);
  for (std::int64_t c = 0; c < size_; ++c) {
    added_.get()[c] = static_cast<std::uint32_t>(weights[c] - 1);
    sums_.get()[c / block_size + 1] += added_.get()[c];
  }
  for (std::int64_t b = 1; b <= num_blocks_; ++b) {
    const std::int64_t parent = b + lowest_bit(b);
    if (parent <= num_blocks_) sums_.get()[parent] += sums_.get()[b];
  }
  total_ = total;
}

}  // namespace manyclass
