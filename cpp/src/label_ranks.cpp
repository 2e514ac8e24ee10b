#include "manyclass/label_ranks.hpp"

#include <algorithm>

#include "class_stream.hpp"
#include "kernels/kernel_table.hpp"
#include "label_checks.hpp"
#include "label_targets.hpp"
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

// Adds the classes of one block that stand above each label, label by label of all examples.
template <class T>
void count_above(const OutputLayer<T>& layer, const ChunkLabels<T>& labels, std::int64_t size,
                 std::int64_t most_labels, const ClassBlock<T>& block, std::int64_t* above) {
  for (std::int64_t j = 0; j < most_labels; ++j) {
    alignas(64) T marks[row<T>] = {};
    alignas(64) T ties[row<T>] = {};
    alignas(64) T counts[row<T>] = {};
    const auto for_each_label = [&](auto work) {
      for (std::int64_t l = 0; l < size; ++l) {
        const std::int64_t e = labels.targets.begin(l) + j;
        if (e < labels.targets.begin(l + 1)) work(l, e);
      }
    };
    for_each_label([&](std::int64_t l, std::int64_t e) {
      marks[l] = labels.logits[e];
      ties[l] = static_cast<T>(rows_below(layer.weights, block, labels.classes[e]));
    });
    kernels::table<T>().column_count_above(block.logits, block.size, block.lanes, marks, ties,
                                           counts);
    for_each_label(
        [&](std::int64_t l, std::int64_t e) { above[e] += static_cast<std::int64_t>(counts[l]); });
  }
}

// Ranks of the labels of the chunk that the stream holds.
template <class T>
void chunk_ranks(const OutputLayer<T>& layer, const ChunkLabels<T>& labels, ClassStream<T>& stream,
                 std::int64_t* above, VectorView<std::int64_t> ranks) {
  const std::int64_t size = stream.size();
  const std::int64_t count = labels.targets.begin(size);
  std::int64_t most_labels = 0;  // of an example
  for (std::int64_t l = 0; l < size; ++l) {
    most_labels = std::max(most_labels, labels.targets.begin(l + 1) - labels.targets.begin(l));
  }
  std::fill_n(above, stream.num_segments() * count, 0);
  stream.for_each_block([&](const ClassBlock<T>& block) {
    count_above(layer, labels, size, most_labels, block, above + block.segment * count);
  });
  for (std::int64_t e = 0; e < count; ++e) {
    std::int64_t rank = 1;
    for (std::int64_t s = 0; s < stream.num_segments(); ++s) rank += above[s * count + e];
    const T logit = labels.logits[e];
    ranks[labels.targets.first[0] + e] = logit == logit ? rank : layer.weights.num_rows();
  }
}

}  // namespace

template <class T>
void label_ranks(const OutputLayer<T>& layer, const Examples<T>& examples, int num_threads,
                 VectorView<std::int64_t> ranks) {
  const LabelsView& labels = examples.labels;
  check_examples(layer, examples);
  require(ranks.size == labels.size(), "ranks has ", ranks.size,
          " entries; it must have one for each of the ", labels.size(), " labels");
  check_labels(labels, layer.weights.num_rows(), "labels");
  Scratch scratch;
  ClassStream<T> stream(layer, examples.inputs, resolve_num_threads(num_threads), scratch);
  const auto targets = make_targets(examples, scratch);
  const std::int64_t most = most_labels(targets, labels.batch(), row<T>);
  ChunkLabels<T> chunk(most, scratch);
  auto* above = scratch.take<std::int64_t>(stream.num_segments() * most);
  for (std::int64_t first = 0; first < labels.batch(); first += row<T>) {
    stream.load(first, std::min(row<T>, labels.batch() - first));
    chunk.load(stream, labels, targets, first);
    chunk_ranks(layer, chunk, stream, above, ranks);
  }
}

template void label_ranks(const OutputLayer<float>&, const Examples<float>&, int,
                          VectorView<std::int64_t>);
template void label_ranks(const OutputLayer<double>&, const Examples<double>&, int,
                          VectorView<std::int64_t>);

}  // namespace manyclass
