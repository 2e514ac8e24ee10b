// Losses over a few sampled classes, and their gradients: what TensorFlow calls
// sampled_softmax_loss and nce_loss.
#pragma once

#include <cstdint>
#include <type_traits>
#include <variant>

#include "manyclass/bfloat16.hpp"
#include "manyclass/compute_dtype.hpp"
#include "manyclass/indexed_slices.hpp"
#include "manyclass/labels.hpp"
#include "manyclass/samplers.hpp"
#include "manyclass/views.hpp"

namespace manyclass {

/// The last layer of a classifier: a row of weights and a bias for each class. The biases are a
/// table of one column. Rows are of the type T of all else or, where T is float, of Bfloat16, for
/// functions that say so.
template <class T, class W = T>
struct OutputLayer {
  static_assert(std::is_same_v<T, ComputeType<W>>);

  RowsView<const W> weights;
  RowsView<const T> biases;
};

/// Expected counts as the caller has them: float32 or float64, any strides, extents of 1 standing
/// for any extent.
struct CountsView {
  std::variant<const float*, const double*> data;
  std::int64_t rows = 0;
  std::int64_t cols = 0;
  std::int64_t row_stride = 0;
  std::int64_t col_stride = 1;

  double at(std::int64_t i, std::int64_t j) const {
    const std::int64_t offset = (rows == 1 ? 0 : i * row_stride) + (cols == 1 ? 0 : j * col_stride);
    return std::visit([&](const auto* p) { return static_cast<double>(p[offset]); }, data);
  }
};

/// The candidates of a step, shared by the batch. `true_expected_count` broadcasts to the shape of
/// the labels, for ragged ones [size] or [size, 1]; `sampled_expected_count` is one row.
struct SampledValuesView {
  VectorView<const std::int64_t> sampled_candidates;
  CountsView true_expected_count;
  CountsView sampled_expected_count;
};

/// A view of what a sampler returned for labels of `num_true` columns, 1 if they are ragged.
SampledValuesView view_of(const SampledValues& values, std::int64_t num_true);

/// The examples of a step: what goes in, and which classes are to come out.
///
/// The target of label j of example i is p[i, j], its weight as given or, without weights, 1 over
/// the number of the example's labels. Label smoothing by epsilon makes that (1 - epsilon) p[i, j]
/// and shares epsilon * sum_j p[i, j] out evenly among all terms of the softmax.
template <class T>
struct Examples {
  LabelsView labels;
  MatrixView<const T> inputs;  // [batch, dim]
  /// Of the shape of `labels.ids()`; null if there are none.
  MatrixView<const T> label_weights{};
  double label_smoothing = 0.0;
};

/// Which logits lose the log of their expected count.
///
/// `all`: true and sampled ones, as in TensorFlow. `sampled`: importance sampling; the sum of
/// exponentials estimates the full softmax's without bias, if no hit is left in it. `none`: the
/// plain logits; nce_loss is then word2vec's negative sampling. Counts that are not needed are not
/// read.
enum class LogQCorrection { all, sampled, none };

struct SampledLossOptions {
  /// Whether a candidate that is a true class of a row is taken out of that row's loss.
  /// TensorFlow's default is true for sampled_softmax_loss, false for nce_loss.
  bool remove_accidental_hits = true;
  /// Of a hit's repeated candidates, whether all are taken out or, as in TensorFlow, the last.
  bool mask_repeats = false;
  LogQCorrection log_q_correction = LogQCorrection::all;
  /// 0 means get_num_threads().
  int num_threads = 0;
  /// With bfloat16, inputs, the rows of candidates and labels, and the derivatives by logits are
  /// rounded where they are multiplied with each other.
  ComputeDtype compute_dtype = ComputeDtype::of_arrays;
};

template <class T>
struct SampledGradients {
  IndexedSlices<T> weights;
  IndexedSlices<T> biases;
};

/// Throws std::invalid_argument unless weights and biases have a row for each class, and inputs as
/// many columns as weights. All functions that take a layer do so.
template <class T, class W = T>
void check_inputs(const OutputLayer<T, W>& layer, MatrixView<const T> inputs);

/// Throws std::invalid_argument unless labels have columns and as many rows as inputs.
/// `check_examples` does so too; this is for who has no layer at hand.
void check_batch(const LabelsView& labels, std::int64_t num_inputs);

/// Throws std::invalid_argument if shapes disagree, a size is zero where it must not be, a label's
/// weight is negative or, by itself or in its example's sum, not finite, or label_smoothing lies
/// outside [0, 1). The functions below do so too; this is for who must know before drawing
/// candidates. A null `grad_loss` is none.
template <class T, class W = T>
void check_examples(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                    VectorView<const T> grad_loss = {});

/// Throws std::invalid_argument if options contradict each other; the functions below do so too.
void check_options(const SampledLossOptions& options);

/// loss[i] = the sum over the logits z of row i of target * (logsumexp of them all - z), where the
/// logits are
///   t[i, j] = <x_i, W[y_ij]> + b[y_ij] - log true_expected_count[i, j]
///   u[i, k] = <x_i, W[s_k]> + b[s_k] - log sampled_expected_count[k], or -inf for a hit.
/// A hit (i, k) is a candidate equal to a label of row i (tf.nn.sampled_softmax_loss). Targets are
/// those of Examples, 0 for candidates but for their share of label smoothing; a logit of -inf is
/// no term and has no share. An example without labels, or whose weights are all 0, has no target:
/// its loss and its gradient are 0.
///
/// Rows of Bfloat16 are read as the float32 that they are; the gradients are float32.
///
/// Throws std::invalid_argument, before anything is written, if shapes disagree, options
/// contradict each other, a label or candidate lies outside [0, num_classes), an expected count
/// that is needed is not above zero and finite, or bfloat16 is asked for with other arrays than
/// float's.
template <class T, class W = T>
void sampled_softmax_loss(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                          const SampledValuesView& sampled, const SampledLossOptions& options,
                          VectorView<T> loss);

/// The loss and the gradients of sum_i grad_loss[i] * loss[i]; a null `grad_loss` is all ones.
/// `grad_inputs` is [batch, dim].
template <class T, class W = T>
SampledGradients<T> sampled_softmax_loss_and_grad(const OutputLayer<T, W>& layer,
                                                  const Examples<T>& examples,
                                                  const SampledValuesView& sampled,
                                                  const SampledLossOptions& options,
                                                  VectorView<const T> grad_loss, VectorView<T> loss,
                                                  MatrixView<T> grad_inputs);

/// loss[i] = the sum over the logits z of row i, those above, of softplus(z) - target * z, where
/// the target is that of Examples for a true logit and 0 for a sampled one (tf.nn.nce_loss): the
/// logistic loss of telling true classes from sampled ones. Targets must lie in [0, 1]; there is no
/// label smoothing, which would bound the odds that are to be learned: both are refused, as above.
template <class T, class W = T>
void nce_loss(const OutputLayer<T, W>& layer, const Examples<T>& examples,
              const SampledValuesView& sampled, const SampledLossOptions& options,
              VectorView<T> loss);

template <class T, class W = T>
SampledGradients<T> nce_loss_and_grad(const OutputLayer<T, W>& layer, const Examples<T>& examples,
                                      const SampledValuesView& sampled,
                                      const SampledLossOptions& options,
                                      VectorView<const T> grad_loss, VectorView<T> loss,
                                      MatrixView<T> grad_inputs);

}  // namespace manyclass
