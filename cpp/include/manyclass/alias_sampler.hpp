// A sampler for any distribution.
#pragma once

#include <cstdint>
#include <span>

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

  double weight(std::int64_t class_id) const { return table_.weight(class_id); }

 protected:
  double probability_of(std::int64_t class_id) const override;
  void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const override;
  void draw_from(PhiloxStream stream, std::span<std::int64_t> out) const override;
  std::uint64_t blocks_of_call(std::int64_t num_draws) const override;
  std::int64_t num_drawable() const override;

 private:
  void draw_task(PhiloxStream place, std::int64_t* out, std::int64_t count) const;

  BlockAliasTable table_;
};

}  // namespace manyclass
