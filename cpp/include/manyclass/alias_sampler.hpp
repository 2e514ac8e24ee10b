// A sampler for any distribution, whose weights may change.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "manyclass/block_alias_table.hpp"
#include "manyclass/samplers.hpp"

namespace manyclass {

/// P(c) in proportion to weights[c], in double precision. Each draw takes one block of the stream,
/// so that draws are made in parallel and do not depend on the number of threads; calls never share
/// blocks, however many draws are made again.
class AliasSampler final : public Sampler {
 public:
  /// Throws std::invalid_argument unless there are 1 to 2^32 weights, none negative, all at most
  /// 2^-33 of the largest float64, and one above zero.
  AliasSampler(VectorView<const double> weights, Seed seed);

  std::vector<double> weights() const;
  /// Replaces all weights; as the constructor.
  void set_weights(VectorView<const double> weights);

  /// Gives class indices[i] the weight weights[i]; of a repeated index the last one counts. An
  /// index from num_classes on makes the sampler grow; classes skipped get weight 0. The cost is
  /// that of the blocks of 4,096 classes touched and of one number for every block.
  ///
  /// Throws std::invalid_argument, before anything changes, if there is not one weight for each
  /// index, an index lies outside [0, 2^32), a weight is not as above, or none would stay above
  /// zero.
  void update(VectorView<const std::int64_t> indices, VectorView<const double> weights);

 protected:
  void add_mutexes(std::vector<ForkSafeMutex*>& mutexes) const override;
  double probability_of(std::int64_t class_id) const override;
  void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const override;
  void draw_from(PhiloxStream stream, std::span<std::int64_t> out) const override;
  std::uint64_t blocks_of_call(std::int64_t num_draws) const override;
  std::int64_t num_drawable() const override;

 private:
  void draw_task(PhiloxStream place, std::int64_t* out, std::int64_t count) const;

  mutable ForkSafeMutex table_mutex_;
  BlockAliasTable table_;
};

}  // namespace manyclass
