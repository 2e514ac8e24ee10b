// What losses are computed in, and where they go.
#pragma once

#include <type_traits>

#include "checks.hpp"
#include "manyclass/sampled_loss.hpp"

namespace manyclass {

template <class T>
void check_compute_dtype(ComputeDtype compute_dtype) {
  require(compute_dtype == ComputeDtype::of_arrays || std::is_same_v<T, float>,
          "compute_dtype is bfloat16, the arrays are float64; bfloat16 is for float32 arrays");
}

template <class T>
void check_loss(const Examples<T>& examples, VectorView<T> loss) {
  require(loss.size == examples.inputs.rows, "loss has ", loss.size,
          " entries; it must have one for each of the ", examples.inputs.rows, " examples");
}

}  // namespace manyclass
