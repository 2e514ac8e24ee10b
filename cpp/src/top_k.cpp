#include "manyclass/top_k.hpp"

#include <algorithm>

#include "checks.hpp"
#include "class_stream.hpp"
#include "excluded_classes.hpp"
#include "loss_checks.hpp"
#include "manyclass/threads.hpp"
#include "running_softmax.hpp"
#include "top_k_result.hpp"

namespace manyclass {

namespace {

template <class T>
void write_log_probabilities(std::int64_t i, double logsumexp, const TopK<T>& result) {
  for (std::int64_t j = 0; j < result.indices.cols; ++j) {
    result.log_probabilities.row(i)[j] =
        static_cast<T>(double{result.values.row(i)[j]} - logsumexp);
  }
}

}  // namespace

template <class T, class W>
void check_k(const OutputLayer<T, W>& layer, std::int64_t k) {
  const std::int64_t num_classes = layer.weights.num_rows();
  require(k >= 1 && k <= num_classes, "k is ", k, "; it must be at least 1 and at most the ",
          num_classes, " classes");
}

template <class T, class W>
void top_k(const OutputLayer<T, W>& layer, MatrixView<const T> inputs, const LabelsView& excluded,
           int num_threads, const TopK<T>& result, ComputeDtype compute_dtype) {
  check_compute_dtype<T>(compute_dtype);
  check_inputs(layer, inputs);
  const std::int64_t num_classes = layer.weights.num_rows();
  const std::int64_t k = result.indices.cols;
  check_k(layer, k);
  Scratch scratch;
  const ExcludedClasses excluded_sets(excluded, inputs.rows, num_classes, scratch);
  check_result(result, inputs.rows, excluded_sets, num_classes);

  const int threads = resolve_num_threads(num_threads);
  const bool wants_probabilities = result.log_probabilities.data != nullptr;
  const std::int64_t chunk = BestClasses<T>::examples_at_once(k);
  ClassStream<T> stream(layer, inputs, threads, scratch, compute_dtype);
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
      write_best(best.sorted(l).data(), first + l, result);
      if (wants_probabilities) {
        write_log_probabilities(first + l, softmax.total(l).logsumexp(), result);
      }
    });
  }
}

#define MANYCLASS_INSTANTIATE(T, W)                                                          \
  template void check_k(const OutputLayer<T, W>&, std::int64_t);                             \
  template void top_k(const OutputLayer<T, W>&, MatrixView<const T>, const LabelsView&, int, \
                      const TopK<T>&, ComputeDtype);
MANYCLASS_INSTANTIATE(float, float)
MANYCLASS_INSTANTIATE(float, Bfloat16)
MANYCLASS_INSTANTIATE(double, double)
#undef MANYCLASS_INSTANTIATE

}  // namespace manyclass
