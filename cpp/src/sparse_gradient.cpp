#include "sparse_gradient.hpp"

#include <algorithm>

#include "kernels/kernel_table.hpp"
#include "manyclass/threads.hpp"
#include "phase_clock.hpp"
#include "work.hpp"

namespace manyclass {

namespace {

constexpr std::int64_t groups_per_task = 64;
constexpr double products_per_group = 600.0;

// Splits ascending positions into shards and numbers them within each.
template <class W>
void number_rows(const RowsView<const W>& table, const std::int64_t* positions,
                 std::int64_t num_positions, IndexedSlices<ComputeType<W>>& result) {
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

template <class W>
RowOrder order_rows(const RowsView<const W>& table, const EntryGroups& groups, Scratch& scratch) {
  if (table.is_in_order()) return {groups.keys, nullptr};
  auto* positions = scratch.take<std::int64_t>(groups.num_groups);
  for (std::int64_t g = 0; g < groups.num_groups; ++g) {
    positions[g] = table.position(groups.keys[g]);
  }
  const EntryGroups order = group_entries(positions, groups.num_groups, table.num_rows(), scratch);
  auto* rank = scratch.take<std::int64_t>(groups.num_groups);
  for (std::int64_t i = 0; i < groups.num_groups; ++i) rank[order.entries[i]] = i;
  return {order.keys, rank};
}

}  // namespace

template <class T, class W>
SparseGradient<T, W>::SparseGradient(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                                     const StepPlan<T>& plan, AddProduct<T> add_input,
                                     Scratch& scratch)
    : layer_(layer),
      examples_(examples),
      plan_(plan),
      add_input_(add_input),
      weights_order_(order_rows(layer.weights, plan.groups, scratch)),
      biases_order_(order_rows(layer.biases, plan.groups, scratch)),
      weights_(plan.groups.num_groups * plan.dim),
      biases_(plan.groups.num_groups),
      parts_{scratch.take<T>(plan.num_labels), scratch.take<T*>(plan.num_sampled),
             scratch.take<T>(plan.num_sampled)} {
  for (std::int64_t g = 0; g < plan.groups.num_groups; ++g) {
    const CandidateRange candidates = plan.group_candidates[g];
    for (std::int64_t i = 0; i < candidates.count; ++i) {
      parts_.candidate_rows[candidates.first + i] = i == 0 ? row(g) : scratch.take<T>(plan.dim);
    }
  }
}

// Completes the row of a group and returns its bias.
template <class T, class W>
T SparseGradient<T, W>::sum_row(std::int64_t group) const {
  const auto& kernel = kernels::table<T>();
  const CandidateRange candidates = plan_.group_candidates[group];
  if (candidates.count == 0 || plan_.batch == 0) std::fill_n(row(group), plan_.dim, T{0});
  T bias{0};
  for (std::int64_t i = 0; i < candidates.count && plan_.batch > 0; ++i) {
    const std::int64_t k = candidates.first + i;
    if (i > 0) kernel.axpy(T{1}, parts_.candidate_rows[k], row(group), plan_.dim);
    bias += parts_.candidate_biases[k];
  }
  for (std::int64_t e = plan_.labels_begin(group); e < plan_.labels_end(group); ++e) {
    const std::int64_t label = plan_.groups.entries[e];
    const T gradient = parts_.labels[label];
    add_input_(gradient, examples_.inputs.row(plan_.targets.owners[label]), row(group), plan_.dim);
    bias += gradient;
  }
  return bias;
}

template <class T, class W>
SampledGradients<T> SparseGradient<T, W>::sum_by_class(int num_threads) {
  const std::int64_t num_groups = plan_.groups.num_groups;
  const std::int64_t tasks = (num_groups + groups_per_task - 1) / groups_per_task;
  const double products = static_cast<double>(num_groups) * products_per_group +
                          static_cast<double>(plan_.num_labels) * static_cast<double>(plan_.dim);
  parallel_for(
      tasks, threads_worth(products, products_per_share, num_threads), [&](std::int64_t task, int) {
        const PhaseClock clock(Phase::sum_by_class);
        const std::int64_t first = task * groups_per_task;
        for (std::int64_t g = first; g < std::min(first + groups_per_task, num_groups); ++g) {
          biases_[biases_order_.rank_of(g)] = sum_row(g);
        }
      });
  const PhaseClock clock(Phase::sum_by_class);
  SampledGradients<T> result;
  result.weights.values = std::move(weights_);
  result.biases.values = std::move(biases_);
  number_rows(layer_.weights, weights_order_.positions, num_groups, result.weights);
  number_rows(layer_.biases, biases_order_.positions, num_groups, result.biases);
  return result;
}

template class SparseGradient<float>;
template class SparseGradient<double>;
template class SparseGradient<float, Bfloat16>;

}  // namespace manyclass
