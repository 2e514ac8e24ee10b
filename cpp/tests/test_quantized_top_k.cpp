// Top k by quantised rows from C++: over all classes top_k's answer, and what it refuses.
#include <doctest/doctest.h>

#include <random>
#include <stdexcept>
#include <vector>

#include "manyclass/quantized_top_k.hpp"

using namespace manyclass;

namespace {

constexpr std::int64_t classes = 700, dim = 9, batch = 20, k = 4;

std::vector<float> normal(std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> distribution;
  std::vector<float> values(static_cast<std::size_t>(size));
  for (float& value : values) value = distribution(random);
  return values;
}

struct Problem {
  std::vector<float> weights = normal(classes * dim, 1);
  std::vector<float> biases = normal(classes, 2);
  std::vector<float> inputs = normal(batch * dim, 3);
  OutputLayer<float> layer{RowsView<const float>({weights.data(), classes, dim, dim}),
                           RowsView<const float>({biases.data(), classes, 1, 1})};
  QuantizedRows quantized{layer.weights, 2};

  MatrixView<const float> examples() const { return {inputs.data(), batch, dim, dim}; }
};

struct Answer {
  std::vector<float> values = std::vector<float>(batch * k, -7.0F);
  std::vector<std::int64_t> indices = std::vector<std::int64_t>(batch * k, -7);

  TopK<float> view() { return {{values.data(), batch, k, k}, {indices.data(), batch, k, k}}; }
  bool operator==(const Answer&) const = default;
};

}  // namespace

TEST_CASE("quantised top k: over all classes the exact answer") {
  const Problem problem;
  Answer exact;
  top_k(problem.layer, problem.examples(), {}, 2, exact.view());
  for (const std::int64_t num_reranked : {default_num_reranked(k, classes), classes}) {
    Answer answer;
    quantized_top_k(problem.layer, problem.quantized, problem.examples(), num_reranked, {}, 2,
                    answer.view());
    CHECK((answer == exact));
  }
  CHECK(default_num_reranked(10, classes) == 36);
  CHECK(default_num_reranked(10, 30) == 30);
}

TEST_CASE("quantised top k: what does not fit is refused, nothing is written") {
  const Problem problem;
  const auto check_refused = [&](const QuantizedRows& quantized, std::int64_t num_reranked,
                                 bool log_probabilities, const char* message) {
    Answer answer;
    TopK<float> result = answer.view();
    if (log_probabilities) result.log_probabilities = result.values;
    CHECK_THROWS_WITH_AS(
        quantized_top_k(problem.layer, quantized, problem.examples(), num_reranked, {}, 2, result),
        message, std::invalid_argument);
    CHECK((answer == Answer()));
  };
  check_refused(problem.quantized, k - 1, false,
                "num_reranked is 3; it must be at least k, 4, and at most the 700 classes");
  check_refused(problem.quantized, classes + 1, false,
                "num_reranked is 701; it must be at least k, 4, and at most the 700 classes");
  check_refused(problem.quantized, classes, true,
                "log_probabilities need all logits; top_k computes them");
  const QuantizedRows other(RowsView<const float>({problem.weights.data(), classes - 1, dim, dim}));
  check_refused(other, classes, false,
                "weights has shape [700, 9]; its quantised copy has [699, 9]");
}
