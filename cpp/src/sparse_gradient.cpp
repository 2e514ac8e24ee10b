#include "sparse_gradient.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

namespace {

constexpr std::int64_t groups_per_task = 64;

// Splits ascending positions into shards and numbers them within each.
template <class T>
void number_rows(const RowsView<const T>& table, const std::int64_t* positions,
                 std::int64_t num_positions, IndexedSlices<T>& result) {
  result.indices = Buffer<std::int64_t>(num_positions);
  result.shard_begin.push_back(0);
  for (std::int64_t p = 0; p < table.num_shards(); ++p) {
    const std::int64_t* end =
        std::lower_bound(positions + result.shard_begin.back(), positions + num_positions,
                         table.first_position(p + 1));
    for (std::int64_t i = result.shard_begin.back(); i < end - positions; ++i) {
      result.indices[i] = positions[i] - table.first_position(p);
    }
    result.shard_begin.push_back(end - positions);
  }
}

template <class T>
void sum_group(const Examples<T>& examples, const StepPlan<T>& plan, const GradientParts<T>& parts,
               std::int64_t g, T* row, T* bias) {
  const auto& kernel = kernels::table<T>();
  const EntryGroups& groups = plan.groups;
  std::fill_n(row, plan.dim, T{0});
  T bias_sum{0};
  for (std::int64_t e = groups.begin[g]; e < groups.begin[g + 1]; ++e) {
    const std::int64_t entry = groups.entries[e];
    if (entry < plan.num_labels()) {
      const T grad = parts.labels[entry];
      kernel.axpy(grad, examples.inputs.row(entry / plan.num_true), row, plan.dim);
      bias_sum += grad;
    } else {
      const std::int64_t k = entry - plan.num_labels();
      kernel.axpy(T{1}, parts.candidates + k * parts.row_stride, row, plan.dim);
      bias_sum += parts.candidate_biases[k];
    }
  }
  *bias = bias_sum;
}

// The biases may be cut into shards otherwise than the weights; then they have another order.
template <class T>
IndexedSlices<T> order_biases(const OutputLayer<T>& layer, const EntryGroups& groups,
                              const T* bias_sums, Scratch& scratch) {
  auto* positions = scratch.take<std::int64_t>(groups.num_groups);
  for (std::int64_t g = 0; g < groups.num_groups; ++g) {
    positions[g] = layer.biases.position(layer.weights.class_at(groups.positions[g]));
  }
  const EntryGroups order =
      group_entries(positions, groups.num_groups, layer.biases.num_rows(), scratch);
  IndexedSlices<T> result;
  result.values = Buffer<T>(groups.num_groups);
  for (std::int64_t i = 0; i < groups.num_groups; ++i) {
    result.values[i] = bias_sums[order.entries[i]];
  }
  number_rows(layer.biases, order.positions, groups.num_groups, result);
  return result;
}

}  // namespace

template <class T>
SampledGradients<T> sum_by_class(const OutputLayer<T>& layer, const Examples<T>& examples,
                                 const StepPlan<T>& plan, const GradientParts<T>& parts,
                                 int num_threads, Scratch& scratch) {
  const std::int64_t num_groups = plan.groups.num_groups;
  SampledGradients<T> result;
  result.weights.values = Buffer<T>(num_groups * plan.dim);
  T* bias_sums = scratch.take<T>(num_groups);
  const std::int64_t tasks = (num_groups + groups_per_task - 1) / groups_per_task;
  parallel_for(tasks, num_threads, [&](std::int64_t task, int) {
    const std::int64_t first = task * groups_per_task;
    for (std::int64_t g = first; g < std::min(first + groups_per_task, num_groups); ++g) {
      sum_group(examples, plan, parts, g, result.weights.values.data() + g * plan.dim,
                bias_sums + g);
    }
  });
  number_rows(layer.weights, plan.groups.positions, num_groups, result.weights);
  result.biases = order_biases(layer, plan.groups, bias_sums, scratch);
  return result;
}

template SampledGradients<float> sum_by_class(const OutputLayer<float>&, const Examples<float>&,
                                              const StepPlan<float>&, const GradientParts<float>&,
                                              int, Scratch&);
template SampledGradients<double> sum_by_class(const OutputLayer<double>&, const Examples<double>&,
                                               const StepPlan<double>&,
                                               const GradientParts<double>&, int, Scratch&);

}  // namespace manyclass
