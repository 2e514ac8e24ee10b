#include "manyclass/vocabulary_walk.hpp"

#include <algorithm>
#include <bit>
#include <limits>

#include "checks.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

std::size_t num_words(std::int64_t num_classes) {
  require(num_classes >= 1, "num_classes is ", num_classes, "; it must be at least 1");
  return static_cast<std::size_t>((num_classes - 1) / 64 + 1);
}

std::uint64_t bit_of(std::int64_t label) { return std::uint64_t{1} << (label % 64); }

// A word of bits is looked at in less time than sorting spends on a class.
constexpr std::size_t words_per_class = 8;

// Writes the places of the bits that are set into `out`, which has room for just so many.
void list_bits(const std::vector<std::uint64_t>& words, std::vector<std::int64_t>& out) {
  auto place = out.begin();
  for (std::size_t w = 0; w < words.size(); ++w) {
    for (std::uint64_t bits = words[w]; bits != 0; bits &= bits - 1) {
      *place++ = static_cast<std::int64_t>(64 * w) + std::countr_zero(bits);
    }
  }
}

}  // namespace

VocabularyWalk::VocabularyWalk(std::int64_t num_classes, std::int64_t max_candidates)
    : num_classes_(num_classes),
      max_candidates_(static_cast<std::size_t>(max_candidates)),
      seen_(num_words(num_classes)) {
  require(max_candidates >= 1, "max_candidates is ", max_candidates, "; it must be at least 1");
}

void VocabularyWalk::add(std::int64_t label) {
  std::uint64_t& word = seen_[static_cast<std::size_t>(label / 64)];
  if ((word & bit_of(label)) != 0) return;
  classes_.push_back(label);  // first: a bit without its class would never be taken back
  word |= bit_of(label);
}

void VocabularyWalk::forget_after(std::size_t size) {
  for (std::size_t k = size; k < classes_.size(); ++k) {
    seen_[static_cast<std::size_t>(classes_[k] / 64)] &= ~bit_of(classes_[k]);
  }
  classes_.resize(size);
}

std::int64_t VocabularyWalk::take(MatrixView<const std::int64_t> labels, std::int64_t first_row) {
  require(first_row >= 0 && first_row <= std::numeric_limits<std::int64_t>::max() - labels.rows,
          "first_row is ", first_row, "; rows counted from there must be counted from 0 in int64");
  const std::size_t at_entry = classes_.size();
  try {
    for (std::int64_t i = 0; i < labels.rows; ++i) {
      if (i % (1 << 16) == 0) poll_interrupt();
      const std::size_t before_row = classes_.size();
      for (std::int64_t j = 0; j < labels.cols; ++j) {
        const std::int64_t label = labels.row(i)[j];
        require_class(label, num_classes_, "labels: a class of row ", first_row + i);
        add(label);
      }
      if (classes_.size() <= max_candidates_) continue;
      require(before_row > 0, "labels: row ", first_row + i, " has ", classes_.size(),
              " classes, more than max_candidates ", max_candidates_);
      forget_after(before_row);
      return i;
    }
  } catch (...) {
    forget_after(at_entry);
    throw;
  }
  return labels.rows;
}

std::vector<std::int64_t> VocabularyWalk::finish() {
  std::vector<std::int64_t> result = classes_;
  // The bits are in order already; sorting is for few classes among many.
  if (seen_.size() <= words_per_class * result.size()) {
    list_bits(seen_, result);
  } else {
    std::sort(result.begin(), result.end());
  }
  forget_after(0);
  return result;
}

void check_candidates(MatrixView<const std::int64_t> labels,
                      VectorView<const std::int64_t> candidates) {
  const auto contains = [&](std::int64_t label) {
    std::int64_t first = 0;
    std::int64_t last = candidates.size;
    while (first < last) {
      const std::int64_t middle = first + (last - first) / 2;
      if (candidates[middle] < label) {
        first = middle + 1;
      } else {
        last = middle;
      }
    }
    return first < candidates.size && candidates[first] == label;
  };
  for (std::int64_t i = 0; i < labels.rows; ++i) {
    for (std::int64_t j = 0; j < labels.cols; ++j) {
      require(contains(labels.row(i)[j]), "labels[", i, ", ", j, "] is ", labels.row(i)[j],
              ", which is not among the ", candidates.size, " candidates");
    }
  }
}

}  // namespace manyclass
