// The rules by which an optimizer moves one row of a table along its gradient. Each is lazy: a row
// without a gradient does not move, and its state stays as it is.
//
// g is the row's gradient, times what clipping leaves of it; w the row; all else element for
// element. State starts at zero.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <variant>

namespace manyclass {

/// d = g + weight_decay w; b = momentum b + d; w -= learning_rate b, or, with `nesterov`,
/// w -= learning_rate (d + momentum b): torch.optim.SGD, TensorFlow's ResourceSparseApplyMomentum.
/// Without momentum w -= learning_rate d, and there is no state.
struct Sgd {
  double momentum = 0.0;
  bool nesterov = false;
  double weight_decay = 0.0;
};

/// d = g + weight_decay w; a += d^2; w -= learning_rate d / (sqrt(initial + a) + epsilon): Duchi,
/// Hazan and Singer 2011; torch.optim.Adagrad, TensorFlow's ResourceSparseApplyAdagradV2.
struct Adagrad {
  double initial_accumulator_value = 0.1;
  double epsilon = 1e-7;
  double weight_decay = 0.0;
};

/// Adagrad with one accumulator a row, to which the mean of d^2 over the row is added: RWSAdagrad
/// of DLRM, EXACT_ROWWISE_ADAGRAD of FBGEMM.
struct RowwiseAdagrad {
  double initial_accumulator_value = 0.1;
  double epsilon = 1e-7;
  double weight_decay = 0.0;
};

/// t += 1; m = beta_1 m + (1 - beta_1) g; v = beta_2 v + (1 - beta_2) g^2;
/// w *= 1 - learning_rate weight_decay;
/// w -= learning_rate (m / (1 - beta_1^t)) / (sqrt(v / (1 - beta_2^t)) + epsilon):
/// Kingma and Ba 2015, with the decay of Loshchilov and Hutter 2019 (torch.optim.AdamW). t counts
/// the steps of the row, one number a row; in float32 it stays at 2^24.
struct Adam {
  double beta_1 = 0.9;
  double beta_2 = 0.999;
  double epsilon = 1e-8;
  double weight_decay = 0.0;
};

/// A table of numbers that a rule keeps for a variable: one a row, or one an element.
struct StateTable {
  std::string_view name;
  bool one_a_row;
};

/// No rule keeps more tables.
inline constexpr std::int64_t most_state_tables = 3;

/// One of the rules, with parameters in their range.
class RowRule {
 public:
  using Parameters = std::variant<Sgd, Adagrad, RowwiseAdagrad, Adam>;

  /// Throws std::invalid_argument that names a parameter unless all are finite and not negative,
  /// momentum and the betas are below 1, nesterov has momentum, and denominators cannot become
  /// zero (an epsilon, or an initial accumulator, that float32 holds).
  explicit RowRule(const Parameters& parameters);

  const Parameters& parameters() const { return parameters_; }
  /// In the order in which RowUpdate::state has them.
  std::span<const StateTable> state_tables() const;

 private:
  Parameters parameters_;
};

}  // namespace manyclass
