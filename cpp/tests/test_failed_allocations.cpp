// Each allocation of each entry fails in turn: std::bad_alloc arrives, nothing that is trained and
// no sampler has moved, nothing is leaked, and the same call then gives the bits of one that never
// failed. Outputs are open where a call throws.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "failing_memory.hpp"
#include "manyclass/accidental_hits.hpp"
#include "manyclass/alias_sampler.hpp"
#include "manyclass/full_softmax.hpp"
#include "manyclass/full_softmax_gradient.hpp"
#include "manyclass/in_batch.hpp"
#include "manyclass/indexed_slices.hpp"
#include "manyclass/label_ranks.hpp"
#include "manyclass/learned_unigram_sampler.hpp"
#include "manyclass/mixture_sampler.hpp"
#include "manyclass/threads.hpp"
#include "manyclass/top_k.hpp"
#include "manyclass/train_step.hpp"
#include "manyclass/vocabulary_walk.hpp"
#include "scratch.hpp"

using namespace manyclass;

namespace {

using Bytes = std::string;

// What is shown of results is not part of what may fail.
template <class T>
Bytes bytes_of(const T* data, std::size_t size) {
  MemoryFailure::end();
  return {reinterpret_cast<const char*>(data), size * sizeof(T)};
}
template <class T>
Bytes bytes_of(const std::vector<T>& values) {
  return bytes_of(values.data(), values.size());
}
template <class T>
Bytes bytes_of(const Buffer<T>& values) {
  return bytes_of(values.data(), static_cast<std::size_t>(values.size()));
}
template <class T>
Bytes bytes_of(const SampledValuesOf<T>& values) {
  return bytes_of(values.sampled_candidates) + bytes_of(values.true_expected_count) +
         bytes_of(values.sampled_expected_count);
}
Bytes bytes_of(const SampledGradients<float>& g) {
  return bytes_of(g.weights.indices) + bytes_of(g.weights.values) + bytes_of(g.biases.values);
}
Bytes stream_of(const Sampler& sampler) {
  const PhiloxStream stream = sampler.stream();
  const std::uint64_t place[] = {stream.seed().first, stream.seed().second, stream.block()};
  return bytes_of(place, 3);
}

std::vector<float> wave(std::size_t size, std::uint32_t seed) {
  std::vector<float> values;
  values.reserve(size);
  for (std::uint32_t i = 0; i < size; ++i) {
    seed = seed * 1664525U + 1013904223U;
    values.push_back(static_cast<float>(seed >> 8) * 0x1p-23F - 1.0F);
  }
  return values;
}

// So large that loops are shared out among threads.
constexpr std::int64_t classes = 3000;
constexpr std::int64_t dim = 48;
constexpr std::int64_t batch = 90;
constexpr std::int64_t num_sampled = 700;
constexpr int threads = 3;

// A layer, examples, and room for what is computed of them.
struct Problem {
  std::vector<float> weights = wave(classes * dim, 1);
  std::vector<float> biases = wave(classes, 2);
  std::vector<float> weights_state = std::vector<float>(classes * dim);
  std::vector<float> biases_state = std::vector<float>(classes);
  std::vector<float> inputs = wave(batch * dim, 3);
  std::vector<std::int64_t> labels = std::vector<std::int64_t>(batch * 2);
  std::vector<float> loss = std::vector<float>(batch);
  std::vector<float> grad_inputs = std::vector<float>(batch * dim);

  Problem() {
    for (std::size_t i = 0; i < labels.size(); ++i) {
      labels[i] = static_cast<std::int64_t>(i * i * 7 % classes);
    }
  }
  OutputLayer<float> layer() const {
    return {RowsView<const float>({weights.data(), classes, dim, dim}),
            RowsView<const float>({biases.data(), classes, 1, 1})};
  }
  TrainedLayer<float> trained() {
    return {{RowsView<float>({weights.data(), classes, dim, dim}),
             {{{{weights_state.data(), classes, dim, dim}}}}},
            {RowsView<float>({biases.data(), classes, 1, 1}),
             {{{{biases_state.data(), classes, 1, 1}}}}}};
  }
  MatrixView<const std::int64_t> ids() const { return {labels.data(), batch, 2, 2}; }
  Examples<float> examples() const { return {ids(), {inputs.data(), batch, dim, dim}}; }
  VectorView<float> loss_out() { return {loss.data(), batch}; }
  MatrixView<float> inputs_out() { return {grad_inputs.data(), batch, dim, dim}; }
  Bytes outputs() const { return bytes_of(loss) + bytes_of(grad_inputs); }
  Bytes kept() const {
    return bytes_of(weights) + bytes_of(biases) + bytes_of(weights_state) + bytes_of(biases_state);
  }
};

// Something to call, what must not move when that fails, and what it gives.
struct Attempt {
  std::function<Bytes()> call;
  std::function<Bytes()> kept = [] { return Bytes(); };
};
using Make = std::function<Attempt()>;

// Takes the memory that earlier calls left for later ones.
struct NoKeptScratch {
  Scratch held[5];
};

// Returns how many allocations were made to fail.
int fail_each(const Make& make, bool lasts) {
  const Attempt untouched = make();
  const Bytes expected = untouched.call();
  const Bytes expected_kept = untouched.kept();
  for (int n = 1;; ++n) {
    CAPTURE(n);
    const NoKeptScratch none;
    const Attempt attempt = make();
    const Bytes before = attempt.kept();
    std::optional<Bytes> result;
    bool happened = false;
    {
      const MemoryFailure failure(n, lasts);
      try {
        result = attempt.call();
      } catch (const std::bad_alloc&) {
      }
      happened = failure.happened();
    }
    if (!result) {
      REQUIRE(happened);
      REQUIRE((attempt.kept() == before));
      result = attempt.call();
    }
    REQUIRE((*result == expected));
    REQUIRE((attempt.kept() == expected_kept));
    if (!happened) return n - 1;
  }
}

void check(const char* name, const Make& make) {
  const std::string shown = name;
  CAPTURE(shown);
  fail_each(make, false);
  const std::int64_t held = allocations_held();
  const int failures = fail_each(make, false);
  CHECK(allocations_held() == held);
  CHECK(failures > 0);
  fail_each(make, true);
  CHECK(allocations_held() == held);
}

// A problem and what is called with it.
Make with_problem(Bytes (*call)(Problem&)) {
  return [call] {
    auto problem = std::make_shared<Problem>();
    return Attempt{[=] { return call(*problem); }, [=] { return problem->kept(); }};
  };
}

template <class Made>
Make with_sampler(std::shared_ptr<Made> (*make)(), Bytes (*call)(Made&),
                  Bytes (*kept)(const Made&)) {
  return [=] {
    auto sampler = make();
    return Attempt{[=] { return call(*sampler); }, [=] { return kept(*sampler); }};
  };
}

const Problem& shared_problem() {
  static const Problem problem;
  return problem;
}

template <class T>
Bytes sample(Sampler& sampler, bool unique) {
  return bytes_of(sampler.sample<T>(shared_problem().ids(), num_sampled, unique));
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

Candidates given() {
  static const SampledValues values =
      LogUniformSampler(classes, {3, 4}).sample(shared_problem().ids(), num_sampled, true);
  return view_of(values, 2);
}

template <auto Loss>
Bytes sampled_loss(Problem& p) {
  Loss(p.layer(), p.examples(), std::get<SampledValuesView>(given()), {.num_threads = threads},
       p.loss_out());
  return p.outputs();
}
template <auto Gradient>
Bytes sampled_gradient(Problem& p) {
  const auto gradients = Gradient(p.layer(), p.examples(), std::get<SampledValuesView>(given()),
                                  {.num_threads = threads}, {}, p.loss_out(), p.inputs_out());
  return p.outputs() + bytes_of(gradients);
}

Bytes train(Problem& p, const Candidates& candidates) {
  sampled_softmax_train_step<float>(p.trained(), p.examples(), candidates, {.num_threads = threads},
                                    {RowRule(Adagrad{}), 0.5, 1.0}, {}, p.loss_out(),
                                    p.inputs_out());
  return p.outputs();
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
                                  const auto none = shared_problem().ids().middle_rows(0, 0);
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
    return Attempt{
        [=] { return bytes_of(in_batch_candidates(shared_problem().ids(), *frequencies, true)); },
        [=] { return bytes_of(frequencies->state().counts); }};
  });
  check("vocabulary walk", [] {
    auto walk = std::make_shared<VocabularyWalk>(classes, classes);
    return Attempt{[=] {
      walk->take(shared_problem().ids(), 0);
      return bytes_of(walk->finish());
    }};
  });
}

TEST_CASE("sampled losses") {
  check("softmax loss", with_problem(sampled_loss<sampled_softmax_loss<float>>));
  check("softmax gradient", with_problem(sampled_gradient<sampled_softmax_loss_and_grad<float>>));
  check("nce loss", with_problem(sampled_loss<nce_loss<float>>));
  check("nce gradient", with_problem(sampled_gradient<nce_loss_and_grad<float>>));
  check("accidental hits", with_problem([](Problem& p) {
          const auto hits = compute_accidental_hits(
              p.ids(), std::get<SampledValuesView>(given()).sampled_candidates);
          return bytes_of(hits.indices) + bytes_of(hits.ids) + bytes_of(hits.weights);
        }));
}

TEST_CASE("all classes") {
  check("loss", with_problem([](Problem& p) {
          full_softmax_loss<float>(p.layer(), p.examples(), threads, p.loss_out());
          return p.outputs();
        }));
  check("gradients", with_problem([](Problem& p) {
          static Problem to;
          full_softmax_loss_and_grad<float>(
              p.layer(), p.examples(), {}, threads, p.loss_out(),
              {RowsView<float>({to.weights.data(), classes, dim, dim}),
               RowsView<float>({to.biases.data(), classes, 1, 1}), p.inputs_out()});
          return p.outputs() + to.kept();
        }));
  check("ranks", with_problem([](Problem& p) {
          std::vector<std::int64_t> ranks(p.labels.size());
          full_softmax_loss_and_ranks<float>(p.layer(), p.examples(), threads, p.loss_out(),
                                             {ranks.data(), 2 * batch});
          label_ranks<float>(p.layer(), p.examples(), threads, {ranks.data(), 2 * batch});
          return p.outputs() + bytes_of(ranks);
        }));
  check("top k", with_problem([](Problem& p) {
          std::vector<std::int64_t> indices(batch * 10);
          std::vector<float> values(batch * 20);
          top_k<float>(p.layer(), p.examples().inputs, p.ids(), threads,
                       {{values.data(), batch, 10, 10},
                        {indices.data(), batch, 10, 10},
                        {values.data() + batch * 10, batch, 10, 10}});
          return bytes_of(indices) + bytes_of(values);
        }));
}

TEST_CASE("training") {
  check("a step with given candidates", with_problem([](Problem& p) { return train(p, given()); }));
  check("a step that draws", [] {
    auto problem = std::make_shared<Problem>();
    auto sampler = learned();
    return Attempt{
        [=] { return train(*problem, CandidateDraw{*sampler, num_sampled, Seed{7, 8}}); },
        [=] { return problem->kept() + learned_state(*sampler); }};
  });
  check("a row optimizer", with_problem([](Problem& p) {
          std::vector<std::int64_t> rows(classes / 2);
          for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(2 * i);
          const std::vector<float> values = wave(rows.size() * dim, 9);
          const AnyRowUpdate update =
              RowUpdate<float>{{p.weights.data(), classes, dim, dim},
                               {{{p.weights_state.data(), classes, dim, dim}}},
                               {rows.data(), classes / 2},
                               {values.data(), classes / 2, dim, dim}};
          apply_row_updates(RowRule(Adagrad{}), {&update, 1}, 0.1, 1.0, threads);
          return Bytes();
        }));
  check("sums of rows", with_problem([](Problem& p) {
          const auto sums = sum_rows<float>({p.labels.data(), batch},
                                            {p.inputs.data(), batch, dim, dim}, classes, threads);
          return bytes_of(sums.indices) + bytes_of(sums.values);
        }));
}
