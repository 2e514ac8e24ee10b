#include <doctest/doctest.h>

#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

#include "manyclass/weight_tree.hpp"

using manyclass::VectorView;
using manyclass::WeightTree;

namespace {

using Weights = std::vector<std::int64_t>;

VectorView<const std::int64_t> view(const Weights& weights) {
  return {weights.data(), static_cast<std::int64_t>(weights.size())};
}

// The first and the last position of each class pick it.
void check_same(const WeightTree& tree, const Weights& weights) {
  REQUIRE(tree.size() == static_cast<std::int64_t>(weights.size()));
  CHECK(tree.total() == std::accumulate(weights.begin(), weights.end(), std::int64_t{0}));
  std::int64_t before = 0;
  for (std::int64_t c = 0; c < tree.size(); ++c) {
    const std::int64_t weight = weights[static_cast<std::size_t>(c)];
    CHECK(tree.weight(c) == weight);
    CHECK(tree.pick(before) == c);
    CHECK(tree.pick(before + weight - 1) == c);
    before += weight;
  }
}

const auto sizes = {1, 2, 15, 16, 17, 31, 32, 33, 100, 255, 256, 257, 1000};

}  // namespace

TEST_CASE("A new tree has the weight 1 for each class") {
  for (const int size : sizes) check_same(WeightTree(size), Weights(std::size_t(size), 1));
}

TEST_CASE("Increments are the weights of plain addition") {
  std::mt19937 random(1);
  for (const int size : sizes) {
    WeightTree tree(size);
    Weights weights(std::size_t(size), 1);
    for (int round = 0; round < 3; ++round) {
      for (int k = 0; k < 2 * size; ++k) {
        // Squared, so that some classes grow much more than others.
        const double u = double(random()) / 4294967296.0;
        const auto class_id = static_cast<std::int64_t>(u * u * size);
        tree.increment(class_id);
        ++weights[static_cast<std::size_t>(class_id)];
      }
      check_same(tree, weights);
    }
  }
}

TEST_CASE("Assigned weights replace all others and go on growing") {
  std::mt19937 random(2);
  for (const int size : sizes) {
    WeightTree tree(size);
    tree.increment(size - 1);
    Weights weights(static_cast<std::size_t>(size));
    for (auto& weight : weights) weight = 1 + random() % 1000;
    tree.assign(view(weights));
    check_same(tree, weights);
    tree.increment(size / 2);
    ++weights[static_cast<std::size_t>(size) / 2];
    check_same(tree, weights);
  }
}

TEST_CASE("The total may reach its limit") {
  WeightTree tree(3);
  const Weights weights{5, WeightTree::most_total - 7, 2};
  tree.assign(view(weights));
  check_same(tree, weights);
  CHECK(tree.pick(WeightTree::most_total - 1) == 2);
}

TEST_CASE("Weights that do not fit are refused and change nothing") {
  WeightTree tree(3);
  tree.increment(1);
  for (const Weights& weights : {Weights{1, 1},
                                 {1, 1, 1, 1},
                                 {1, 0, 1},
                                 {1, 1, -4},
                                 {1, WeightTree::most_total, 1},
                                 {1, std::int64_t{1} << 62, 1}}) {
    CHECK_THROWS_AS(tree.assign(view(weights)), std::invalid_argument);
    check_same(tree, {1, 2, 1});
  }
}

TEST_CASE("A large tree costs nothing before it learns") {
  constexpr std::int64_t size = std::int64_t{1} << 28;
  WeightTree tree(size);
  CHECK(tree.pick(size - 1) == size - 1);
  tree.increment(123456789);
  CHECK(tree.pick(123456789) == 123456789);
  CHECK(tree.pick(123456790) == 123456789);
  CHECK(tree.pick(123456791) == 123456790);
  CHECK(tree.total() == size + 1);
}
