// Operations of TensorFlow's graphs: the sampled losses over gathered rows, and their gradients.
#include <algorithm>
#include <utility>

#include "candidates_view.hpp"
#include "manyclass/sampled_loss.hpp"
#include "tensorflow_kernel.hpp"
#include "tensorflow_layer.hpp"
#include "tensorflow_operations.hpp"

namespace manyclass::bindings::tensorflow {

namespace {

template <class T>
struct Step {
  OutputLayer<T> layer;
  Examples<T> examples;
  SampledValuesView sampled;
};

CountsView read_counts(Run& run, int index, const char* name) {
  const DenseArray counts = run.input(index);
  return run.is_float64(index) ? counts_of<double>(counts, name) : counts_of<float>(counts, name);
}

// A gradient of few rows as one of all; each row stands for a label or a candidate, mostly.
template <class T>
void put_rows(Run& run, int index, IndexedSlices<T> slices, std::int64_t rows, std::int64_t dim,
              const ArrayShape& shape) {
  if (slices.indices.size() == rows) {
    run.set_output(index, std::move(slices.values), shape);
    return;
  }
  T* const out = run.output<T>(index, shape);
  std::fill_n(out, rows * dim, T{0});
  for (std::int64_t i = 0; i < slices.indices.size(); ++i) {
    std::copy_n(slices.values.data() + i * dim, dim, out + slices.indices[i] * dim);
  }
}

template <class T>
void put_gradients(Run& run, int first, SampledGradients<T> gradients,
                   const OutputLayer<T>& layer) {
  const std::int64_t rows = layer.weights.num_rows(), dim = layer.weights.dim();
  put_rows(run, first, std::move(gradients.weights), rows, dim, {rows, dim});
  put_rows(run, first + 1, std::move(gradients.biases), rows, 1, {rows});
}

const std::vector<const char*> attributes_of_losses = {
    "T: {float, double}",
    "TrueCount: {float, double}",
    "SampledCount: {float, double}",
    "loss: {'sampled_softmax_loss', 'nce_loss'}",
    "remove_accidental_hits: bool",
    "mask_repeats: bool",
    "log_q_correction: {'all', 'sampled', 'none'}",
    "label_smoothing: tensor",
    "num_threads: int"};

const std::vector<const char*> inputs_of_losses = {"weights: T",
                                                   "biases: T",
                                                   "inputs: T",
                                                   "labels: int64",
                                                   "sampled_candidates: int64",
                                                   "true_expected_count: TrueCount",
                                                   "sampled_expected_count: SampledCount"};

// What both operations are made of.
class SampledLoss {
 public:
  explicit SampledLoss(const Attributes& attributes)
      : is_nce_(attributes.text("loss") == "nce_loss"),
        label_smoothing_(attributes.number("label_smoothing")) {
    options_.remove_accidental_hits = attributes.flag("remove_accidental_hits");
    options_.mask_repeats = attributes.flag("mask_repeats");
    options_.log_q_correction = log_q_correction(attributes.text("log_q_correction"));
    options_.num_threads = static_cast<int>(attributes.integer("num_threads"));
  }

 protected:
  // The inputs from `first` on.
  template <class T>
  Step<T> read(Run& run, int first) const {
    return {read_layer<T>(run, first),
            read_examples<T>(run, first + 2, first + 3, label_smoothing_),
            {vector_of<std::int64_t>(run.input(first + 4), "sampled_candidates"),
             read_counts(run, first + 5, "true_expected_count"),
             read_counts(run, first + 6, "sampled_expected_count")}};
  }

  template <class T>
  SampledGradients<T> loss_and_grad(const Step<T>& step, VectorView<const T> grad_loss,
                                    VectorView<T> loss, MatrixView<T> grad_inputs) const {
    const auto function = is_nce_ ? nce_loss_and_grad<T, T> : sampled_softmax_loss_and_grad<T, T>;
    return function(step.layer, step.examples, step.sampled, options_, grad_loss, loss,
                    grad_inputs);
  }

 private:
  bool is_nce_;
  double label_smoothing_;
  SampledLossOptions options_;
};

// The loss, and the gradients of its sum.
class LossAndGradients : private SampledLoss {
 public:
  static Operation operation() {
    return {"ManyclassSampledLoss",
            attributes_of_losses,
            inputs_of_losses,
            {"losses: T", "grad_weights: T", "grad_biases: T", "grad_inputs: T"}};
  }

  using SampledLoss::SampledLoss;

  void compute(Run& run) const {
    with_float_type(run, 0, [&]<class T>() {
      const auto step = read<T>(run, 0);
      check_examples(step.layer, step.examples);
      const auto& inputs = step.examples.inputs;
      const VectorView<T> loss{run.output<T>(0, {inputs.rows}), inputs.rows};
      const MatrixView<T> grad_inputs = output_like(run, 3, inputs);
      put_gradients(run, 1, loss_and_grad(step, {}, loss, grad_inputs), step.layer);
    });
  }
};

// The gradients of the sum with factors `grad_loss`. One factor for all examples, as a sum or a
// mean of the batch has, is a factor of the gradients; others take a second pass.
class Gradients : private SampledLoss {
 public:
  static Operation operation() {
    std::vector<const char*> inputs = {"grad_loss: T", "unit_grad_weights: T",
                                       "unit_grad_biases: T", "unit_grad_inputs: T"};
    inputs.insert(inputs.end(), inputs_of_losses.begin(), inputs_of_losses.end());
    return {"ManyclassSampledLossGradients",
            attributes_of_losses,
            inputs,
            {"grad_weights: T", "grad_biases: T", "grad_inputs: T"}};
  }

  using SampledLoss::SampledLoss;

  void compute(Run& run) const {
    with_float_type(run, 0, [&]<class T>() {
      const auto grad_loss = vector_of<T>(run.input(0), "grad_loss");
      const auto step = read<T>(run, 4);
      check_examples(step.layer, step.examples, grad_loss);
      const T* const end = grad_loss.data + grad_loss.size;
      if (std::all_of(grad_loss.data, end, [&](T factor) { return factor == grad_loss[0]; })) {
        scale<T>(run, grad_loss.size == 0 ? T{0} : grad_loss[0]);
        return;
      }
      const Buffer<T> loss(grad_loss.size);
      const MatrixView<T> grad_inputs = output_like(run, 2, step.examples.inputs);
      put_gradients(run, 0, loss_and_grad(step, grad_loss, {loss.data(), loss.size()}, grad_inputs),
                    step.layer);
    });
  }

 private:
  template <class T>
  static void scale(Run& run, T factor) {
    for (int i = 0; i < 3; ++i) {
      const DenseArray unit = run.input(1 + i);
      T* const out = run.output<T>(i, unit.shape);
      const T* const values = static_cast<const T*>(unit.data);
      std::transform(values, values + unit.size(), out, [=](T value) { return factor * value; });
    }
  }
};

}  // namespace

void register_sampled_losses() {
  register_kernel<LossAndGradients>();
  register_kernel<Gradients>();
}

}  // namespace manyclass::bindings::tensorflow
