// The proposals as a C++ user meets them; the Python tests hold them to references.
#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <vector>

#include "manyclass/in_batch.hpp"
#include "manyclass/mixture_sampler.hpp"
#include "manyclass/vocabulary_walk.hpp"

namespace mc = manyclass;

namespace {

using Labels = mc::MatrixView<const std::int64_t>;

Labels column(const std::vector<std::int64_t>& labels) {
  return {labels.data(), static_cast<std::int64_t>(labels.size()), 1, 1};
}

}  // namespace

TEST_CASE("a mixture shares its parts with whoever has them") {
  auto part = std::make_shared<mc::UniformSampler>(4, mc::Seed{1, 2});
  mc::MixtureSampler mixture(
      {{part, 1.0}, {std::make_shared<mc::LogUniformSampler>(4, mc::Seed{}), 3.0}}, {3, 4});
  CHECK(part.use_count() == 2);
  CHECK(mixture.parts()[1].share == 0.75);
  const auto before = part->stream().block();
  part.reset();
  CHECK(mixture.sample({}, 4, true).sampled_candidates.size() == 4);
  CHECK(mixture.parts()[0].sampler->stream().block() == before);
}

TEST_CASE("a refused row leaves the stretch as it was") {
  mc::VocabularyWalk walk(10, 3);
  CHECK(walk.take(column({4, 1, 4})) == 3);
  CHECK_THROWS_AS(walk.take(column({7, 10}), 3), std::invalid_argument);
  CHECK(walk.take(column({2, 7, 1})) == 1);  // 7 was forgotten, and would be one too many
  CHECK(walk.finish() == std::vector<std::int64_t>{1, 2, 4});
  CHECK(walk.take(column({7})) == 1);
  CHECK(walk.finish() == std::vector<std::int64_t>{7});
  CHECK(walk.finish().empty());
}

TEST_CASE("a row of too many classes is refused, wherever it comes") {
  const std::vector<std::int64_t> row{1, 2, 3};
  mc::VocabularyWalk walk(10, 2);
  CHECK_THROWS_AS(walk.take({row.data(), 1, 3, 3}), std::invalid_argument);
  CHECK(walk.take(column({5})) == 1);
  CHECK(walk.take({row.data(), 1, 3, 3}) == 0);  // the stretch ends before it
  CHECK(walk.finish() == std::vector<std::int64_t>{5});
}

TEST_CASE("labels of a batch are candidates once") {
  mc::StreamingFrequencies frequencies(10);
  const std::vector<std::int64_t> labels{7, 3, 7};
  const mc::SampledValues values = mc::in_batch_candidates(column(labels), frequencies, true);
  CHECK(values.sampled_candidates == std::vector<std::int64_t>{3, 7});
  CHECK(values.true_expected_count.size() == 3);
  CHECK(values.sampled_expected_count[0] == doctest::Approx(1.0 - 4.0 / 9.0));
  CHECK(frequencies.num_labels() == 0);
}

TEST_CASE("frequencies once labels are counted are those after counting them") {
  mc::StreamingFrequencies frequencies(10, 3.7);
  for (const std::vector<std::int64_t>& labels :
       {std::vector<std::int64_t>{7, 3, 7}, {3, 3, 3, 9}, {7}, {}}) {
    const mc::SampledValues foretold = mc::in_batch_candidates(column(labels), frequencies, true);
    frequencies.update(column(labels));
    const mc::SampledValues seen = mc::in_batch_candidates(column(labels), frequencies, false);
    CHECK(foretold.sampled_expected_count == seen.sampled_expected_count);
    CHECK(foretold.true_expected_count == seen.true_expected_count);
  }
}
