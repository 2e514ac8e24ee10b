#include "top_k_result.hpp"

#include "checks.hpp"

namespace manyclass {

namespace {

template <class T>
void check_shape(const MatrixView<T>& matrix, std::int64_t batch, std::int64_t k,
                 const char* name) {
  require(matrix.rows == batch && matrix.cols == k, name, " has shape [", matrix.rows, ", ",
          matrix.cols, "]; it must have shape [batch, k], [", batch, ", ", k, "]");
}

}  // namespace

template <class T>
void check_result(const TopK<T>& result, std::int64_t batch, const ExcludedClasses& excluded,
                  std::int64_t num_classes) {
  const std::int64_t k = result.indices.cols;
  check_shape(result.indices, batch, k, "indices");
  check_shape(result.values, batch, k, "values");
  if (result.log_probabilities.data != nullptr) {
    check_shape(result.log_probabilities, batch, k, "log_probabilities");
  }
  for (std::int64_t i = 0; i < batch; ++i) {
    require(k <= num_classes - excluded.count(i), "k is ", k, ", and excluded leaves ",
            num_classes - excluded.count(i), " classes to example ", i,
            "; k must be at most their number");
  }
}

template <class T>
void write_best(const ScoredClass<T>* best, std::int64_t i, const TopK<T>& result) {
  for (std::int64_t j = 0; j < result.indices.cols; ++j) {
    result.indices.row(i)[j] = best[j].class_id;
    result.values.row(i)[j] = best[j].logit;
  }
}

template void check_result(const TopK<float>&, std::int64_t, const ExcludedClasses&, std::int64_t);
template void check_result(const TopK<double>&, std::int64_t, const ExcludedClasses&, std::int64_t);
template void write_best(const ScoredClass<float>*, std::int64_t, const TopK<float>&);
template void write_best(const ScoredClass<double>*, std::int64_t, const TopK<double>&);

}  // namespace manyclass
