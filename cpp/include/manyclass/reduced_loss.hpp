// The losses of a batch as one number.
#pragma once

#include "manyclass/views.hpp"

namespace manyclass {

/// The sum of losses, added up in double, one after the other: 0 if there are none. Infinite losses
/// and NaN go in as they are; a sum beyond the range of T is infinite. T: float or double.
template <class T>
T total_loss(VectorView<const T> losses);

/// Their mean, of the same sum: NaN if there are none.
template <class T>
T mean_loss(VectorView<const T> losses);

}  // namespace manyclass
