#include "top_k_pass.hpp"

#include <algorithm>

#include "manyclass/top_k.hpp"

namespace server {

namespace {

using manyclass::LabelsView;
using manyclass::MatrixView;
using manyclass::VectorView;

template <class T>
MatrixView<T> matrix_of(std::vector<std::remove_const_t<T>>& numbers, std::int64_t cols) {
  return {numbers.data(), static_cast<std::int64_t>(numbers.size()) / cols, cols, cols};
}

VectorView<const std::int64_t> view_of(const std::vector<std::int64_t>& numbers) {
  return {numbers.data(), static_cast<std::int64_t>(numbers.size())};
}

// The first k of each row in [first_row, first_row + rows).
template <class Out, class T>
std::vector<Out> cut(MatrixView<T> all, std::int64_t first_row, std::int64_t rows, std::int64_t k) {
  std::vector<Out> part;
  for (std::int64_t i = first_row; i < first_row + rows; ++i) {
    part.insert(part.end(), all.row(i), all.row(i) + k);
  }
  return part;
}

template <class T>
std::vector<TopKAnswer> answer_all(const manyclass::OutputLayer<T>& layer,
                                   std::span<const TopKRequest* const> requests, int num_threads) {
  std::vector<T> inputs;
  std::vector<std::int64_t> excluded, row_splits{0};
  std::int64_t k = 0;
  for (const TopKRequest* request : requests) {
    for (const double number : request->inputs) inputs.push_back(static_cast<T>(number));
    for (const auto& classes : request->excluded) {
      excluded.insert(excluded.end(), classes.begin(), classes.end());
      row_splits.push_back(static_cast<std::int64_t>(excluded.size()));
    }
    k = std::max(k, request->k);
  }
  const auto size = (row_splits.size() - 1) * static_cast<std::size_t>(k);
  const bool wanted = requests.front()->log_probabilities;
  std::vector<T> values(size), log_probabilities(wanted ? size : 0);
  std::vector<std::int64_t> indices(size);
  const manyclass::TopK<T> result{matrix_of<T>(values, k), matrix_of<std::int64_t>(indices, k),
                                  wanted ? matrix_of<T>(log_probabilities, k) : MatrixView<T>{}};
  const LabelsView none, some(view_of(excluded), view_of(row_splits));
  manyclass::top_k(layer, matrix_of<const T>(inputs, layer.weights.dim()),
                   excluded.empty() ? none : some, num_threads, result);

  std::vector<TopKAnswer> answers;
  std::int64_t row = 0;
  for (const TopKRequest* request : requests) {
    const std::int64_t rows = request->rows();
    answers.push_back({cut<double>(result.values, row, rows, request->k),
                       cut<std::int64_t>(result.indices, row, rows, request->k),
                       wanted ? cut<double>(result.log_probabilities, row, rows, request->k)
                              : std::vector<double>()});
    row += rows;
  }
  return answers;
}

}  // namespace

std::vector<TopKAnswer> top_k_pass(std::span<const TopKRequest* const> requests, int num_threads) {
  return std::visit([&](const auto& layer) { return answer_all(layer, requests, num_threads); },
                    requests.front()->layer->tables());
}

}  // namespace server
