// What XLA may call.
#pragma once

#include "xla_call.hpp"

namespace manyclass::bindings::xla {

/// Results: losses.
void compute_sampled_loss(Call& call);
/// Results: losses, indices and rows of the gradients of weights, those of biases, the gradient of
/// inputs. Places that are left over have the number of rows as their index, and zeros.
void compute_sampled_loss_and_rows(Call& call);

/// Results: losses.
void compute_full_softmax_loss(Call& call);
/// Results: the gradients of weights, biases and inputs.
void compute_full_softmax_gradients(Call& call);

}  // namespace manyclass::bindings::xla
