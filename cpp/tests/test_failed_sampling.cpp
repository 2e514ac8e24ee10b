// Each allocation of each sampler fails in turn.
#include <memory>
#include <vector>

#include "failing_calls.hpp"
#include "manyclass/alias_sampler.hpp"
#include "manyclass/in_batch.hpp"
#include "manyclass/learned_unigram_sampler.hpp"
#include "manyclass/mixture_sampler.hpp"
#include "manyclass/vocabulary_walk.hpp"

using namespace manyclass;

namespace {

constexpr std::int64_t classes = 3000;
constexpr std::int64_t batch = 90;
constexpr std::int64_t num_sampled = 700;

MatrixView<const std::int64_t> label_ids() {
  static const std::vector<std::int64_t> labels = [] {
    std::vector<std::int64_t> ids;
    for (std::int64_t i = 0; i < 2 * batch; ++i) ids.push_back(i * i * 7 % classes);
    return ids;
  }();
  return {labels.data(), batch, 2, 2};
}

template <class Made>
Make with_sampler(std::shared_ptr<Made> (*make)(), Bytes (*call)(Made&),
                  Bytes (*kept)(const Made&)) {
  return [=] {
    auto sampler = make();
    return Attempt{[=] { return call(*sampler); }, [=] { return kept(*sampler); }};
  };
}

template <class T>
Bytes sample(Sampler& sampler, bool unique) {
  return bytes_of(sampler.sample<T>(label_ids(), num_sampled, unique));
}
Bytes draw(Sampler& sampler) {
  std::vector<std::int64_t> drawn(40000);
  sampler.draw(drawn);
  return bytes_of(drawn);
}

template <class Made>
void check_sampler(const char* name, std::shared_ptr<Made> (*make)(), Bytes (*kept)(const Made&)) {
  check(name, with_sampler<Made>(make, [](Made& s) { return sample<float>(s, true); }, kept));
  check(name, with_sampler<Made>(make, [](Made& s) { return sample<double>(s, false); }, kept));
  check(name, with_sampler<Made>(make, [](Made& s) { return draw(s); }, kept));
  check(name, [make] { return Attempt{[make] { return stream_of(*make()); }}; });
}
template <class Made>
void check_sampler(const char* name, std::shared_ptr<Made> (*make)()) {
  check_sampler<Made>(name, make, [](const Made& sampler) { return stream_of(sampler); });
}

std::shared_ptr<LearnedUnigramSampler> learned() {
  return std::make_shared<LearnedUnigramSampler>(classes, Seed{1, 2});
}
Bytes learned_state(const LearnedUnigramSampler& sampler) {
  return bytes_of(sampler.weights()) + stream_of(sampler);
}

std::vector<double> skewed(std::int64_t size) {
  std::vector<double> weights;
  for (std::int64_t c = 0; c < size; ++c) weights.push_back(1.0 / static_cast<double>(c + 1));
  return weights;
}
std::shared_ptr<AliasSampler> alias() {
  static const std::vector<double> weights = skewed(9000);
  return std::make_shared<AliasSampler>(VectorView<const double>{weights.data(), 9000}, Seed{1, 2});
}
Bytes alias_state(const AliasSampler& sampler) {
  return bytes_of(sampler.weights()) + stream_of(sampler);
}

std::shared_ptr<UnigramSampler> unigram() {
  static const std::vector<double> counts = skewed(classes);
  return std::make_shared<UnigramSampler>(VectorView<const double>{counts.data(), classes},
                                          UnigramOptions{0.75}, Seed{1, 2});
}

}  // namespace

TEST_CASE("samplers") {
  check_sampler<UniformSampler>(
      "uniform", [] { return std::make_shared<UniformSampler>(classes, Seed{1, 2}); });
  check_sampler<LogUniformSampler>(
      "log-uniform", [] { return std::make_shared<LogUniformSampler>(classes, Seed{1, 2}); });
  check_sampler<UnigramSampler>("unigram", unigram);
  check_sampler<LearnedUnigramSampler>("learned", learned, learned_state);
  check_sampler<AliasSampler>("alias", alias);
  check_sampler<MixtureSampler>("mixture", [] {
    return std::make_shared<MixtureSampler>(
        std::vector<MixturePart>{{learned(), 0.5}, {unigram(), 0.5}}, Seed{5, 6});
  });
  // Nearly all classes: the last of them by exponential keys.
  check("the last classes", with_sampler<UniformSampler>(
                                [] { return std::make_shared<UniformSampler>(80000, Seed{1, 2}); },
                                [](UniformSampler& sampler) {
                                  const auto none = label_ids().middle_rows(0, 0);
                                  return bytes_of(sampler.sample(none, 80000, true));
                                },
                                [](const UniformSampler& sampler) { return stream_of(sampler); }));
}

TEST_CASE("weights of samplers that change") {
  static const std::vector<std::int64_t> ids{1, 4095, 4096, 8999, 12, 9000, 30000};
  static const std::vector<double> weights{0.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0};
  const auto draws_after = [](AliasSampler& sampler) { return draw(sampler); };
  check("update", with_sampler<AliasSampler>(
                      alias,
                      [](AliasSampler& sampler) {
                        sampler.update({ids.data(), 7}, {weights.data(), 7});
                        MemoryFailure::end();
                        return bytes_of(sampler.weights());
                      },
                      alias_state));
  check("update, by what is drawn before and after", [&] {
    auto sampler = alias();
    const auto drawn = [=] {
      sampler->set_stream(PhiloxStream({1, 2}));
      return draws_after(*sampler);
    };
    return Attempt{[=] {
                     sampler->update({ids.data(), 7}, {weights.data(), 7});
                     return Bytes();
                   },
                   drawn};
  });
  check("set_weights", with_sampler<AliasSampler>(
                           alias,
                           [](AliasSampler& sampler) {
                             sampler.set_weights({weights.data(), 7});
                             MemoryFailure::end();
                             return bytes_of(sampler.weights());
                           },
                           alias_state));
  check("in-batch", [] {
    auto frequencies = std::make_shared<StreamingFrequencies>(classes, 100.0);
    return Attempt{[=] { return bytes_of(in_batch_candidates(label_ids(), *frequencies, true)); },
                   [=] { return bytes_of(frequencies->state().counts); }};
  });
  check("vocabulary walk", [] {
    auto walk = std::make_shared<VocabularyWalk>(classes, classes);
    return Attempt{[=] {
      walk->take(label_ids(), 0);
      return bytes_of(walk->finish());
    }};
  });
}
