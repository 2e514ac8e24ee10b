// Each allocation of each loss, training step and row update fails in turn.
#include <memory>
#include <vector>

#include "failing_calls.hpp"
#include "manyclass/accidental_hits.hpp"
#include "manyclass/full_softmax.hpp"
#include "manyclass/full_softmax_gradient.hpp"
#include "manyclass/indexed_slices.hpp"
#include "manyclass/label_ranks.hpp"
#include "manyclass/learned_unigram_sampler.hpp"
#include "manyclass/quantized_top_k.hpp"
#include "manyclass/step_classes.hpp"
#include "manyclass/train_step.hpp"

using namespace manyclass;

namespace {

Bytes gradient_bytes(const SampledGradients<float>& g) {
  return bytes_of(g.weights.indices) + bytes_of(g.weights.values) + bytes_of(g.biases.values);
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

// A problem and what is called with it.
Make with_problem(Bytes (*call)(Problem&)) {
  return [call] {
    auto problem = std::make_shared<Problem>();
    return Attempt{[=] { return call(*problem); }, [=] { return problem->kept(); }};
  };
}

Candidates given() {
  static const SampledValues values =
      LogUniformSampler(classes, {3, 4}).sample(Problem().ids(), num_sampled, true);
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
  return p.outputs() + gradient_bytes(gradients);
}

Bytes train(Problem& p, const Candidates& candidates) {
  sampled_softmax_train_step<float>(p.trained(), p.examples(), candidates, {.num_threads = threads},
                                    {RowRule(Adagrad{}), 0.5, 1.0}, {}, p.loss_out(),
                                    p.inputs_out());
  return p.outputs();
}

}  // namespace

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
  check("classes of a step", with_problem([](Problem& p) {
          static std::vector<std::int64_t> places(p.labels.size());
          return bytes_of(find_step_classes(p.ids(), {}, {places.data(), batch, 2, 2}, {}));
        }));
}

TEST_CASE("all classes") {
  check("loss", with_problem([](Problem& p) {
          full_softmax_loss<float>(p.layer(), p.examples(), threads, p.loss_out());
          return p.outputs();
        }));
  check("loss of rows of bfloat16, computed in it", with_problem([](Problem& p) {
          static const std::vector<Bfloat16> rows(classes * dim);
          const OutputLayer<float, Bfloat16> layer{
              RowsView<const Bfloat16>({rows.data(), classes, dim, dim}), p.layer().biases};
          full_softmax_loss(layer, p.examples(), threads, p.loss_out(), ComputeDtype::bfloat16);
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
  check("top k by quantised rows", with_problem([](Problem& p) {
          std::vector<std::int64_t> indices(batch * 10);
          std::vector<float> values(batch * 10);
          QuantizedRows quantized(p.layer().weights, threads);
          quantized.update(p.layer().weights, {p.labels.data(), batch}, threads);
          quantized_top_k(p.layer(), quantized, p.examples().inputs, 40, p.ids(), threads,
                          {{values.data(), batch, 10, 10}, {indices.data(), batch, 10, 10}});
          return bytes_of(indices) + bytes_of(values);
        }));
}

TEST_CASE("training") {
  check("a step with given candidates", with_problem([](Problem& p) { return train(p, given()); }));
  check("a step that draws", [] {
    auto problem = std::make_shared<Problem>();
    auto sampler = std::make_shared<LearnedUnigramSampler>(classes, Seed{1, 2});
    return Attempt{
        [=] { return train(*problem, CandidateDraw{*sampler, num_sampled, Seed{7, 8}}); },
        [=] { return problem->kept() + bytes_of(sampler->weights()) + stream_of(*sampler); }};
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
  check("a training step on rows of bfloat16", with_problem([](Problem& p) {
          std::vector<Bfloat16> rows(classes * dim, Bfloat16{0x3c00});
          const TrainedLayer<float> all = p.trained();
          const TrainedLayer<float, Bfloat16> layer{
              {RowsView<Bfloat16>({rows.data(), classes, dim, dim}), all.weights.state},
              all.biases};
          sampled_softmax_train_step(layer, p.examples(), given(), {.num_threads = threads},
                                     {RowRule(Adagrad{}), 0.5, 1.0, PhiloxStream(Seed{5, 6})}, {},
                                     p.loss_out(), p.inputs_out());
          return p.outputs();
        }));
  check("sums of rows", with_problem([](Problem& p) {
          const auto sums = sum_rows<float>({p.labels.data(), batch},
                                            {p.inputs.data(), batch, dim, dim}, classes, threads);
          return bytes_of(sums.indices) + bytes_of(sums.values);
        }));
}
