// Operations of TensorFlow's graphs over all classes: the exact softmax, and the best classes.
#include <cstdint>

#include "manyclass/full_softmax_gradient.hpp"
#include "manyclass/top_k.hpp"
#include "tensorflow_kernel.hpp"
#include "tensorflow_layer.hpp"
#include "tensorflow_operations.hpp"

namespace manyclass::bindings::tensorflow {

namespace {

const std::vector<const char*> attributes_of_loss = {"T: {float, double}",
                                                     "label_smoothing: tensor", "num_threads: int"};

// What both operations of the loss are made of.
class FullSoftmax {
 public:
  explicit FullSoftmax(const Attributes& attributes)
      : num_threads_(static_cast<int>(attributes.integer("num_threads"))),
        label_smoothing_(attributes.number("label_smoothing")) {}

 protected:
  int num_threads_;
  double label_smoothing_;
};

class Loss : private FullSoftmax {
 public:
  static Operation operation() {
    return {"ManyclassFullSoftmaxLoss",
            attributes_of_loss,
            {"weights: T", "biases: T", "inputs: T", "labels: int64"},
            {"losses: T"}};
  }

  using FullSoftmax::FullSoftmax;

  void compute(Run& run) const {
    with_float_type(run, 0, [&]<class T>() {
      const auto layer = read_layer<T>(run, 0);
      const auto examples = read_examples<T>(run, 2, 3, label_smoothing_);
      const std::int64_t batch = examples.inputs.rows;
      full_softmax_loss(layer, examples, num_threads_,
                        VectorView<T>{run.output<T>(0, {batch}), batch});
    });
  }
};

// The gradients of the sum with factors `grad_loss`.
class FullSoftmaxGradients : private FullSoftmax {
 public:
  static Operation operation() {
    return {"ManyclassFullSoftmaxGradients",
            attributes_of_loss,
            {"grad_loss: T", "weights: T", "biases: T", "inputs: T", "labels: int64"},
            {"grad_weights: T", "grad_biases: T", "grad_inputs: T"}};
  }

  using FullSoftmax::FullSoftmax;

  void compute(Run& run) const {
    with_float_type(run, 0, [&]<class T>() {
      const auto grad_loss = vector_of<T>(run.input(0), "grad_loss");
      const auto layer = read_layer<T>(run, 1);
      const auto examples = read_examples<T>(run, 3, 4, label_smoothing_);
      check_full_softmax(layer, examples, grad_loss);
      const std::int64_t num_classes = layer.biases.num_rows();
      const Buffer<T> loss(examples.inputs.rows);
      const DenseGradients<T> gradients{
          RowsView<T>(output_like(run, 0, layer.weights.shard(0))),
          RowsView<T>(MatrixView<T>{run.output<T>(1, {num_classes}), num_classes, 1, 1}),
          output_like(run, 2, examples.inputs)};
      full_softmax_loss_and_grad(layer, examples, grad_loss, num_threads_,
                                 VectorView<T>{loss.data(), loss.size()}, gradients);
    });
  }
};

class BestClasses {
 public:
  static Operation operation() {
    return {"ManyclassTopK",
            {"T: {float, double}", "k: int"},
            {"weights: T", "biases: T", "inputs: T"},
            {"values: T", "indices: int64"}};
  }

  explicit BestClasses(const Attributes& attributes) : k_(attributes.integer("k")) {}

  void compute(Run& run) const {
    with_float_type(run, 0, [&]<class T>() {
      const auto layer = read_layer<T>(run, 0);
      const auto inputs = read_inputs<T>(run, 2);
      check_inputs(layer, inputs);
      check_k(layer, k_);
      const ArrayShape shape{inputs.rows, k_};
      const TopK<T> best{{run.output<T>(0, shape), inputs.rows, k_, k_},
                         {run.output<std::int64_t>(1, shape), inputs.rows, k_, k_}};
      top_k(layer, inputs, {}, 0, best);
    });
  }

 private:
  std::int64_t k_;
};

}  // namespace

void register_full_softmax() {
  register_kernel<Loss>();
  register_kernel<FullSoftmaxGradients>();
  register_kernel<BestClasses>();
}

}  // namespace manyclass::bindings::tensorflow
