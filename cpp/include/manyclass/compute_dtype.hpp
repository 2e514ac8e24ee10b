// What products are computed in, where that is not the dtype of the arrays.
#pragma once

namespace manyclass {

/// `bfloat16`: the operands of products are rounded to bfloat16, once, to nearest, ties to even;
/// products and sums are float32's, and so is all else. For float32 arrays alone.
enum class ComputeDtype { of_arrays, bfloat16 };

}  // namespace manyclass
