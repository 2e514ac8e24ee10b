// Cutting a stream of labels into stretches of few classes.
#pragma once

#include <cstdint>
#include <vector>

#include "manyclass/views.hpp"

namespace manyclass {

/// Walks a stream of labels once and collects the classes of a stretch of rows, as long as there
/// are at most `max_candidates`: the partition of Jean, Cho, Memisevic and Bengio 2014 (arXiv
/// 1412.2007), section 3.2. Memory: a bit for each class and the stretch's classes.
class VocabularyWalk {
 public:
  /// Throws std::invalid_argument unless num_classes >= 1 and max_candidates >= 1.
  VocabularyWalk(std::int64_t num_classes, std::int64_t max_candidates);

  /// Adds rows to the stretch, up to the first whose classes would be too many, and returns how
  /// many it added. `first_row` is where in the stream the rows begin, for messages.
  ///
  /// Throws std::invalid_argument, and leaves the stretch as it was, if a label lies outside
  /// [0, num_classes), if a row alone has more than max_candidates classes or if first_row is
  /// negative or the last row's number beyond int64.
  std::int64_t take(MatrixView<const std::int64_t> labels, std::int64_t first_row = 0);

  /// The classes of the stretch in ascending order; a new stretch begins.
  std::vector<std::int64_t> finish();

 private:
  void add(std::int64_t label);
  void forget_after(std::size_t size);

  std::int64_t num_classes_;
  std::size_t max_candidates_;
  std::vector<std::uint64_t> seen_;  // a bit for each class
  std::vector<std::int64_t> classes_;
};

/// Throws std::invalid_argument if a label is not among the candidates, which must ascend.
void check_candidates(MatrixView<const std::int64_t> labels,
                      VectorView<const std::int64_t> candidates);

}  // namespace manyclass
