#include "manyclass/alias_sampler.hpp"

#include <algorithm>
#include <limits>
#include <mutex>
#include <utility>

#include "manyclass/threads.hpp"
#include "weight_checks.hpp"

namespace manyclass {

namespace {

constexpr std::int64_t most_classes = std::int64_t{1} << 32;
constexpr double most_weight = std::numeric_limits<double>::max() / 0x1p33;
constexpr std::int64_t draws_per_task = 1 << 14;
constexpr std::int64_t draws_per_batch = 512;  // whose words and places stay in the first cache

VectorView<const double> checked(VectorView<const double> weights) {
  check_num_weights(weights.size, most_classes, "weights");
  bool any = false;
  for (std::int64_t c = 0; c < weights.size; ++c) {
    if (c % (1 << 20) == 0) poll_interrupt();
    check_weight(weights[c], c, most_weight, "weights");
    any = any || weights[c] > 0.0;
  }
  require(any, "weights has no weight above zero");
  return weights;
}

std::int64_t draw_block(const BlockAliasTable& table, PhiloxReader& reader) {
  const std::uint64_t block_word = reader.next64();
  return table.draw(block_word, reader.next64());
}

}  // namespace

AliasSampler::AliasSampler(VectorView<const double> weights, Seed seed)
    : Sampler(checked(weights).size, seed), table_(weights) {}

std::vector<double> AliasSampler::weights() const {
  const std::shared_lock lock(table_mutex_);
  std::vector<double> result(static_cast<std::size_t>(table_.size()));
  for (std::size_t c = 0; c < result.size(); ++c) {
    result[c] = table_.weight(static_cast<std::int64_t>(c));
  }
  return result;
}

void AliasSampler::set_weights(VectorView<const double> weights) {
  BlockAliasTable table(checked(weights));
  const std::lock_guard lock(table_mutex_);
  table_ = std::move(table);
  set_num_classes(table_.size());
}

void AliasSampler::update(VectorView<const std::int64_t> indices,
                          VectorView<const double> weights) {
  require(indices.size == weights.size, "ids has ", indices.size, " entries, weights has ",
          weights.size, "; there must be one weight for each");
  std::int64_t largest = -1;
  // Copies: what was checked stays what it was.
  std::vector<std::int64_t> ids;
  std::vector<double> values;
  for (std::int64_t i = 0; i < indices.size; ++i) {
    ids.push_back(indices[i]);
    values.push_back(weights[i]);
    require_class(ids.back(), most_classes, "ids[", i, "]");
    check_weight(values.back(), i, most_weight, "weights");
    largest = std::max(largest, ids.back());
  }
  const VectorView<const std::int64_t> new_ids{ids.data(), indices.size};
  const VectorView<const double> new_weights{values.data(), weights.size};
  const std::lock_guard lock(table_mutex_);
  require(table_.drawable_after(new_ids, new_weights) > 0, "weights would leave no class a weight ",
          "above zero");
  table_.update(new_ids, new_weights, std::max(table_.size(), largest + 1));
  set_num_classes(table_.size());
}

void AliasSampler::add_mutexes(std::vector<ForkSafeMutex*>& mutexes) const {
  mutexes.push_back(&table_mutex_);
}

double AliasSampler::probability_of(std::int64_t class_id) const {
  const double weight = table_.weight(class_id);
  // What can be drawn stays above zero, even where the quotient does not.
  constexpr double least = std::numeric_limits<double>::denorm_min();
  return weight > 0.0 ? std::max(weight / table_.total(), least) : 0.0;
}

std::int64_t AliasSampler::num_drawable() const { return table_.num_drawable(); }

std::uint64_t AliasSampler::blocks_of_call(std::int64_t num_draws) const {
  // One for each draw by rejection, whose last batch may overshoot its bound by num_draws; then one
  // for each class and candidate.
  const std::int64_t by_rejection = most_rejection_draws(num_draws) + num_draws;
  return static_cast<std::uint64_t>(by_rejection + num_classes() + num_draws);
}

void AliasSampler::draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const {
  for (std::int64_t& id : out) id = draw_block(table_, reader);
}

void AliasSampler::draw_task(PhiloxStream place, std::int64_t* out, std::int64_t count) const {
  std::uint64_t block_words[draws_per_batch];
  std::uint64_t class_words[draws_per_batch];
  for (std::int64_t first = 0; first < count; first += draws_per_batch) {
    const std::int64_t batch = std::min(draws_per_batch, count - first);
    philox_words(place, batch, block_words, class_words);
    table_.draw_many(block_words, class_words, batch, out + first);
    place.skip(static_cast<std::uint64_t>(batch));
  }
}

void AliasSampler::draw_from(PhiloxStream stream, std::span<std::int64_t> out) const {
  const auto size = static_cast<std::int64_t>(out.size());
  const std::int64_t tasks = (size + draws_per_task - 1) / draws_per_task;
  parallel_for(tasks, get_num_threads(), [&](std::int64_t task, int) {
    poll_interrupt();
    const std::int64_t first = task * draws_per_task;
    const std::int64_t count = std::min(draws_per_task, size - first);
    PhiloxStream place = stream;
    place.skip(static_cast<std::uint64_t>(first));
    draw_task(place, out.data() + first, count);
  });
}

}  // namespace manyclass
