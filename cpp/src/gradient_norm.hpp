// The size of a gradient that is spread over several tables.
#pragma once

#include <span>

#include "manyclass/row_optimizers.hpp"

namespace manyclass {

/// The Euclidean norm of the values of all updates together, summed in double in an order that does
/// not depend on the number of threads.
double gradient_norm(std::span<const AnyRowUpdate> updates, int num_threads);

}  // namespace manyclass
