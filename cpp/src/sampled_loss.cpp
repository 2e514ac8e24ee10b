#include "manyclass/sampled_loss.hpp"

#include "bfloat16_operands.hpp"
#include "label_checks.hpp"
#include "logistic_tile.hpp"
#include "loss_checks.hpp"
#include "manyclass/threads.hpp"
#include "phase_clock.hpp"
#include "plain_operands.hpp"
#include "sampled_step.hpp"
#include "softmax_tile.hpp"
#include "sparse_gradient.hpp"
#include "step_plan.hpp"
#include "work.hpp"

namespace manyclass {

SampledValuesView view_of(const SampledValues& values, std::int64_t num_true) {
  const auto num_sampled = static_cast<std::int64_t>(values.sampled_candidates.size());
  const auto batch = static_cast<std::int64_t>(values.true_expected_count.size()) / num_true;
  return {{values.sampled_candidates.data(), num_sampled},
          {values.true_expected_count.data(), batch, num_true, num_true},
          {values.sampled_expected_count.data(), 1, num_sampled, num_sampled}};
}

template <class T, class W>
void check_inputs(const OutputLayer<T, W>& layer, MatrixView<const T> inputs) {
  const std::int64_t num_classes = layer.weights.num_rows();
  require(num_classes >= 1, "weights has no rows; it needs one for each class");
  require(layer.weights.dim() >= 1, "weights has no columns; dim must be at least 1");
  require(layer.biases.num_rows() == num_classes, "biases has ", layer.biases.num_rows(),
          " entries, weights has ", num_classes, " rows; there must be one for each class");
  require(inputs.cols == layer.weights.dim(), "inputs has shape [", inputs.rows, ", ", inputs.cols,
          "], weights has dim ", layer.weights.dim(), "; inputs must have shape [batch, dim]");
}

void check_batch(const LabelsView& labels, std::int64_t num_inputs) {
  require(labels.ids().cols >= 1, "labels has no columns; num_true must be at least 1");
  require(labels.batch() == num_inputs, "labels has ", labels.batch(), " rows, inputs has ",
          num_inputs, "; both must have one for each example");
}

template <class T, class W>
void check_examples(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                    VectorView<const T> grad_loss) {
  check_inputs(layer, examples.inputs);
  check_batch(examples.labels, examples.inputs.rows);
  require(grad_loss.data == nullptr || grad_loss.size == examples.inputs.rows, "grad_loss has ",
          grad_loss.size, " entries; it must have one for each of the ", examples.inputs.rows,
          " examples");
  check_label_weights(examples.labels, examples.label_weights);
  require(examples.label_smoothing >= 0.0 && examples.label_smoothing < 1.0, "label_smoothing is ",
          examples.label_smoothing, "; it must be at least 0 and below 1");
}

void check_options(const SampledLossOptions& options) {
  require(options.remove_accidental_hits || !options.mask_repeats,
          "mask_repeats is true, remove_accidental_hits false; repeated hits can only be taken out "
          "if hits are");
}

namespace {

// Targets of a logistic loss are probabilities.
template <class T>
void check_nce_targets(const Examples<T>& examples) {
  require(examples.label_smoothing == 0.0, "label_smoothing is ", examples.label_smoothing,
          "; nce_loss has none, it must be 0");
  const MatrixView<const T>& weights = examples.label_weights;
  for (std::int64_t i = 0; i < weights.rows; ++i) {
    for (std::int64_t j = 0; j < weights.cols; ++j) {
      require(weights.row(i)[j] <= T{1}, "label_weights", LabelPlace{examples.labels, i, j}, " is ",
              weights.row(i)[j], "; for nce_loss it is a probability and must be at most 1");
    }
  }
}

// The threads that a step of some matrix products is worth. They wake while it is planned.
template <class T>
int call_threads_for(double num_products, const Examples<T>& examples,
                     const SampledValuesView& sampled, int num_threads) {
  const double products = num_products * static_cast<double>(examples.inputs.rows) *
                          static_cast<double>(examples.inputs.cols) *
                          static_cast<double>(sampled.sampled_candidates.size);
  const int threads = threads_worth(products, products_per_wake, num_threads);
  call_threads(threads);
  return threads;
}

template <TileLoss Loss, class Operands, class T, class W>
void compute_loss_with(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                       const SampledValuesView& sampled, const SampledLossOptions& options,
                       VectorView<T> loss) {
  check_options(options);
  check_examples(layer, examples);
  check_loss(examples, loss);
  const int num_threads =
      call_threads_for(1.0, examples, sampled, resolve_num_threads(options.num_threads));
  Scratch scratch;
  PhaseClock clock(Phase::plan);
  const auto plan = make_plan(layer, examples, sampled, options, num_threads, scratch);
  clock.stop();
  SampledStep<Loss, Operands>(layer, examples, plan, num_threads, scratch).loss(loss);
}

template <TileLoss Loss, class Operands, class T, class W>
SampledGradients<T> compute_loss_and_grad_with(const OutputLayer<T, W>& layer,
                                               const Examples<T>& examples,
                                               const SampledValuesView& sampled,
                                               const SampledLossOptions& options,
                                               VectorView<const T> grad_loss, VectorView<T> loss,
                                               MatrixView<T> grad_inputs) {
  check_options(options);
  check_examples(layer, examples, grad_loss);
  check_loss(examples, loss);
  require(grad_inputs.rows == examples.inputs.rows && grad_inputs.cols == examples.inputs.cols,
          "grad_inputs has shape [", grad_inputs.rows, ", ", grad_inputs.cols,
          "]; it must have the shape of inputs, [", examples.inputs.rows, ", ",
          examples.inputs.cols, "]");
  const int num_threads =
      call_threads_for(3.0, examples, sampled, resolve_num_threads(options.num_threads));
  Scratch scratch;
  PhaseClock clock(Phase::plan);
  const auto plan = make_plan(layer, examples, sampled, options, num_threads, scratch);
  SparseGradient gradient(layer, examples, plan, Operands::add_input, scratch);
  clock.stop();
  SampledStep<Loss, Operands> step(layer, examples, plan, num_threads, scratch);
  step.loss_and_grad(grad_loss, loss, grad_inputs, gradient.parts());
  return gradient.sum_by_class(num_threads);
}

// Calls compute.operator()<Operands>() for the operands that are asked for.
template <class T, class W, class Compute>
auto with_operands(ComputeDtype compute_dtype, Compute compute) {
  check_compute_dtype<T>(compute_dtype);
  if constexpr (std::is_same_v<T, float>) {
    if (compute_dtype == ComputeDtype::bfloat16) {
      return compute.template operator()<Bfloat16Operands<W>>();
    }
  }
  return compute.template operator()<PlainOperands<T, W>>();
}

template <TileLoss Loss, class T, class W>
void compute_loss(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                  const SampledValuesView& sampled, const SampledLossOptions& options,
                  VectorView<T> loss) {
  with_operands<T, W>(options.compute_dtype, [&]<class Operands>() {
    compute_loss_with<Loss, Operands>(layer, examples, sampled, options, loss);
  });
}

template <TileLoss Loss, class T, class W>
SampledGradients<T> compute_loss_and_grad(const OutputLayer<T, W>& layer,
                                          const Examples<T>& examples,
                                          const SampledValuesView& sampled,
                                          const SampledLossOptions& options,
                                          VectorView<const T> grad_loss, VectorView<T> loss,
                                          MatrixView<T> grad_inputs) {
  return with_operands<T, W>(options.compute_dtype, [&]<class Operands>() {
    return compute_loss_and_grad_with<Loss, Operands>(layer, examples, sampled, options, grad_loss,
                                                      loss, grad_inputs);
  });
}

}  // namespace

template <class T, class W>
void sampled_softmax_loss(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                          const SampledValuesView& sampled, const SampledLossOptions& options,
                          VectorView<T> loss) {
  compute_loss<SoftmaxTile<T>>(layer, examples, sampled, options, loss);
}

template <class T, class W>
SampledGradients<T> sampled_softmax_loss_and_grad(const OutputLayer<T, W>& layer,
                                                  const Examples<T>& examples,
                                                  const SampledValuesView& sampled,
                                                  const SampledLossOptions& options,
                                                  VectorView<const T> grad_loss, VectorView<T> loss,
                                                  MatrixView<T> grad_inputs) {
  return compute_loss_and_grad<SoftmaxTile<T>>(layer, examples, sampled, options, grad_loss, loss,
                                               grad_inputs);
}

template <class T, class W>
void nce_loss(const OutputLayer<T, W>& layer, const Examples<T>& examples,
              const SampledValuesView& sampled, const SampledLossOptions& options,
              VectorView<T> loss) {
  check_nce_targets(examples);
  compute_loss<LogisticTile<T>>(layer, examples, sampled, options, loss);
}

template <class T, class W>
SampledGradients<T> nce_loss_and_grad(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                                      const SampledValuesView& sampled,
                                      const SampledLossOptions& options,
                                      VectorView<const T> grad_loss, VectorView<T> loss,
                                      MatrixView<T> grad_inputs) {
  check_nce_targets(examples);
  return compute_loss_and_grad<LogisticTile<T>>(layer, examples, sampled, options, grad_loss, loss,
                                                grad_inputs);
}

#define MANYCLASS_INSTANTIATE_LOSS(T, W, NAME)                                               \
  template void NAME(const OutputLayer<T, W>&, const Examples<T>&, const SampledValuesView&, \
                     const SampledLossOptions&, VectorView<T>);                              \
  template SampledGradients<T> NAME##_and_grad(                                              \
      const OutputLayer<T, W>&, const Examples<T>&, const SampledValuesView&,                \
      const SampledLossOptions&, VectorView<const T>, VectorView<T>, MatrixView<T>);
#define MANYCLASS_INSTANTIATE(T, W)                                                                \
  template void check_inputs(const OutputLayer<T, W>&, MatrixView<const T>);                       \
  template void check_examples(const OutputLayer<T, W>&, const Examples<T>&, VectorView<const T>); \
  MANYCLASS_INSTANTIATE_LOSS(T, W, sampled_softmax_loss)                                           \
  MANYCLASS_INSTANTIATE_LOSS(T, W, nce_loss)
MANYCLASS_INSTANTIATE(float, float)
MANYCLASS_INSTANTIATE(float, Bfloat16)
MANYCLASS_INSTANTIATE(double, double)
#undef MANYCLASS_INSTANTIATE
#undef MANYCLASS_INSTANTIATE_LOSS

}  // namespace manyclass
