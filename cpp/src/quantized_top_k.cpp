#include "manyclass/quantized_top_k.hpp"

#include <algorithm>

#include "best_classes.hpp"
#include "checks.hpp"
#include "class_stream.hpp"
#include "excluded_classes.hpp"
#include "manyclass/threads.hpp"
#include "quantized_logits.hpp"
#include "top_k_result.hpp"

namespace manyclass {

namespace {

using Candidates = std::span<ScoredClass<float>>;

// Gives the candidates of some examples of a stream's chunk their exact logits.
class Reranking {
 public:
  Reranking(std::int64_t num_reranked, std::int64_t most_examples, std::int64_t most_in_chunk,
            Scratch& scratch)
      : classes_(scratch.take<std::int64_t>(num_reranked * most_examples)),
        logits_(scratch.take<float>(num_reranked * most_examples)),
        first_(scratch.take<std::int64_t>(most_in_chunk + 1)) {}

  // Those of examples [begin, begin + count) of the chunk, which `candidates_of(l)` gives.
  template <class CandidatesOf>
  void score(const ClassStream<float>& stream, std::int64_t begin, std::int64_t count,
             CandidatesOf candidates_of) {
    std::fill_n(first_, begin + 1, 0);
    for (std::int64_t l = 0; l < count; ++l) {
      std::int64_t end = first_[begin + l];
      for (const auto& candidate : candidates_of(l)) classes_[end++] = candidate.class_id;
      first_[begin + l + 1] = end;
    }
    std::fill(first_ + begin + count, first_ + stream.size() + 1, first_[begin + count]);
    stream.logits_of(classes_, first_, logits_);
    for (std::int64_t l = 0; l < count; ++l) {
      const float* logit = logits_ + first_[begin + l];
      for (auto& candidate : candidates_of(l)) candidate.logit = *logit++;
    }
  }

 private:
  std::int64_t* classes_;
  float* logits_;
  std::int64_t* first_;  // of each example of the chunk, and the end of all
};

void check_arguments(const OutputLayer<float>& layer, const QuantizedRows& quantized,
                     std::int64_t num_reranked, const TopK<float>& result) {
  const std::int64_t num_classes = layer.weights.num_rows();
  check_k(layer, result.indices.cols);
  quantized.check_table(layer.weights);
  require(num_reranked >= result.indices.cols && num_reranked <= num_classes, "num_reranked is ",
          num_reranked, "; it must be at least k, ", result.indices.cols, ", and at most the ",
          num_classes, " classes");
  require(result.log_probabilities.data == nullptr,
          "log_probabilities need all logits; top_k computes them");
}

}  // namespace

std::int64_t default_num_reranked(std::int64_t k, std::int64_t num_classes) {
  return std::min(num_classes, 2 * std::max<std::int64_t>(k, 1) + 16);
}

void quantized_top_k(const OutputLayer<float>& layer, const QuantizedRows& quantized,
                     MatrixView<const float> inputs, std::int64_t num_reranked,
                     const LabelsView& excluded, int num_threads, const TopK<float>& result) {
  using Best = BestClasses<float>;
  check_inputs(layer, inputs);
  check_arguments(layer, quantized, num_reranked, result);
  Scratch scratch;
  const ExcludedClasses excluded_sets(excluded, inputs.rows, layer.weights.num_rows(), scratch);
  check_result(result, inputs.rows, excluded_sets, layer.weights.num_rows());

  // Exact logits have top_k's bits in top_k's chunks; candidates may be too many for one at a time.
  const int threads = resolve_num_threads(num_threads);
  const std::int64_t k = result.indices.cols;
  const std::int64_t chunk = std::min(Best::examples_at_once(k), inputs.rows);
  const std::int64_t part = std::min(Best::examples_at_once(num_reranked), chunk);
  ClassStream<float> stream(layer, inputs, threads, scratch);
  QuantizedLogits approximate(quantized, part, stream.num_threads(), scratch);
  Best best(layer.weights, excluded_sets, num_reranked, part, stream.num_threads(), scratch);
  Reranking reranking(num_reranked, part, chunk, scratch);
  auto* candidates = scratch.take<Candidates>(part);

  const auto answer = [&](std::int64_t first, std::int64_t begin, std::int64_t count) {
    approximate.load(inputs.middle_rows(first + begin, count));
    best.reset(first + begin, count);
    stream.for_each_empty_block([&](ClassBlock<float> block) {
      alignas(64) float biases[ClassStream<float>::block_classes];
      stream.read_biases(block.position, block.size, biases);
      block.lanes = approximate.lanes();
      approximate.fill(block.position, block.size, biases, block.thread, block.logits);
      best.add(block);
    });
    for (std::int64_t l = 0; l < count; ++l) candidates[l] = best.sorted(l);
    reranking.score(stream, begin, count, [&](std::int64_t l) { return candidates[l]; });
    parallel_for(count, threads, [&](std::int64_t l, int) {
      const Candidates& scored = candidates[l];
      std::partial_sort(scored.begin(), scored.begin() + k, scored.end(),
                        [](const auto& a, const auto& b) { return a.is_ahead_of(b); });
      write_best(scored.data(), first + begin + l, result);
    });
  };
  for (std::int64_t first = 0; first < inputs.rows; first += chunk) {
    const std::int64_t size = std::min(chunk, inputs.rows - first);
    stream.load(first, size);
    for (std::int64_t begin = 0; begin < size; begin += part) {
      answer(first, begin, std::min(part, size - begin));
    }
  }
}

}  // namespace manyclass
