// A mixture of samplers.
#pragma once

#include <memory>
#include <vector>

#include "manyclass/samplers.hpp"

namespace manyclass {

/// One sampler of a mixture and how much of the mass it has.
struct MixturePart {
  std::shared_ptr<const Sampler> sampler;
  double share;
};

/// P(c) = the sum of share * P(c) over the parts, shares scaled to sum to 1. Its draws come from
/// its own stream and leave those of the parts where they are; calls never share blocks, however
/// many draws are made again.
class MixtureSampler final : public Sampler {
 public:
  /// Throws std::invalid_argument unless there is a part, all have the same number of classes and
  /// all shares are above zero, with a finite sum.
  MixtureSampler(std::vector<MixturePart> parts, Seed seed);

  /// With shares that sum to 1: a mixture made of them draws as this one does.
  const std::vector<MixturePart>& parts() const { return parts_; }

 protected:
  double probability_of(std::int64_t class_id) const override;
  void add_mutexes(std::vector<ForkSafeMutex*>& mutexes) const override;
  /// Refuses parts that have grown.
  void check_usable() const override;
  void draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const override;
  std::uint64_t blocks_of_call(std::int64_t num_draws) const override;
  std::int64_t num_drawable() const override;
  bool can_draw(std::int64_t num_distinct) const override;

 private:
  const Sampler& pick(double place) const;

  std::vector<MixturePart> parts_;
};

}  // namespace manyclass
