// A training step in one call, as a C++ user meets it; Python's tests compare it with its parts in
// all its options.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <vector>

#include "manyclass/learned_unigram_sampler.hpp"
#include "manyclass/train_step.hpp"

using namespace manyclass;

namespace {

// Seven classes on two "mod" shards, biases in one table, Adagrad's state, three examples.
struct Training {
  std::vector<float> even{1.F, 2.F, 3.F, 4.F, -1.F, -2.F, 0.5F, 0.25F};
  std::vector<float> odd{-3.F, 1.F, 0.F, 1.F, 2.F, 2.F};
  std::vector<float> biases = std::vector<float>(7, 0.125F);
  std::vector<float> even_state = std::vector<float>(8, 0.F);
  std::vector<float> odd_state = std::vector<float>(6, 0.F);
  std::vector<float> biases_state = std::vector<float>(7, 0.F);
  std::vector<std::int64_t> labels{6, 0, 3};
  std::vector<float> inputs{0.5F, -1.F, 1.F, 0.25F, -0.75F, 0.5F};
  std::vector<float> loss = std::vector<float>(3);
  std::vector<float> grad_inputs = std::vector<float>(6);
  LearnedUnigramSampler sampler{7, {1, 2}};
  SampledLossOptions options{};
  UpdateOptions update{RowRule(Adagrad{}), 0.5, {}};

  TrainedLayer<float> layer() {
    const RowsView<float> rows({{even.data(), 4, 2, 2}, {odd.data(), 3, 2, 2}},
                               PartitionStrategy::mod, "weights");
    return {{rows, {{{{even_state.data(), 4, 2, 2}}}, {{{odd_state.data(), 3, 2, 2}}}}},
            {RowsView<float>({biases.data(), 7, 1, 1}), {{{{biases_state.data(), 7, 1, 1}}}}}};
  }
  Examples<float> examples() const {
    return {MatrixView<const std::int64_t>{labels.data(), 3, 1, 1}, {inputs.data(), 3, 2, 2}};
  }
  void step(const Candidates& candidates) {
    sampled_softmax_train_step<float>(layer(), examples(), candidates, options, update, {},
                                      {loss.data(), 3}, {grad_inputs.data(), 3, 2, 2});
  }
  std::vector<std::vector<float>> tables() const {
    return {even, odd, biases, even_state, odd_state, biases_state};
  }
};

// The same by the functions that a step puts together.
void step_in_parts(Training& t) {
  const TrainedLayer<float> layer = t.layer();
  const OutputLayer<float> current{layer.weights.rows, layer.biases.rows};
  const SampledValues values = t.sampler.sample(t.examples().labels, 4, true);
  const auto gradients =
      sampled_softmax_loss_and_grad<float>(current, t.examples(), view_of(values, 1), t.options, {},
                                           {t.loss.data(), 3}, {t.grad_inputs.data(), 3, 2, 2});
  const auto update_of = [](const TrainedTable<float>& table, const IndexedSlices<float>& slices,
                            std::int64_t p, std::int64_t dim) {
    const auto shard = static_cast<std::size_t>(p);
    const std::int64_t first = slices.shard_begin[shard];
    const std::int64_t size = slices.shard_begin[shard + 1] - first;
    return RowUpdate<float>{table.rows.shard(p),
                            table.state[shard],
                            {slices.indices.data() + first, size},
                            {slices.values.data() + first * dim, size, dim, dim}};
  };
  const AnyRowUpdate updates[] = {update_of(layer.weights, gradients.weights, 0, 2),
                                  update_of(layer.weights, gradients.weights, 1, 2),
                                  update_of(layer.biases, gradients.biases, 0, 1)};
  apply_row_updates(t.update.rule, updates, t.update.learning_rate, t.update.clip_norm, 1);
}

}  // namespace

TEST_CASE("A training step has the bits of its parts") {
  Training one;
  Training parts;
  for (int i = 0; i < 5; ++i) {
    one.step(CandidateDraw{one.sampler, 4});
    step_in_parts(parts);
    CHECK(one.loss == parts.loss);
    CHECK(one.grad_inputs == parts.grad_inputs);
    CHECK(one.tables() == parts.tables());
    CHECK(one.sampler.weights() == parts.sampler.weights());
    CHECK(one.sampler.stream() == parts.sampler.stream());
  }
}

TEST_CASE("A step that is refused, however late, changes nothing") {
  Training t;
  t.step(CandidateDraw{t.sampler, 4});
  const auto tables = t.tables();
  const auto learned = t.sampler.weights();
  const PhiloxStream place = t.sampler.stream();
  const auto refused = [&](const char* message) {
    CHECK_THROWS_WITH_AS(t.step(CandidateDraw{t.sampler, 4, Seed{3, 4}}),
                         doctest::Contains(message), std::invalid_argument);
    CHECK(t.tables() == tables);
    CHECK(t.sampler.weights() == learned);
    CHECK(t.sampler.stream() == place);
  };
  t.update.learning_rate = -1.0;
  refused("learning_rate is -1");
  t.update = {RowRule(Adagrad{}), 0.5, 1.0};
  t.inputs[2] = std::numeric_limits<float>::quiet_NaN();
  refused("the norm of the gradients is ");
  t.inputs[2] = 1.0F;
  t.labels[1] = 7;
  refused("labels[1, 0] is 7");
  t.labels[1] = 0;
  t.update.rule = RowRule(Adam{});
  refused("weights[0]: the state \"second_moment\" has shape [0, 0]");
  CHECK_THROWS_WITH(
      [&] {
        TrainedLayer<float> layer = t.layer();
        layer.weights.state.pop_back();
        sampled_softmax_train_step<float>(layer, t.examples(), CandidateDraw{t.sampler, 4},
                                          t.options, t.update, {}, {t.loss.data(), 3},
                                          {t.grad_inputs.data(), 3, 2, 2});
      }(),
      "the state of weights is for 1 shards, weights has 2");
}

TEST_CASE("A sample that is not kept is taken back, if the stream is still where it was left") {
  Training t;
  const PhiloxStream before = t.sampler.stream();
  const auto labels = t.examples().labels;
  {
    const TentativeSample sample({t.sampler, 4}, labels);
    CHECK(sample.values().sampled_candidates.size() == 4);
    CHECK_FALSE(t.sampler.stream() == before);
  }
  CHECK(t.sampler.stream() == before);
  std::vector<std::int64_t> drawn(2);
  {
    const TentativeSample sample({t.sampler, 4}, labels);
    t.sampler.draw(drawn);
  }
  CHECK_FALSE(t.sampler.stream() == before);  // or the next call would draw the same again
  const PhiloxStream moved = t.sampler.stream();
  Training other;
  other.sampler.set_stream(moved);
  const SampledValues expected = other.sampler.sample(labels, 4, true);
  TentativeSample sample({t.sampler, 4}, labels);
  const SampledValues kept = sample.keep();
  CHECK(kept.sampled_candidates == expected.sampled_candidates);
  CHECK(t.sampler.stream() == other.sampler.stream());
  CHECK(t.sampler.weights() == other.sampler.weights());
}

TEST_CASE("Rows of bfloat16 are read as float32 and rounded by the words of the step") {
  Training wide;  // whose numbers bfloat16 can hold
  std::vector<Bfloat16> even, odd;
  const auto narrow = [](float x) {
    return Bfloat16{static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(x) >> 16)};
  };
  std::transform(wide.even.begin(), wide.even.end(), std::back_inserter(even), narrow);
  std::transform(wide.odd.begin(), wide.odd.end(), std::back_inserter(odd), narrow);
  Training stored;
  const TrainedLayer<float> all = stored.layer();
  const TrainedLayer<float, Bfloat16> layer{
      {RowsView<Bfloat16>({{even.data(), 4, 2, 2}, {odd.data(), 3, 2, 2}}, PartitionStrategy::mod,
                          "weights"),
       all.weights.state},
      all.biases};
  const auto step = [&] {
    sampled_softmax_train_step(layer, stored.examples(), CandidateDraw{stored.sampler, 4},
                               stored.options, stored.update, {}, {stored.loss.data(), 3},
                               {stored.grad_inputs.data(), 3, 2, 2});
  };
  CHECK_THROWS_WITH(step(),
                    "weights[0]: variable has dtype bfloat16, rounding has no value; it must tell "
                    "by which random words results are rounded");
  CHECK(even[0].bits == narrow(wide.even[0]).bits);

  stored.update.rounding.emplace(Seed{3, 4}, 9);
  step();
  wide.step(CandidateDraw{wide.sampler, 4});
  CHECK(stored.loss == wide.loss);
  CHECK(stored.grad_inputs == wide.grad_inputs);
  CHECK(stored.even_state == wide.even_state);
  CHECK(stored.biases == wide.biases);
  for (std::size_t i = 0; i < even.size(); ++i) {
    const auto low = std::bit_cast<std::uint32_t>(wide.even[i]) >> 16;
    const bool needs_rounding = std::bit_cast<std::uint32_t>(wide.even[i]) % 65536 != 0;
    const std::uint32_t ups = even[i].bits - low;
    CHECK(ups <= (needs_rounding ? 1U : 0U));
  }
}
