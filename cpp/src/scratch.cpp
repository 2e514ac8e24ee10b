#include "scratch.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <new>

namespace manyclass {

namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t first_block = std::size_t{1} << 20;
constexpr std::size_t most_kept = std::size_t{64} << 20;  // bytes, in each arena

struct FreeAligned {
  void operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{alignment}); }
};

struct Block {
  std::unique_ptr<std::byte, FreeAligned> memory;
  std::size_t size;
};

Block make_block(std::size_t size) {
  auto* memory = static_cast<std::byte*>(::operator new(size, std::align_val_t{alignment}));
  return {std::unique_ptr<std::byte, FreeAligned>(memory), size};
}

}  // namespace

struct Scratch::Arena {
  std::vector<Block> blocks;
  std::size_t used = 0;  // of the last block

  std::size_t total() const {
    std::size_t bytes = 0;
    for (const Block& block : blocks) bytes += block.size;
    return bytes;
  }
};

namespace {

// Arenas between calls. Slots are exchanged without a lock, so a fork at any moment is harmless.
constexpr std::size_t num_slots = 4;
std::array<std::atomic<Scratch::Arena*>, num_slots> slots{};

std::unique_ptr<Scratch::Arena> take_kept() {
  for (auto& slot : slots) {
    if (auto* arena = slot.exchange(nullptr)) return std::unique_ptr<Scratch::Arena>(arena);
  }
  return std::make_unique<Scratch::Arena>();
}

void keep(std::unique_ptr<Scratch::Arena> arena) {
  for (auto& slot : slots) {
    Scratch::Arena* empty = nullptr;
    if (slot.compare_exchange_strong(empty, arena.get())) {
      arena.release();  // NOLINT(bugprone-unused-return-value): the slot owns it now
      return;
    }
  }
}

}  // namespace

Scratch::Scratch() : arena_(take_kept()) {}

Scratch::~Scratch() {
  // Several blocks mean that the call outgrew what was kept: the largest serves better next time.
  while (arena_->blocks.size() > 1 || (!arena_->blocks.empty() && arena_->total() > most_kept)) {
    const bool last_is_larger =
        arena_->blocks.size() > 1 && arena_->blocks.back().size <= most_kept;
    arena_->blocks.erase(last_is_larger ? arena_->blocks.begin() : arena_->blocks.end() - 1);
  }
  arena_->used = 0;
  keep(std::move(arena_));
}

void* Scratch::take_bytes(std::size_t bytes) {
  const std::size_t needed = (bytes + alignment - 1) / alignment * alignment;
  auto& blocks = arena_->blocks;
  if (blocks.empty() || blocks.back().size - arena_->used < needed) {
    // Each block is at least as large as all before it together, so there are few.
    blocks.push_back(make_block(std::max({needed, arena_->total(), first_block})));
    arena_->used = 0;
  }
  void* place = blocks.back().memory.get() + arena_->used;
  arena_->used += needed;
  return place;
}

}  // namespace manyclass
