// Labels of which each example has any number, as the C++ interface takes them.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "manyclass/full_softmax.hpp"
#include "manyclass/label_ranks.hpp"
#include "manyclass/labels.hpp"
#include "manyclass/sampled_loss.hpp"

using namespace manyclass;

namespace {

using Ids = std::vector<std::int64_t>;

VectorView<const std::int64_t> view(const Ids& ids) {
  return {ids.data(), static_cast<std::int64_t>(ids.size())};
}

// Three classes whose logits are the biases, two examples: labels 2 and 0, and none.
struct ThreeClasses {
  std::vector<double> weights{0.0, 0.0, 0.0};
  std::vector<double> biases{0.5, -1.0, 2.0};
  std::vector<double> inputs{1.0, 1.0};
  std::vector<double> label_weights{0.75, 0.25};
  Ids values{2, 0};
  Ids row_splits{0, 2, 2};
  OutputLayer<double> layer{RowsView<const double>({weights.data(), 3, 1, 1}),
                            RowsView<const double>({biases.data(), 3, 1, 1})};

  Examples<double> examples(double label_smoothing) const {
    return {LabelsView(view(values), view(row_splits)),
            {inputs.data(), 2, 1, 1},
            {label_weights.data(), 2, 1, 1},
            label_smoothing};
  }
};

}  // namespace

TEST_CASE("Labels are numbered row after row") {
  const Ids numbers{5, -1, 6, -1, 7, -1, 8, -1};
  const LabelsView dense(MatrixView<const std::int64_t>{numbers.data(), 4, 1, 2});
  CHECK(!dense.is_ragged());
  CHECK(dense.batch() == 4);
  CHECK(dense.size() == 4);
  CHECK(dense.first(3) == 3);
  CHECK(dense[3] == 8);

  const Ids row_splits{0, 0, 3, 4};
  const LabelsView ragged({numbers.data(), 4, 2}, view(row_splits));
  CHECK(ragged.is_ragged());
  CHECK(ragged.batch() == 3);
  CHECK(ragged.size() == 4);
  CHECK(ragged.first(1) == 0);
  CHECK(ragged.first(3) == 4);
  CHECK(ragged[2] == 7);
}

TEST_CASE("Row splits that would lead out of the labels are refused") {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const Ids values{1, 2, 3};
  const auto make = [&](const Ids& row_splits) {
    return LabelsView(view(values), view(row_splits)).batch();
  };
  CHECK(make({0, 3}) == 1);
  CHECK_THROWS_WITH(make({}), doctest::Contains("row_splits is empty"));
  CHECK_THROWS_WITH(make({3}), doctest::Contains("row_splits[0] is 3"));
  CHECK_THROWS_WITH(make({0}), doctest::Contains("ends with 0"));
  CHECK_THROWS_WITH(make({0, 4}), doctest::Contains("ends with 4"));
  CHECK_THROWS_WITH(make({0, most, 3}), doctest::Contains("row_splits[2] is 3, below"));
  CHECK_THROWS_WITH(make({0, -most, 3}), doctest::Contains("row_splits[1] is -"));
}

TEST_CASE("Weights and smoothing make targets; an example without labels has none") {
  const ThreeClasses three;
  const double log_sum = std::log(std::exp(0.5) + std::exp(-1.0) + std::exp(2.0));
  const double share = 0.25 / 3.0;
  const double targets[] = {0.75 * 0.25 + share, share, 0.75 * 0.75 + share};
  double expected = 0.0;
  for (std::size_t c = 0; c < 3; ++c) expected += targets[c] * (log_sum - three.biases[c]);

  std::vector<double> full(2, -1.0);
  full_softmax_loss<double>(three.layer, three.examples(0.25), 1, {full.data(), 2});
  CHECK(full[0] == doctest::Approx(expected).epsilon(1e-14));
  CHECK(full[1] == 0.0);

  // All classes as candidates, hits removed: the same terms.
  const Ids candidates{0, 1, 2};
  const std::vector<double> ones{1.0, 1.0, 1.0};
  const SampledValuesView sampled{view(candidates), {ones.data(), 1, 2, 0}, {ones.data(), 1, 3, 0}};
  std::vector<double> loss(2, -1.0);
  std::vector<double> grad_inputs(2, -1.0);
  const auto gradients =
      sampled_softmax_loss_and_grad<double>(three.layer, three.examples(0.25), sampled, {}, {},
                                            {loss.data(), 2}, {grad_inputs.data(), 2, 1, 1});
  CHECK(loss[0] == doctest::Approx(expected).epsilon(1e-14));
  CHECK(loss[1] == 0.0);
  CHECK(grad_inputs[1] == 0.0);
  for (std::int64_t c = 0; c < 3; ++c) {
    const auto i = static_cast<std::size_t>(c);
    const double p = std::exp(three.biases[i] - log_sum);
    CHECK(gradients.biases.values[c] == doctest::Approx(p - targets[i]).epsilon(1e-13));
  }
}

TEST_CASE("Ranks come in the order of labels") {
  const ThreeClasses three;
  Ids ranks(2);
  label_ranks<double>(three.layer, three.examples(0.0), 1, {ranks.data(), 2});
  CHECK(ranks == Ids{1, 2});
  CHECK_THROWS_WITH(label_ranks<double>(three.layer, three.examples(0.0), 1, {ranks.data(), 1}),
                    doctest::Contains("ranks has 1 entries"));
}

TEST_CASE("Samplers and nce_loss name what they refuse") {
  const ThreeClasses three;
  const SampledValuesView none{{}, {three.biases.data(), 1, 1, 0}, {three.biases.data(), 1, 1, 0}};
  std::vector<double> loss(2, -1.0);
  CHECK_THROWS_WITH(nce_loss<double>(three.layer, three.examples(0.25), none, {}, {loss.data(), 2}),
                    doctest::Contains("label_smoothing is 0.25; nce_loss has none"));
  CHECK(loss == std::vector<double>{-1.0, -1.0});

  UniformSampler sampler(2, {1, 2});
  const LabelsView labels(view(three.values), view(three.row_splits));
  CHECK_THROWS_WITH(sampler.sample(labels, 1, true, {}, "labels"),
                    doctest::Contains("labels.values[0] is 2, outside [0, 2)"));
  CHECK(sampler.stream().block() == 0);
}
