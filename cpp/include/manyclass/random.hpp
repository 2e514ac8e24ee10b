// Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3") and the way
// TensorFlow's candidate samplers read it, so that a seed gives TensorFlow's own candidates.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace manyclass {

/// One block of Philox4x32-10: four 32-bit words from a 128-bit counter and a 64-bit key.
std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key);

/// The two seeds of TensorFlow's ops. `first` is the key, `second` the upper half of the counter.
struct Seed {
  std::uint64_t first = 0;
  std::uint64_t second = 0;

  bool operator==(const Seed&) const = default;
};

/// A place in a stream of Philox blocks: the seed and the number of blocks passed.
class PhiloxStream {
 public:
  explicit PhiloxStream(Seed seed, std::uint64_t block = 0) : seed_(seed), block_(block) {}

  Seed seed() const { return seed_; }
  std::uint64_t block() const { return block_; }
  void skip(std::uint64_t blocks);
  /// The four words of the block `ahead` of this place.
  std::array<std::uint32_t, 4> words(std::uint64_t ahead = 0) const;

  bool operator==(const PhiloxStream&) const = default;

 private:
  Seed seed_;
  std::uint64_t block_;
};

/// The words of `count` blocks from `place` on, as two 64-bit words each, the lower of the four
/// 32-bit words first.
void philox_words(PhiloxStream place, std::int64_t count, std::uint64_t* first,
                  std::uint64_t* second);

/// Reads a stream word by word, as TensorFlow's SimplePhilox does.
class PhiloxReader {
 public:
  explicit PhiloxReader(PhiloxStream stream) : stream_(stream) {}

  std::uint32_t next32() {
    if (used_ == 4) {
      words_ = stream_.words();
      stream_.skip(1);
      used_ = 0;
    }
    return words_[used_++];
  }
  std::uint64_t next64() {
    const std::uint64_t low = next32();
    return low | static_cast<std::uint64_t>(next32()) << 32;
  }
  /// As many calls of `next64`, in bulk.
  void fill(std::span<std::uint64_t> words);
  /// A multiple of 2^-52 in [0, 1).
  double next_double() { return double_of(next64()); }
  /// What `next_double` makes of the word that `next64` would give.
  static double double_of(std::uint64_t word) {
    return static_cast<double>((word & 0xfffffU) << 32 | word >> 32) * 0x1p-52;
  }
  /// A multiple of 2^-23 in [0, 1), as that multiple.
  std::uint32_t next_float_bits() { return next32() & 0x7fffffU; }
  /// An integer in [0, n), without bias.
  std::uint32_t uniform32(std::uint32_t n);
  std::uint64_t uniform64(std::uint64_t n);

 private:
  PhiloxStream stream_;
  std::array<std::uint32_t, 4> words_{};
  unsigned used_ = 4;
};

}  // namespace manyclass
