// Where losses go.
#pragma once

#include "checks.hpp"
#include "manyclass/sampled_loss.hpp"

namespace manyclass {

template <class T>
void check_loss(const Examples<T>& examples, VectorView<T> loss) {
  require(loss.size == examples.inputs.rows, "loss has ", loss.size,
          " entries; it must have one for each of the ", examples.inputs.rows, " examples");
}

}  // namespace manyclass
