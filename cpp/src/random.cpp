#include "manyclass/random.hpp"

#include <algorithm>

#include "kernels/random_kernels.hpp"

namespace manyclass {

std::array<std::uint32_t, 4> philox4x32_10(std::array<std::uint32_t, 4> counter,
                                           std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

void PhiloxStream::skip(std::uint64_t blocks) {
  block_ += blocks;
  if (block_ < blocks) ++seed_.second;  // the counter is 128 bits wide
}

std::array<std::uint32_t, 4> PhiloxStream::words(std::uint64_t ahead) const {
  PhiloxStream place = *this;
  place.skip(ahead);
  return philox4x32_10(
      {static_cast<std::uint32_t>(place.block_), static_cast<std::uint32_t>(place.block_ >> 32),
       static_cast<std::uint32_t>(place.seed_.second),
       static_cast<std::uint32_t>(place.seed_.second >> 32)},
      {static_cast<std::uint32_t>(place.seed_.first),
       static_cast<std::uint32_t>(place.seed_.first >> 32)});
}

void philox_words(PhiloxStream place, std::int64_t count, std::uint64_t* first,
                  std::uint64_t* second) {
  while (count > 0) {
    // The kernel does not carry into the upper half of the counter.
    const std::uint64_t until_carry = ~place.block();
    const auto run = static_cast<std::int64_t>(
        std::min(static_cast<std::uint64_t>(count), std::max<std::uint64_t>(until_carry, 1)));
    kernels::random_table().philox(place.seed().first, place.block(), place.seed().second, run,
                                   first, second);
    place.skip(static_cast<std::uint64_t>(run));
    first += run;
    second += run;
    count -= run;
  }
}

namespace {

// TensorFlow's ExactUniformInt: words below 2^bits mod n are drawn again.
template <class Word, class Next>
Word uniform_below(Word n, Next next) {
  if ((n & (n - 1)) == 0) return next() & (n - 1);
  const Word refused = static_cast<Word>(~Word{0} % n + 1);
  Word word = next();
  while (word < refused) word = next();
  return word % n;
}

}  // namespace

void PhiloxReader::fill(std::span<std::uint64_t> words) {
  constexpr std::size_t batch = 256;  // blocks
  std::uint64_t first[batch];
  std::uint64_t second[batch];
  std::size_t done = 0;
  while (done < words.size() && used_ != 4) words[done++] = next64();
  while (words.size() - done >= 2 && used_ == 4) {
    const std::size_t blocks = std::min(batch, (words.size() - done) / 2);
    philox_words(stream_, static_cast<std::int64_t>(blocks), first, second);
    stream_.skip(blocks);
    for (std::size_t b = 0; b < blocks; ++b) {
      words[done++] = first[b];
      words[done++] = second[b];
    }
  }
  while (done < words.size()) words[done++] = next64();
}

std::uint32_t PhiloxReader::uniform32(std::uint32_t n) {
  return uniform_below(n, [this] { return next32(); });
}

std::uint64_t PhiloxReader::uniform64(std::uint64_t n) {
  return uniform_below(n, [this] { return next64(); });
}

}  // namespace manyclass
