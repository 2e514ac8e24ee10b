// The C++ interface by itself; tests in Python compare the numbers with an oracle.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "manyclass/full_softmax.hpp"
#include "manyclass/full_softmax_gradient.hpp"
#include "manyclass/label_ranks.hpp"
#include "manyclass/reduced_loss.hpp"
#include "manyclass/sampled_loss.hpp"

using namespace manyclass;

namespace {

// Two classes, one of them the label: the softmax has a closed form.
struct TwoClasses {
  std::vector<double> weights{1.0, -1.0};
  std::vector<double> biases{0.25, 0.0};
  std::vector<std::int64_t> labels{0};
  std::vector<double> inputs{0.5};
  OutputLayer<double> layer{RowsView<const double>({weights.data(), 2, 1, 1}),
                            RowsView<const double>({biases.data(), 2, 1, 1})};
  Examples<double> examples{MatrixView<const std::int64_t>{labels.data(), 1, 1, 1},
                            {inputs.data(), 1, 1, 1}};
  double gap = 1.25;  // logit of class 0 minus that of class 1
};

}  // namespace

TEST_CASE("All classes as candidates of count 1 give the full softmax") {
  const TwoClasses two;
  const std::vector<std::int64_t> candidates{0, 1};
  const std::vector<float> ones{1.0F, 1.0F};
  const SampledValuesView sampled{
      {candidates.data(), 2}, {ones.data(), 1, 1, 0}, {ones.data(), 1, 2, 2}};
  double loss = 0.0;
  double grad_input = 0.0;
  const auto gradients = sampled_softmax_loss_and_grad<double>(
      two.layer, two.examples, sampled, {}, {}, {&loss, 1}, {&grad_input, 1, 1, 1});
  const double p = 1.0 / (1.0 + std::exp(two.gap));  // of the wrong class
  CHECK(loss == doctest::Approx(-std::log1p(-p)).epsilon(1e-14));
  CHECK(grad_input == doctest::Approx(-2.0 * p).epsilon(1e-14));
  REQUIRE(gradients.weights.indices.size() == 2);
  CHECK(gradients.weights.values[0] == doctest::Approx(-0.5 * p).epsilon(1e-14));
  CHECK(gradients.biases.values[1] == doctest::Approx(p).epsilon(1e-14));

  double full = 0.0;
  full_softmax_loss<double>(two.layer, two.examples, 1, {&full, 1});
  CHECK(full == doctest::Approx(loss).epsilon(1e-14));
  std::int64_t rank = 0;
  label_ranks<double>(two.layer, two.examples, 1, {&rank, 1});
  CHECK(rank == 1);
}

TEST_CASE("Biases may be cut by another strategy than weights") {
  const std::vector<double> weights{0.5, -1.0, 2.0}, biases{0.25, 0.0, -0.75}, inputs{1.5};
  const std::vector<double> mod_biases{0.25, -0.75, 0.0};  // classes 0, 2 and 1
  const std::vector<std::int64_t> labels{2};
  const RowsView<const double> whole({weights.data(), 3, 1, 1});
  const RowsView<const double> shards({{weights.data(), 2, 1, 1}, {weights.data() + 2, 1, 1, 1}},
                                      PartitionStrategy::div, "weights");
  const RowsView<const double> mod({{mod_biases.data(), 2, 1, 1}, {mod_biases.data() + 2, 1, 1, 1}},
                                   PartitionStrategy::mod, "biases");
  const Examples<double> examples{MatrixView<const std::int64_t>{labels.data(), 1, 1, 1},
                                  {inputs.data(), 1, 1, 1}};
  double expected = 0.0, loss = 0.0;
  full_softmax_loss<double>({whole, RowsView<const double>({biases.data(), 3, 1, 1})}, examples, 1,
                            {&expected, 1});
  for (const auto& table : {whole, shards}) {
    full_softmax_loss<double>({table, mod}, examples, 1, {&loss, 1});
    CHECK(loss == expected);
  }
}

TEST_CASE("Rows that are asked for beyond the last are refused") {
  const TwoClasses two;
  double loss = 0.0, grad_input = 0.0;
  FullSoftmaxGradient<double> gradient(two.layer, two.examples, {}, 1, {&loss, 1});
  std::vector<double> rows{-7.0, -7.0};
  for (const std::int64_t begin :
       {std::int64_t{-1}, std::int64_t{2}, std::numeric_limits<std::int64_t>::max()}) {
    CHECK_THROWS_AS(gradient.add_rows(begin, {rows.data(), 1, 1, 1}, {rows.data() + 1, 1},
                                      {&grad_input, 1, 1, 1}),
                    std::invalid_argument);
  }
  CHECK(rows == std::vector<double>{-7.0, -7.0});
}

TEST_CASE("nce_loss is the logistic loss of each class") {
  const TwoClasses two;
  const std::vector<std::int64_t> candidates{1, 0, 0};
  const std::vector<double> counts{1.0, 0.5, 0.5};
  const SampledValuesView sampled{
      {candidates.data(), 3}, {counts.data(), 1, 1, 0}, {counts.data(), 1, 3, 3}};
  const double truth = 0.75;  // logits
  const double noise = -0.5;
  const double repeated = 0.75 - std::log(0.5);
  const auto softplus = [](double z) { return std::log1p(std::exp(z)); };
  const auto loss_of = [&](const SampledLossOptions& options) {
    double loss = 0.0;
    nce_loss<double>(two.layer, two.examples, sampled, options, {&loss, 1});
    return loss;
  };
  const double base = softplus(-truth) + softplus(noise);
  const auto close = [](double value) { return doctest::Approx(value).epsilon(1e-14); };
  CHECK(loss_of({.mask_repeats = true}) == close(base));
  CHECK(loss_of({}) == close(base + softplus(repeated)));
  CHECK(loss_of({.remove_accidental_hits = false}) == close(base + 2 * softplus(repeated)));
  CHECK(loss_of({.log_q_correction = LogQCorrection::none}) == close(base + softplus(truth)));
  CHECK_THROWS_WITH(loss_of({.remove_accidental_hits = false, .mask_repeats = true}),
                    doctest::Contains("mask_repeats is true, remove_accidental_hits false"));
}

TEST_CASE("Refused calls write nothing") {
  const TwoClasses two;
  std::vector<std::int64_t> bad_labels{2};
  const Examples<double> examples{MatrixView<const std::int64_t>{bad_labels.data(), 1, 1, 1},
                                  two.examples.inputs};
  double loss = 42.0;
  CHECK_THROWS_WITH(full_softmax_loss<double>(two.layer, examples, 1, {&loss, 1}),
                    doctest::Contains("labels[0, 0] is 2, outside [0, 2)"));
  LogUniformSampler sampler(2, {1, 2});
  CHECK_THROWS_WITH(sampler.sample(examples.labels, 1, true, {}, "labels"),
                    doctest::Contains("labels[0, 0] is 2"));
  CHECK(sampler.stream().block() == 0);
  CHECK(loss == 42.0);
}

TEST_CASE("Losses become one number") {
  const std::vector<float> losses{0.5F, 9.0F, 2.25F, 9.0F, 3.25F};
  const VectorView<const float> every_other{losses.data(), 3, 2};
  CHECK(total_loss(every_other) == 6.0F);
  CHECK(mean_loss(every_other) == 2.0F);
  const VectorView<const float> none{losses.data(), 0};
  CHECK(total_loss(none) == 0.0F);
  CHECK(std::isnan(mean_loss(none)));

  // Nearly all of it would be lost in float.
  std::vector<float> tiny(1000001, 1e-4F);
  tiny[0] = 1e6F;
  const VectorView<const float> uneven{tiny.data(), static_cast<std::int64_t>(tiny.size())};
  CHECK(total_loss(uneven) == doctest::Approx(1000100.0).epsilon(1e-7));

  constexpr float most = std::numeric_limits<float>::max();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> large{most, most};
  CHECK(total_loss(VectorView<const float>{large.data(), 2}) == infinity);
  CHECK(mean_loss(VectorView<const float>{large.data(), 2}) == most);
  const std::vector<double> unbounded{1.0, static_cast<double>(infinity)};
  CHECK(mean_loss(VectorView<const double>{unbounded.data(), 2}) == static_cast<double>(infinity));
}
