#include "manyclass/accidental_hits.hpp"

#include <bit>
#include <limits>

#include "checks.hpp"

namespace manyclass {

namespace {

// Where each id stands last: a hash table with open addressing, at most half full.
class LastPositions {
 public:
  explicit LastPositions(VectorView<const std::int64_t> ids)
      : slots_(std::bit_ceil(2 * static_cast<std::size_t>(ids.size) + 2)) {
    for (std::int64_t k = 0; k < ids.size; ++k) slots_[find(ids[k])] = {ids[k], k};
  }

  /// -1 if `id` is not there.
  std::int64_t of(std::int64_t id) const { return slots_[find(id)].position; }

 private:
  struct Slot {
    std::int64_t id = 0;
    std::int64_t position = -1;
  };

  // The finaliser of MurmurHash3: ids of any pattern are spread.
  static std::uint64_t hash(std::int64_t id) {
    auto h = static_cast<std::uint64_t>(id);
    h = (h ^ h >> 33) * 0xff51afd7ed558ccdU;
    h = (h ^ h >> 33) * 0xc4ceb9fe1a85ec53U;
    return h ^ h >> 33;
  }
  std::size_t find(std::int64_t id) const {
    std::size_t i = hash(id) & (slots_.size() - 1);
    while (slots_[i].position >= 0 && slots_[i].id != id) i = (i + 1) & (slots_.size() - 1);
    return i;
  }

  std::vector<Slot> slots_;
};

}  // namespace

AccidentalHits compute_accidental_hits(MatrixView<const std::int64_t> true_classes,
                                       VectorView<const std::int64_t> sampled_candidates) {
  constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
  require(true_classes.rows <= most, "true_classes has ", true_classes.rows,
          " rows; there can be at most ", most);
  const LastPositions positions(sampled_candidates);
  AccidentalHits hits;
  for (std::int64_t i = 0; i < true_classes.rows; ++i) {
    for (std::int64_t j = 0; j < true_classes.cols; ++j) {
      const std::int64_t position = positions.of(true_classes.row(i)[j]);
      if (position < 0) continue;
      hits.indices.push_back(static_cast<std::int32_t>(i));
      hits.ids.push_back(position);
    }
  }
  hits.weights.assign(hits.ids.size(), std::numeric_limits<float>::lowest());
  return hits;
}

}  // namespace manyclass
