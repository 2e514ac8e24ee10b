// The k best classes as the C++ interface gives them, and the heap that finds them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "best_classes.hpp"
#include "manyclass/top_k.hpp"

using namespace manyclass;

namespace {

using Ids = std::vector<std::int64_t>;

struct Answer {
  std::vector<double> values;
  Ids indices;
  std::vector<double> log_probabilities;
  std::int64_t batch;

  Answer(std::int64_t rows, std::int64_t k)
      : values(std::size_t(rows * k), -7.0),
        indices(std::size_t(rows * k), -7),
        log_probabilities(std::size_t(rows * k), -7.0),
        batch(rows) {}

  TopK<double> views(std::int64_t k) {
    return {{values.data(), batch, k, k},
            {indices.data(), batch, k, k},
            {log_probabilities.data(), batch, k, k}};
  }
  bool untouched() const {
    return std::all_of(indices.begin(), indices.end(), [](auto i) { return i == -7; }) &&
           std::all_of(values.begin(), values.end(), [](auto v) { return v == -7.0; });
  }
};

// Four classes whose logits are the biases, two examples.
struct FourClasses {
  std::vector<double> weights{0.0, 0.0, 0.0, 0.0};
  std::vector<double> biases{1.0, 3.0, 2.0, 3.0};
  std::vector<double> inputs{1.0, 1.0};
  OutputLayer<double> layer{RowsView<const double>({weights.data(), 4, 1, 1}),
                            RowsView<const double>({biases.data(), 4, 1, 1})};
  MatrixView<const double> examples{inputs.data(), 2, 1, 1};
};

}  // namespace

TEST_CASE("top_k orders by logit, then by class, and counts excluded classes in probabilities") {
  const FourClasses four;
  Answer answer(2, 2);
  const Ids excluded{3, 1};
  const Ids row_splits{0, 0, 2};
  const LabelsView sets({excluded.data(), 2}, {row_splits.data(), 3}, "excluded");
  top_k<double>(four.layer, four.examples, sets, 1, answer.views(2));
  CHECK(answer.indices == Ids{1, 3, 2, 0});
  CHECK(answer.values == std::vector<double>{3.0, 3.0, 2.0, 1.0});
  double total = 0.0;
  for (const double bias : four.biases) total += std::exp(bias);
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(answer.log_probabilities[i] ==
          doctest::Approx(answer.values[i] - std::log(total)).epsilon(1e-14));
  }
}

TEST_CASE("top_k writes into rows of any stride and nothing beside them") {
  const FourClasses four;
  std::vector<double> values(12, -7.0);
  Ids indices(10, -7);
  const TopK<double> result{{values.data() + 6, 2, 3, -6}, {indices.data(), 2, 3, 5}};
  top_k<double>(four.layer, four.examples, {}, 2, result);
  CHECK(values == std::vector<double>{3, 3, 2, -7, -7, -7, 3, 3, 2, -7, -7, -7});
  CHECK(indices == Ids{1, 3, 2, -7, -7, 1, 3, 2, -7, -7});
}

TEST_CASE("top_k refuses what does not fit before it writes") {
  const FourClasses four;
  const auto refuses = [&](std::int64_t k, const LabelsView& excluded, auto change,
                           const char* message) {
    Answer answer(2, 8);
    TopK<double> views = answer.views(k);
    change(views);
    CHECK_THROWS_WITH(top_k<double>(four.layer, four.examples, excluded, 1, views),
                      doctest::Contains(message));
    CHECK(answer.untouched());
  };
  const auto nothing = [](TopK<double>&) {};
  const Ids ids{0, 1, 2, 2, 2, 2};
  const auto matrix = [&](std::int64_t rows, std::int64_t cols) {
    return LabelsView(MatrixView<const std::int64_t>{ids.data(), rows, cols, cols});
  };
  refuses(0, {}, nothing, "k is 0; it must be at least 1 and at most the 4 classes");
  refuses(5, {}, nothing, "k is 5");
  refuses(2, matrix(2, 3), nothing, "k is 2, and excluded leaves 1 classes to example 0");
  refuses(2, matrix(3, 2), nothing, "excluded has 3 rows, inputs has 2");
  refuses(2, {}, [](TopK<double>& views) { views.values.cols = 3; }, "values has shape [2, 3]");
  refuses(2, {}, [](TopK<double>& views) { views.indices.rows = 1; }, "indices has shape [1, 2]");
  refuses(
      2, {}, [](TopK<double>& views) { views.log_probabilities.rows = 3; },
      "log_probabilities has shape [3, 2]");
  const Ids outside{0, 4};
  refuses(2, LabelsView(MatrixView<const std::int64_t>{outside.data(), 2, 1, 1}), nothing,
          "excluded[1, 0] is 4, outside [0, 4)");
}

TEST_CASE("Excluded classes are sorted sets, whatever is given") {
  const Ids values{9, 2, 9, 2, 2, 5};
  const Ids row_splits{0, 5, 5, 6};
  Scratch scratch;
  const ExcludedClasses sets(LabelsView({values.data(), 6}, {row_splits.data(), 4}), 3, 10,
                             scratch);
  CHECK(sets.count(0) == 2);
  CHECK(sets.count(1) == 0);
  CHECK(sets.count(2) == 1);
  for (std::int64_t c = 0; c < 10; ++c) {
    CHECK(sets.contains(0, c) == (c == 2 || c == 9));
    CHECK(!sets.contains(1, c));
    CHECK(sets.contains(2, c) == (c == 5));
  }
  const ExcludedClasses none({}, 3, 10, scratch);
  CHECK(none.count(2) == 0);
  CHECK(!none.contains(2, 0));
}

TEST_CASE("Scored classes have one order, NaN and infinities included") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<ScoredClass<double>> ordered{{infinity, 4},  {1.0, 0}, {1.0, 7},
                                                 {-0.0, 1},      {0.0, 3}, {-1.0, 2},
                                                 {-infinity, 5}, {nan, 6}, {-nan, 8}};
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    for (std::size_t j = 0; j < ordered.size(); ++j) {
      CHECK(ordered[i].is_ahead_of(ordered[j]) == (i < j));
    }
  }
}

TEST_CASE_TEMPLATE("Best classes do not depend on which thread sees which block", T, float,
                   double) {
  constexpr std::int64_t num_classes = 3000;
  constexpr std::int64_t lanes = 16;
  constexpr std::int64_t size = 5;
  std::mt19937 random(3);
  std::vector<T> table(num_classes);  // only its shape matters here
  const RowsView<const T> weights({table.data(), num_classes, 1, 1});
  std::vector<T> logits(num_classes * lanes);
  for (T& logit : logits) {
    const auto draw = int(random() % 400);
    logit = draw == 0 ? std::numeric_limits<T>::quiet_NaN() : static_cast<T>(draw);
  }
  for (const std::int64_t k : {1, 40, 2999, 3000}) {
    for (const int num_threads : {1, 3}) {
      Scratch scratch;
      const ExcludedClasses excluded({}, size, num_classes, scratch);
      BestClasses<T> best(weights, excluded, k, size, num_threads, scratch);
      std::vector<std::int64_t> order{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
      std::shuffle(order.begin(), order.end(), random);
      best.reset(0, size);
      for (const std::int64_t b : order) {  // 12 blocks of 250
        best.add({0, int(random() % unsigned(num_threads)), b * 250, 250, lanes,
                  logits.data() + b * 250 * lanes});
      }
      for (std::int64_t l = 0; l < size; ++l) {
        std::vector<ScoredClass<T>> all;
        for (std::int64_t c = 0; c < num_classes; ++c) {
          all.push_back({logits[std::size_t(c * lanes + l)], c});
        }
        std::sort(all.begin(), all.end(),
                  [](const auto& a, const auto& b) { return a.is_ahead_of(b); });
        const std::span<const ScoredClass<T>> found = best.sorted(l);
        for (std::int64_t j = 0; j < k; ++j) {
          REQUIRE(found[std::size_t(j)].class_id == all[std::size_t(j)].class_id);
        }
      }
    }
  }
}
