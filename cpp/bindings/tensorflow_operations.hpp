// What each file of operations registers with TensorFlow.
#pragma once

namespace manyclass::bindings::tensorflow {

void register_draws();
void register_sampled_losses();
void register_full_softmax();

}  // namespace manyclass::bindings::tensorflow
