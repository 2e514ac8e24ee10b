#include <doctest/doctest.h>

#include <limits>
#include <random>
#include <set>
#include <stdexcept>
#include <vector>

#include "manyclass/step_classes.hpp"

using manyclass::find_step_classes;
using Ids = std::vector<std::int64_t>;

namespace {

struct Places {
  Ids labels;
  Ids candidates;
};

// Labels are a matrix whose rows are `stride` apart.
Ids classes_of(const Ids& labels, std::int64_t cols, std::int64_t stride, const Ids& candidates,
               Places& places) {
  const std::int64_t rows = std::ssize(labels) / stride;
  places.labels.assign(static_cast<std::size_t>(rows * cols), -7);
  places.candidates.assign(candidates.size(), -7);
  const auto classes = find_step_classes(
      {labels.data(), rows, cols, stride}, {candidates.data(), std::ssize(candidates)},
      {places.labels.data(), rows, cols, cols}, {places.candidates.data(), std::ssize(candidates)});
  return {classes.data(), classes.data() + classes.size()};
}

}  // namespace

TEST_CASE("Each class of a step once and ascending, and where labels and candidates stand") {
  std::mt19937_64 random(1);
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t largest : {std::int64_t{0}, std::int64_t{1}, std::int64_t{64},
                                     std::int64_t{1} << 40, most - 1, most}) {
    for (const std::size_t rows : {0U, 1U, 40U}) {
      for (const std::size_t num_candidates : {0U, 1U, 300U}) {
        CAPTURE(largest);
        CAPTURE(rows);
        CAPTURE(num_candidates);
        const auto draw = [&] { return std::int64_t(random() % (std::uint64_t(largest) + 1)); };
        Ids labels(rows * 3), candidates(num_candidates);
        for (auto& id : labels) id = draw();
        for (auto& id : candidates) id = draw();
        if (!candidates.empty()) candidates.back() = largest;
        std::set<std::int64_t> wanted(candidates.begin(), candidates.end());
        for (std::size_t i = 0; i < rows; ++i) wanted.insert({labels[3 * i], labels[3 * i + 1]});

        Places places;
        const Ids classes = classes_of(labels, 2, 3, candidates, places);
        REQUIRE(classes == Ids(wanted.begin(), wanted.end()));
        for (std::size_t i = 0; i < rows; ++i) {
          REQUIRE(classes.at(std::size_t(places.labels[2 * i])) == labels[3 * i]);
          REQUIRE(classes.at(std::size_t(places.labels[2 * i + 1])) == labels[3 * i + 1]);
        }
        for (std::size_t k = 0; k < num_candidates; ++k) {
          REQUIRE(classes.at(std::size_t(places.candidates[k])) == candidates[k]);
        }
      }
    }
  }
}

TEST_CASE("A negative class of a step is refused before anything is written") {
  Places places;
  CHECK_THROWS_WITH_AS(classes_of({1, 2, 3, -4}, 2, 2, {5}, places),
                       "labels[1, 1] is -4; a class must not be negative", std::invalid_argument);
  CHECK(places.labels == Ids{-7, -7, -7, -7});
  CHECK_THROWS_WITH_AS(classes_of({1, 2}, 2, 2, {5, -1}, places),
                       "sampled_candidates[1] is -1; a class must not be negative",
                       std::invalid_argument);
  CHECK(places.candidates == Ids{-7, -7});
}

TEST_CASE("Places of another shape are refused") {
  Ids ids(4);
  CHECK_THROWS_AS(find_step_classes({ids.data(), 2, 1, 1}, {}, {ids.data(), 1, 1, 1}, {}),
                  std::invalid_argument);
  CHECK_THROWS_AS(find_step_classes({}, {ids.data(), 2}, {}, {ids.data(), 1}),
                  std::invalid_argument);
}
