// The gradients of the exact softmax loss, of all rows or of some at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "manyclass/full_softmax.hpp"

namespace manyclass {

/// Where the gradients of sum_i grad_loss[i] * loss[i] go: tables cut as those of the layer, and
/// [batch, dim]. All of them are overwritten.
template <class T>
struct DenseGradients {
  RowsView<T> weights;
  RowsView<T> biases;
  MatrixView<T> inputs;
};

/// `full_softmax_loss` and its gradients; a null `grad_loss` is all ones. Throws as
/// `check_full_softmax`, and if shapes of what is written disagree.
template <class T>
void full_softmax_loss_and_grad(const OutputLayer<T>& layer, const Examples<T>& examples,
                                VectorView<const T> grad_loss, int num_threads, VectorView<T> loss,
                                const DenseGradients<T>& gradients);

/// The same without memory for the gradients of all rows: a first pass over the classes for the
/// loss, then the gradients of the rows that are asked for. Rows whose gradients were given may
/// change, as by an optimizer's step; all else that the views see must stay what it is.
template <class T>
class FullSoftmaxGradient {
 public:
  FullSoftmaxGradient(const OutputLayer<T>& layer, const Examples<T>& examples,
                      VectorView<const T> grad_loss, int num_threads, VectorView<T> loss);
  ~FullSoftmaxGradient();
  FullSoftmaxGradient(const FullSoftmaxGradient&) = delete;
  FullSoftmaxGradient& operator=(const FullSoftmaxGradient&) = delete;

  /// Writes the gradients of the rows at positions from `begin` on, [rows, dim] and [rows], and
  /// adds their share to `grad_inputs` [batch, dim]: over all rows, the gradient of inputs. Throws
  /// std::invalid_argument, before anything is written, if shapes disagree.
  void add_rows(std::int64_t begin, MatrixView<T> weights, VectorView<T> biases,
                MatrixView<T> grad_inputs);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace manyclass
