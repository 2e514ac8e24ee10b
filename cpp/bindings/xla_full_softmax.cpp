// The exact softmax, for XLA.
#include "manyclass/full_softmax_gradient.hpp"
#include "xla_functions.hpp"
#include "xla_layer.hpp"

namespace manyclass::bindings::xla {

void compute_full_softmax_loss(Call& call) {
  with_float_type(call, [&]<class T>() {
    const auto layer = read_layer<T>(call);
    const auto examples = read_examples<T>(call);
    full_softmax_loss(layer, examples, static_cast<int>(call.integer("num_threads")),
                      result_vector<T>(call, 0, examples.inputs.rows));
  });
}

void compute_full_softmax_gradients(Call& call) {
  with_float_type(call, [&]<class T>() {
    const auto layer = read_layer<T>(call);
    const auto examples = read_examples<T>(call);
    const auto grad_loss = read_grad_loss<T>(call);
    const std::int64_t num_classes = layer.weights.num_rows();
    const manyclass::Buffer<T> loss(examples.inputs.rows);
    const DenseGradients<T> gradients{
        RowsView<T>(result_like(call, 0, layer.weights.shard(0))),
        RowsView<T>(MatrixView<T>{call.result<T>(1, {num_classes}), num_classes, 1, 1}),
        result_like(call, 2, examples.inputs)};
    full_softmax_loss_and_grad(layer, examples, grad_loss,
                               static_cast<int>(call.integer("num_threads")),
                               VectorView<T>{loss.data(), loss.size()}, gradients);
  });
}

}  // namespace manyclass::bindings::xla
