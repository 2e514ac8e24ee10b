// What only reads labels: frequencies, candidates of a batch, stretches of a stream, hits, the
// classes of a step.
#include <algorithm>
#include <map>
#include <set>

#include "fuzz_input.hpp"
#include "manyclass/accidental_hits.hpp"
#include "manyclass/in_batch.hpp"
#include "manyclass/step_classes.hpp"
#include "manyclass/streaming_frequencies.hpp"
#include "manyclass/vocabulary_walk.hpp"
#include "views_of_input.hpp"

namespace {

using namespace manyclass;

bool same_state(const StreamingFrequencies::State& a, const StreamingFrequencies::State& b) {
  return a.counts == b.counts && a.seen_at == b.seen_at && a.num_labels == b.num_labels &&
         a.total == b.total;
}

void count(fuzz::Input& input) {
  const double half_life = input.coin() ? StreamingFrequencies::never : input.weight() * 100.0;
  const auto begin = input.weights(input.below(12));
  std::optional<StreamingFrequencies> frequencies;
  std::int64_t num_classes = input.id(12);
  if (num_classes > 12) num_classes = 12;  // more is an order for memory
  if (fuzz::refused([&] {
        if (input.coin()) {
          frequencies.emplace(view_of(begin), half_life);
        } else {
          frequencies.emplace(num_classes, half_life);
        }
      })) {
    return;
  }
  num_classes = frequencies->num_classes();
  for (int calls = 0; calls < 6 && !input.is_empty(); ++calls) {
    const fuzz::ReadLabels labels(input, num_classes);
    const auto before = frequencies->state();
    bool was_refused = false;
    if (const int call = input.below(4); call == 0) {
      was_refused = fuzz::refused([&] { frequencies->update(labels.matrix()); });
    } else if (call == 1) {
      const bool counted = input.coin();
      SampledValues values;
      was_refused = fuzz::refused(
          [&] { values = in_batch_candidates(labels.matrix(), *frequencies, counted); });
      if (counted && !was_refused) frequencies->update(labels.matrix());
      const auto& ids = values.sampled_candidates;
      fuzz::require(std::is_sorted(ids.begin(), ids.end(), std::less_equal()), "each class once");
      for (const float expected : values.sampled_expected_count) {
        fuzz::require(expected >= 0.0F && expected <= 1.001F, "an expected count");
      }
    } else if (call == 2) {
      const auto ids = input.ids(3, num_classes);
      std::vector<double> p(ids.size());
      was_refused = fuzz::refused([&] { frequencies->probabilities(view_of(ids), p); });
      for (const double value : p) fuzz::require(value >= 0.0 && value <= 1.001, "a probability");
    } else {
      auto state = before;
      if (input.coin()) state.counts = input.weights(input.rarely() ? 3 : num_classes);
      if (input.coin()) state.seen_at = input.ids(input.rarely() ? 3 : num_classes, 100);
      if (input.coin()) state.total = input.weight();
      if (input.coin()) state.num_labels = input.id(1000);
      was_refused = fuzz::refused([&] { frequencies->set_state(state); });
    }
    fuzz::require(!was_refused || same_state(before, frequencies->state()),
                  "frequencies as before a refusal");
  }
}

void walk(fuzz::Input& input) {
  std::int64_t num_classes = input.id(30);
  if (num_classes > 30) num_classes = 30;
  const std::int64_t most = input.id(8);
  std::optional<VocabularyWalk> walk;
  if (fuzz::refused([&] { walk.emplace(num_classes, most); })) return;
  std::set<std::int64_t> wanted;
  for (int calls = 0; calls < 6 && !input.is_empty(); ++calls) {
    const fuzz::ReadLabels labels(input, num_classes);
    const auto matrix = labels.matrix();
    std::int64_t taken = 0;
    if (!fuzz::refused([&] { taken = walk->take(matrix, input.id(100)); })) {
      fuzz::require(taken >= 0 && taken <= matrix.rows, "rows of the batch");
      for (std::int64_t i = 0; i < taken; ++i) {
        wanted.insert(matrix.row(i), matrix.row(i) + matrix.cols);
      }
      fuzz::require(std::ssize(wanted) <= most, "few enough classes");
    }
    if (input.coin()) continue;
    const auto classes = walk->finish();
    fuzz::require(std::equal(classes.begin(), classes.end(), wanted.begin(), wanted.end()),
                  "the classes of the rows taken");
    wanted.clear();
  }
}

// The classes of a step, or a refusal with nothing written.
void find_classes(MatrixView<const std::int64_t> labels,
                  const std::vector<std::int64_t>& candidates) {
  const std::int64_t num_labels = labels.rows * labels.cols;
  std::vector<std::int64_t> label_places(static_cast<std::size_t>(num_labels), -7);
  std::vector<std::int64_t> candidate_places(candidates.size(), -7);
  Buffer<std::int64_t> classes;
  const auto unwritten = [](std::int64_t place) { return place == -7; };
  if (fuzz::refused([&] {
        classes = find_step_classes(
            labels, view_of(candidates),
            {label_places.data(), labels.rows, labels.cols, labels.cols},
            {candidate_places.data(), static_cast<std::int64_t>(candidate_places.size())});
      })) {
    fuzz::require(std::all_of(label_places.begin(), label_places.end(), unwritten) &&
                      std::all_of(candidate_places.begin(), candidate_places.end(), unwritten),
                  "places left as they were");
    return;
  }
  for (std::int64_t i = 1; i < classes.size(); ++i) {
    fuzz::require(classes[i - 1] < classes[i], "each class once, in order");
  }
  std::set<std::int64_t> used;
  const auto check = [&](std::int64_t id, std::int64_t place) {
    fuzz::require(place >= 0 && place < classes.size() && classes[place] == id, "its own class");
    used.insert(place);
  };
  for (std::int64_t e = 0; e < num_labels; ++e) {
    check(labels.row(e / labels.cols)[e % labels.cols], label_places[static_cast<std::size_t>(e)]);
  }
  for (std::size_t k = 0; k < candidates.size(); ++k) check(candidates[k], candidate_places[k]);
  fuzz::require(std::ssize(used) == classes.size(), "no class that does not occur");
}

void find_hits(fuzz::Input& input) {
  const fuzz::ReadLabels labels(input, 8);
  const auto candidates = input.ids(input.below(12), 8);
  const auto matrix = labels.matrix();
  const auto hits = compute_accidental_hits(matrix, view_of(candidates));
  std::map<std::int64_t, std::int64_t> last;
  for (std::size_t k = 0; k < candidates.size(); ++k) {
    last[candidates[k]] = static_cast<std::int64_t>(k);
  }
  std::size_t h = 0;
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols; ++j) {
      const auto found = last.find(matrix.row(i)[j]);
      if (found == last.end()) continue;
      fuzz::require(h < hits.ids.size() && hits.indices[h] == i && hits.ids[h] == found->second,
                    "each hit in its place");
      ++h;
    }
  }
  fuzz::require(h == hits.ids.size() && h == hits.indices.size() && h == hits.weights.size(),
                "no more hits than there are");
  (void)fuzz::refused([&] { check_candidates(matrix, view_of(candidates)); });
  find_classes(matrix, candidates);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_num_threads(1);
  fuzz::Input input(data, size);
  switch (input.below(3)) {
    case 0:
      count(input);
      break;
    case 1:
      walk(input);
      break;
    default:
      find_hits(input);
  }
  return 0;
}
