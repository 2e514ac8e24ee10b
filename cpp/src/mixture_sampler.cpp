#include "manyclass/mixture_sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "checks.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

double sum_of_shares(const std::vector<MixturePart>& parts) {
  double sum = 0.0;
  for (const MixturePart& part : parts) sum += part.share;
  return sum;
}

// Returns the number of classes.
std::int64_t check_parts(const std::vector<MixturePart>& parts) {
  require(!parts.empty(), "parts is empty; a mixture needs at least one sampler");
  const std::int64_t num_classes = parts.front().sampler->num_classes();
  for (std::size_t k = 0; k < parts.size(); ++k) {
    require(parts[k].sampler->num_classes() == num_classes, "parts[", k, "] has ",
            parts[k].sampler->num_classes(), " classes, parts[0] has ", num_classes,
            "; all must have the same number");
    require(std::isfinite(parts[k].share) && parts[k].share > 0.0, "parts[", k, "] has the share ",
            parts[k].share, "; shares must be above zero and finite");
  }
  require(std::isfinite(sum_of_shares(parts)), "parts has shares whose sum is beyond float64");
  return num_classes;
}

}  // namespace

MixtureSampler::MixtureSampler(std::vector<MixturePart> parts, Seed seed)
    : Sampler(check_parts(parts), seed), parts_(std::move(parts)) {
  const double sum = sum_of_shares(parts_);
  // Shares of another mixture sum to 1 but for rounding. They keep their bits, and so their draws.
  const double rounding =
      static_cast<double>(parts_.size()) * std::numeric_limits<double>::epsilon();
  if (std::abs(sum - 1.0) <= rounding) return;
  for (MixturePart& part : parts_) part.share /= sum;
}

void MixtureSampler::add_mutexes(std::vector<ForkSafeMutex*>& mutexes) const {
  for (const MixturePart& part : parts_) part.sampler->add_mutexes(mutexes);
}

void MixtureSampler::check_usable() const {
  for (std::size_t k = 0; k < parts_.size(); ++k) {
    const Sampler& part = *parts_[k].sampler;
    part.check_usable();
    require(part.num_classes() == num_classes(), "parts[", k, "] has grown to ", part.num_classes(),
            " classes, the mixture has ", num_classes(), "; make a new mixture");
  }
}

double MixtureSampler::probability_of(std::int64_t class_id) const {
  double sum = 0.0;
  bool drawable = false;
  for (const MixturePart& part : parts_) {
    const double p = part.sampler->probability_of(class_id);
    sum += part.share * p;
    drawable = drawable || p > 0.0;
  }
  // What a part can draw stays above zero, even where the product does not.
  return drawable ? std::max(sum, std::numeric_limits<double>::denorm_min()) : 0.0;
}

const Sampler& MixtureSampler::pick(double place) const {
  for (const MixturePart& part : parts_) {
    if (place < part.share) return *part.sampler;
    place -= part.share;
  }
  return *parts_.back().sampler;  // where rounding leaves the sum of shares below 1
}

void MixtureSampler::draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const {
  for (std::int64_t& id : out) pick(reader.next_double()).draw_into(reader, {&id, 1});
}

std::uint64_t MixtureSampler::blocks_of_call(std::int64_t num_draws) const {
  // A draw takes two words and what its part takes, one to four on the average: sixteen leave room
  // for mixtures of mixtures. Then one block for each class and candidate, as in AliasSampler.
  const std::int64_t by_rejection = most_rejection_draws(num_draws) + num_draws;
  return 4 * static_cast<std::uint64_t>(by_rejection) + static_cast<std::uint64_t>(num_classes()) +
         static_cast<std::uint64_t>(num_draws);
}

std::int64_t MixtureSampler::num_drawable() const {
  for (const MixturePart& part : parts_) {
    if (part.sampler->num_drawable() == num_classes()) return num_classes();
  }
  std::int64_t count = 0;
  for (std::int64_t id = 0; id < num_classes(); ++id) {
    if (id % (1 << 20) == 0) poll_interrupt();
    count += probability_of(id) > 0.0;
  }
  return count;
}

bool MixtureSampler::can_draw(std::int64_t num_distinct) const {
  // Most calls are answered without a look at every class.
  const auto enough = [&](const MixturePart& part) { return part.sampler->can_draw(num_distinct); };
  return std::any_of(parts_.begin(), parts_.end(), enough) || num_distinct <= num_drawable();
}

}  // namespace manyclass
