#include "manyclass/label_ranks.hpp"

#include <algorithm>

#include "checks.hpp"
#include "class_stream.hpp"
#include "kernels/kernel_table.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

template <class T>
constexpr std::int64_t row = ClassStream<T>::most_lanes;

// How many of a block's first rows are classes below `label`: within a shard classes ascend by a
// fixed step.
template <class T>
std::int64_t rows_below(const RowsView<const T>& weights, const ClassBlock<T>& block,
                        std::int64_t label) {
  const std::int64_t first = weights.class_at(block.position);
  const std::int64_t step = weights.class_at(block.position + block.size - 1) - first;
  const std::int64_t stride = block.size > 1 ? step / (block.size - 1) : 1;
  if (label <= first) return 0;
  return std::min(block.size, (label - first + stride - 1) / stride);
}

// Adds the classes of one block that stand above each label of column j.
template <class T>
void count_above(const OutputLayer<T>& layer, const Examples<T>& examples, std::int64_t first,
                 std::int64_t size, std::int64_t j, const T* marks, const ClassBlock<T>& block,
                 std::int64_t* above) {
  alignas(64) T ties[row<T>] = {};
  alignas(64) T counts[row<T>] = {};
  for (std::int64_t l = 0; l < size; ++l) {
    const std::int64_t label = examples.labels.row(first + l)[j];
    ties[l] = static_cast<T>(rows_below(layer.weights, block, label));
  }
  kernels::table<T>().column_count_above(block.logits, block.size, block.lanes, marks, ties,
                                         counts);
  for (std::int64_t l = 0; l < size; ++l) above[l] += static_cast<std::int64_t>(counts[l]);
}

// Ranks of the chunk of examples that the stream holds.
template <class T>
void chunk_ranks(const OutputLayer<T>& layer, const Examples<T>& examples, std::int64_t first,
                 ClassStream<T>& stream, T* marks, std::int64_t* above,
                 MatrixView<std::int64_t> ranks) {
  const std::int64_t num_true = examples.labels.cols;
  const std::int64_t size = stream.size();
  std::fill_n(marks, num_true * row<T>, T{0});
  std::fill_n(above, stream.num_segments() * num_true * row<T>, 0);
  for (std::int64_t j = 0; j < num_true; ++j) {
    true_logits(stream, examples, first, j, marks + j * row<T>);
  }
  stream.for_each_block([&](const ClassBlock<T>& block) {
    for (std::int64_t j = 0; j < num_true; ++j) {
      count_above(layer, examples, first, size, j, marks + j * row<T>, block,
                  above + (block.segment * num_true + j) * row<T>);
    }
  });
  for (std::int64_t j = 0; j < num_true; ++j) {
    for (std::int64_t l = 0; l < size; ++l) {
      const T mark = marks[j * row<T> + l];
      std::int64_t rank = 1;
      for (std::int64_t s = 0; s < stream.num_segments(); ++s) {
        rank += above[(s * num_true + j) * row<T> + l];
      }
      ranks.row(first + l)[j] = mark == mark ? rank : layer.weights.num_rows();
    }
  }
}

}  // namespace

template <class T>
void label_ranks(const OutputLayer<T>& layer, const Examples<T>& examples, int num_threads,
                 MatrixView<std::int64_t> ranks) {
  check_examples(layer, examples);
  require(ranks.rows == examples.labels.rows && ranks.cols == examples.labels.cols,
          "ranks has shape [", ranks.rows, ", ", ranks.cols, "]; it must have that of labels, [",
          examples.labels.rows, ", ", examples.labels.cols, "]");
  check_labels(layer, examples);
  Scratch scratch;
  ClassStream<T> stream(layer, examples.inputs, resolve_num_threads(num_threads), scratch);
  T* marks = scratch.take<T>(examples.labels.cols * row<T>);
  auto* above = scratch.take<std::int64_t>(stream.num_segments() * examples.labels.cols * row<T>);
  for (std::int64_t first = 0; first < examples.inputs.rows; first += row<T>) {
    stream.load(first, std::min(row<T>, examples.inputs.rows - first));
    chunk_ranks(layer, examples, first, stream, marks, above, ranks);
  }
}

template void label_ranks(const OutputLayer<float>&, const Examples<float>&, int,
                          MatrixView<std::int64_t>);
template void label_ranks(const OutputLayer<double>&, const Examples<double>&, int,
                          MatrixView<std::int64_t>);

}  // namespace manyclass
