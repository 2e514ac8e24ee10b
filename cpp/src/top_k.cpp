#include "manyclass/top_k.hpp"

#include <algorithm>

#include "best_classes.hpp"
#include "checks.hpp"
#include "class_stream.hpp"
#include "excluded_classes.hpp"
#include "manyclass/threads.hpp"
#include "running_softmax.hpp"

namespace manyclass {

namespace {

// Heaps of more classes than this, over all examples of a chunk and one thread, call for smaller
// chunks.
constexpr std::int64_t most_in_heaps = std::int64_t{1} << 20;

template <class T>
void check_shape(const MatrixView<T>& matrix, std::int64_t batch, std::int64_t k,
                 const char* name) {
  require(matrix.rows == batch && matrix.cols == k, name, " has shape [", matrix.rows, ", ",
          matrix.cols, "]; it must have shape [batch, k], [", batch, ", ", k, "]");
}

template <class T>
void check_result(const TopK<T>& result, std::int64_t batch) {
  const std::int64_t k = result.indices.cols;
  check_shape(result.indices, batch, k, "indices");
  check_shape(result.values, batch, k, "values");
  if (result.log_probabilities.data != nullptr) {
    check_shape(result.log_probabilities, batch, k, "log_probabilities");
  }
}

void check_excluded(const ExcludedClasses& excluded, std::int64_t batch, std::int64_t k,
                    std::int64_t num_classes) {
  for (std::int64_t i = 0; i < batch; ++i) {
    require(k <= num_classes - excluded.count(i), "k is ", k, ", and excluded leaves ",
            num_classes - excluded.count(i), " classes to example ", i,
            "; k must be at most their number");
  }
}

template <class T>
void write_example(const ScoredClass<T>* best, std::int64_t i, double logsumexp,
                   const TopK<T>& result) {
  for (std::int64_t j = 0; j < result.indices.cols; ++j) {
    result.indices.row(i)[j] = best[j].class_id;
    result.values.row(i)[j] = best[j].logit;
    if (result.log_probabilities.data != nullptr) {
      result.log_probabilities.row(i)[j] = static_cast<T>(double{best[j].logit} - logsumexp);
    }
  }
}

}  // namespace

template <class T>
void check_k(const OutputLayer<T>& layer, std::int64_t k) {
  const std::int64_t num_classes = layer.weights.num_rows();
  require(k >= 1 && k <= num_classes, "k is ", k, "; it must be at least 1 and at most the ",
          num_classes, " classes");
}

template <class T>
void top_k(const OutputLayer<T>& layer, MatrixView<const T> inputs, const LabelsView& excluded,
           int num_threads, const TopK<T>& result) {
  check_inputs(layer, inputs);
  const std::int64_t num_classes = layer.weights.num_rows();
  const std::int64_t k = result.indices.cols;
  check_k(layer, k);
  check_result(result, inputs.rows);
  Scratch scratch;
  const ExcludedClasses excluded_sets(excluded, inputs.rows, num_classes, scratch);
  check_excluded(excluded_sets, inputs.rows, k, num_classes);

  const int threads = resolve_num_threads(num_threads);
  const bool wants_probabilities = result.log_probabilities.data != nullptr;
  const std::int64_t chunk =
      std::clamp<std::int64_t>(most_in_heaps / k, 1, ClassStream<T>::most_lanes);
  ClassStream<T> stream(layer, inputs, threads, scratch);
  BestClasses<T> best(layer.weights, excluded_sets, k, std::min(chunk, inputs.rows),
                      stream.num_threads(), scratch);
  RunningSoftmax<T> softmax(wants_probabilities ? stream.num_segments() : 0, scratch);
  for (std::int64_t first = 0; first < inputs.rows; first += chunk) {
    stream.load(first, std::min(chunk, inputs.rows - first));
    best.reset(first, stream.size());
    softmax.reset();
    stream.for_each_block([&](const ClassBlock<T>& block) {
      best.add(block);
      if (wants_probabilities) softmax.add(block);
    });
    parallel_for(stream.size(), threads, [&](std::int64_t l, int) {
      const double logsumexp = wants_probabilities ? softmax.total(l).logsumexp() : 0.0;
      write_example(best.sorted(l), first + l, logsumexp, result);
    });
  }
}

template void check_k(const OutputLayer<float>&, std::int64_t);
template void check_k(const OutputLayer<double>&, std::int64_t);
template void top_k(const OutputLayer<float>&, MatrixView<const float>, const LabelsView&, int,
                    const TopK<float>&);
template void top_k(const OutputLayer<double>&, MatrixView<const double>, const LabelsView&, int,
                    const TopK<double>&);

}  // namespace manyclass
