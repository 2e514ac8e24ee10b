// Steps over sampled classes with any labels, candidates, counts and shards: refused with nothing
// written, or losses and gradients that can be.
#include "manyclass/sampled_loss.hpp"

#include <optional>
#include <type_traits>

#include "fuzz_input.hpp"
#include "manyclass/train_step.hpp"
#include "problem_of_input.hpp"

namespace {

using namespace manyclass;

// Expected counts of some shape that broadcasts, mostly.
struct ReadCounts {
  std::vector<double> wide;
  std::vector<float> narrow;
  bool is_wide;
  std::int64_t rows, cols;

  ReadCounts(fuzz::Input& input, std::int64_t num_rows, std::int64_t num_cols)
      : is_wide(input.coin()), rows(num_rows), cols(num_cols) {
    if (input.rarely()) rows = 1;
    if (input.rarely()) cols = 1;
    if (input.rarely()) cols = input.below(4);
    wide = input.weights(rows * cols);
    for (double& count : wide) count = count == 0.0 && !input.rarely() ? 1.0 : count;
    narrow.assign(wide.begin(), wide.end());
  }

  CountsView view() const {
    CountsView view{narrow.data(), rows, cols, cols};
    if (is_wide) view.data = wide.data();
    return view;
  }
};

template <class W>
void check_slices(const IndexedSlices<ComputeType<W>>& slices, const RowsView<const W>& table) {
  fuzz::require(std::ssize(slices.shard_begin) == table.num_shards() + 1, "a part for each shard");
  fuzz::require(slices.values.size() == slices.indices.size() * table.dim(),
                "a row for each index");
  for (std::int64_t p = 0; p < table.num_shards(); ++p) {
    const auto end = slices.shard_begin[static_cast<std::size_t>(p) + 1];
    std::int64_t last = -1;
    for (std::int64_t i = slices.shard_begin[static_cast<std::size_t>(p)]; i < end; ++i) {
      fuzz::require(slices.indices[i] > last, "indices that ascend");
      last = slices.indices[i];
    }
    fuzz::require(last < table.shard(p).rows, "indices in their shard");
  }
}

template <class T, class W>
struct Step {
  fuzz::Problem<T, W> problem;
  std::vector<std::int64_t> candidates;
  ReadCounts true_counts, sampled_counts;
  SampledLossOptions options;
  std::vector<T> loss, grad_inputs;

  explicit Step(fuzz::Input& input)
      : problem(input),
        candidates(input.ids(input.below(8), problem.num_classes)),
        true_counts(input, problem.labels.ids_rows(), problem.labels.ids_cols()),
        sampled_counts(input, 1, std::ssize(candidates)),
        loss(static_cast<std::size_t>(problem.batch), T{-7}),
        grad_inputs(problem.inputs.size(), T{-7}) {
    options.remove_accidental_hits = !input.rarely();
    options.mask_repeats = input.coin();
    options.log_q_correction = static_cast<LogQCorrection>(input.below(3));
    options.num_threads = input.rarely() ? input.raw<std::int16_t>() : 1;
  }

  SampledValuesView sampled() const {
    return {view_of(candidates), true_counts.view(), sampled_counts.view()};
  }
  VectorView<T> loss_view() { return {loss.data(), std::ssize(loss)}; }
  MatrixView<T> grad_view() {
    return {grad_inputs.data(), problem.batch, problem.dim, problem.dim};
  }
  void require_unwritten() const {
    for (const T value : loss) fuzz::require(value == T{-7}, "a loss left as it was");
    for (const T value : grad_inputs) fuzz::require(value == T{-7}, "a gradient left as it was");
  }
  void require_losses() const {
    if (!problem.is_tame) return;
    for (const T value : loss) fuzz::require(value >= T(-1e-3), "a loss from 0 on");
    for (const T value : grad_inputs) fuzz::require(std::isfinite(value), "a finite gradient");
  }
};

template <class T, class W>
void compute_losses(Step<T, W>& step, bool is_nce, bool with_gradients) {
  const auto layer = step.problem.layer();
  const auto examples = step.problem.examples();
  if (!with_gradients) {
    (is_nce ? nce_loss<T, W> : sampled_softmax_loss<T, W>)(layer, examples, step.sampled(),
                                                           step.options, step.loss_view());
    return;
  }
  const auto function = is_nce ? nce_loss_and_grad<T, W> : sampled_softmax_loss_and_grad<T, W>;
  const auto gradients =
      function(layer, examples, step.sampled(), step.options, step.problem.grad_loss_view(),
               step.loss_view(), step.grad_view());
  check_slices(gradients.weights, layer.weights);
  check_slices(gradients.biases, layer.biases);
}

// A step of SGD, whose candidates are drawn or given.
template <class T, class W>
void train(fuzz::Input& input, Step<T, W>& step) {
  auto& problem = step.problem;
  const auto weights = problem.weights.numbers();
  UniformSampler sampler(std::max<std::int64_t>(1, input.rarely() ? 3 : problem.num_classes), {});
  Candidates candidates = step.sampled();
  if (input.coin()) candidates.emplace<CandidateDraw>(CandidateDraw{sampler, input.id(8)});
  const double learning_rate = input.weight();
  std::optional<PhiloxStream> rounding;
  if (std::is_same_v<W, Bfloat16> && !input.rarely()) rounding.emplace(Seed{1, 2}, 3);
  const PhiloxStream before = sampler.stream();
  if (fuzz::refused([&] {
        const auto table_of = []<class V>(const RowsView<V>& rows) {
          TrainedTable<V> table{rows, {}};
          table.state.resize(static_cast<std::size_t>(rows.num_shards()));
          return table;
        };
        const TrainedLayer<T, W> layer{table_of(problem.weights.view()),
                                       table_of(problem.biases.view())};
        sampled_softmax_train_step(layer, problem.examples(), candidates, step.options,
                                   {RowRule(Sgd{}), learning_rate, {}, rounding},
                                   problem.grad_loss_view(), step.loss_view(), step.grad_view());
      })) {
    fuzz::require(fuzz::same_bits(weights, problem.weights.numbers()), "weights left as they were");
    fuzz::require(sampler.stream() == before, "the stream as before a refusal");
  }
}

template <class T, class W = T>
void run(fuzz::Input& input) {
  Step<T, W> step(input);
  if (input.below(3) == 0) return train(input, step);
  const bool is_nce = input.coin(), with_gradients = input.coin();
  if (fuzz::refused([&] { compute_losses(step, is_nce, with_gradients); })) {
    step.require_unwritten();
  } else {
    if (!with_gradients) std::fill(step.grad_inputs.begin(), step.grad_inputs.end(), T{0});
    step.require_losses();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_num_threads(1);
  fuzz::Input input(data, size);
  switch (input.below(4)) {
    case 1:
      run<float>(input);
      break;
    case 3:
      run<float, Bfloat16>(input);
      break;
    default:
      run<double>(input);
  }
  return 0;
}
