// Candidates that are all different: rejection, and what bounds its cost.
#include <algorithm>
#include <bit>
#include <cmath>
#include <queue>

#include "checks.hpp"
#include "manyclass/samplers.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

// A set of classes with open addressing, at most half full.
class ClassSet {
 public:
  explicit ClassSet(std::size_t most)
      : slots_(std::bit_ceil(2 * most + 2), empty), shift_(64 - std::countr_zero(slots_.size())) {}

  /// Adds `id`; false if it was there.
  bool insert(std::int64_t id) {
    std::int64_t& slot = slots_[find(id)];
    if (slot == id) return false;
    slot = id;
    return true;
  }
  bool contains(std::int64_t id) const { return slots_[find(id)] == id; }

 private:
  static constexpr std::int64_t empty = -1;

  std::size_t find(std::int64_t id) const {
    // Fibonacci hashing spreads consecutive ids.
    std::size_t i = static_cast<std::uint64_t>(id) * 0x9E3779B97F4A7C15U >> shift_;
    while (slots_[i] != id && slots_[i] != empty) i = (i + 1) & (slots_.size() - 1);
    return i;
  }

  std::vector<std::int64_t> slots_;
  int shift_;
};

// The same as one bit for each class.
class ClassBits {
 public:
  explicit ClassBits(std::int64_t num_classes)
      : words_(static_cast<std::size_t>(num_classes / 64 + 1), 0) {}

  bool insert(std::int64_t id) {
    std::uint64_t& word = words_[static_cast<std::size_t>(id / 64)];
    const std::uint64_t bit = std::uint64_t{1} << (id % 64);
    const bool is_new = (word & bit) == 0;
    word |= bit;
    return is_new;
  }

 private:
  std::vector<std::uint64_t> words_;
};

double open_uniform(PhiloxReader& reader) { return reader.next_double() + 0x1p-53; }

}  // namespace

std::int64_t Sampler::most_rejection_draws(std::int64_t num_sampled) {
  return std::max<std::int64_t>(64 * num_sampled, 1 << 16);
}

template <class Set>
Sampler::Rejection Sampler::reject(PhiloxReader& reader, std::span<std::int64_t> out,
                                   Set kept) const {
  const std::int64_t most = most_rejection_draws(static_cast<std::int64_t>(out.size()));
  std::size_t num_kept = 0;
  std::int64_t num_draws = 0;
  while (num_kept < out.size() && num_draws < most) {
    poll_interrupt();
    // As many draws as are missing cannot overshoot, so none is made that would not be needed.
    const std::span<std::int64_t> missing = out.subspan(num_kept);
    draw_into(reader, missing);
    num_draws += static_cast<std::int64_t>(missing.size());
    for (const std::int64_t id : missing) {
      // Written always and counted if new: which draws are new cannot be foretold.
      out[num_kept] = id;
      num_kept += kept.insert(id) ? 1 : 0;
    }
  }
  return {static_cast<std::int64_t>(num_kept), num_draws};
}

std::int64_t Sampler::draw_unique(PhiloxReader& reader, std::span<std::int64_t> out) const {
  const auto size = static_cast<std::int64_t>(out.size());
  // Bits are faster for as long as they take no more memory than a table of the candidates.
  const Rejection done = num_classes() / 128 <= size ? reject(reader, out, ClassBits(num_classes()))
                                                     : reject(reader, out, ClassSet(out.size()));
  if (done.num_kept == size) return done.num_draws;
  return done.num_draws + finish_unique(reader, out, done.num_kept);
}

// The classes that rejection would still have kept, in its order, and the number of draws it
// would have taken. Successive draws without replacement are the smallest of the keys
// Exponential / p (Efraimidis and Spirakis 2006); a draw is new with the probability of the
// classes left, so the draws until then are geometric.
std::int64_t Sampler::finish_unique(PhiloxReader& reader, std::span<std::int64_t> out,
                                    std::int64_t num_kept) const {
  struct Key {
    double key;
    std::int64_t class_id;
    bool operator<(const Key& other) const {
      return key != other.key ? key < other.key : class_id < other.class_id;
    }
  };
  const auto missing = static_cast<std::size_t>(static_cast<std::int64_t>(out.size()) - num_kept);
  ClassSet kept(static_cast<std::size_t>(num_kept));
  for (const std::int64_t id : out.first(static_cast<std::size_t>(num_kept))) kept.insert(id);

  std::priority_queue<Key> smallest;
  double mass_left = 0.0;  // of the classes that stay undrawn
  for (std::int64_t id = 0; id < num_classes(); ++id) {
    if (id % (1 << 20) == 0) poll_interrupt();
    const double p = probability_of(id);
    if (!(p > 0.0) || kept.contains(id)) continue;
    Key key{-std::log(open_uniform(reader)) / p, id};
    if (smallest.size() == missing) {
      if (!(key < smallest.top())) {
        mass_left += p;
        continue;
      }
      mass_left += probability_of(smallest.top().class_id);
      smallest.pop();
    }
    smallest.push(key);
  }
  require(smallest.size() == missing, "num_sampled is ", out.size(),
          " with unique candidates, but only ",
          static_cast<std::size_t>(num_kept) + smallest.size(),
          " classes have a probability above zero");
  double num_draws = 0.0;
  for (std::size_t k = out.size(); k-- > static_cast<std::size_t>(num_kept);) {
    const std::int64_t id = smallest.top().class_id;
    smallest.pop();
    out[k] = id;
    mass_left += probability_of(id);
    num_draws += 1.0 + std::floor(std::log(open_uniform(reader)) / std::log1p(-mass_left));
  }
  constexpr double most = 0x1p62;
  return static_cast<std::int64_t>(std::min(num_draws, most));
}

}  // namespace manyclass
