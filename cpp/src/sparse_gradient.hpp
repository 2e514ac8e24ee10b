// Brings the parts of a step's gradient together: each touched row once.
#pragma once

#include "manyclass/sampled_loss.hpp"
#include "scratch.hpp"
#include "step_plan.hpp"

namespace manyclass {

/// Where a step writes gradients. A candidate's row is that of its class in the result, but for
/// repeated ones after the first, which have rows of their own.
template <class T>
struct GradientParts {
  T* labels = nullptr;            // [labels], of the true logits
  T** candidate_rows = nullptr;   // [num_sampled]
  T* candidate_biases = nullptr;  // [num_sampled]
};

/// Where the groups of a plan lie among the rows of a table that is cut into shards.
struct RowOrder {
  const std::int64_t* positions = nullptr;  // [groups], ascending
  const std::int64_t* rank = nullptr;       // [groups], of each group's row; null if groups ascend
  std::int64_t rank_of(std::int64_t group) const { return rank == nullptr ? group : rank[group]; }
};

/// y += alpha x
template <class T>
using AddProduct = void (*)(T alpha, const T* x, T* y, std::int64_t n);

/// The gradients of a step, from its plan to the result. `add_input` multiplies a label's
/// derivative by its example's input.
template <class T, class W = T>
class SparseGradient {
 public:
  SparseGradient(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                 const StepPlan<T>& plan, AddProduct<T> add_input, Scratch& scratch);

  const GradientParts<T>& parts() const { return parts_; }

  /// Once all parts are written. Rows and biases are summed in a fixed order.
  SampledGradients<T> sum_by_class(int num_threads);

 private:
  T* row(std::int64_t group) const {
    return weights_.data() + weights_order_.rank_of(group) * plan_.dim;
  }
  T sum_row(std::int64_t group) const;

  const OutputLayer<T, W>& layer_;
  const Examples<T>& examples_;
  const StepPlan<T>& plan_;
  AddProduct<T> add_input_;
  RowOrder weights_order_;
  RowOrder biases_order_;
  Buffer<T> weights_;  // [groups, dim]
  Buffer<T> biases_;   // [groups]
  GradientParts<T> parts_;
};

}  // namespace manyclass
