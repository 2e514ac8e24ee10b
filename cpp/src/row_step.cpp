#include "row_step.hpp"

#include <cmath>

namespace manyclass {

namespace {

// Fill in what a rule reads, and name its kernel.
template <class T, class V>
auto prepare(const Sgd& rule, const kernels::OptimizerTable<T>& table,
             kernels::StepConstants<V>& constants) {
  constants.weight_decay = static_cast<V>(rule.weight_decay);
  constants.momentum = static_cast<V>(rule.momentum);
  if (rule.momentum == 0.0) return table.sgd;
  return rule.nesterov ? table.nesterov : table.momentum;
}

template <class V, class AnyAdagrad>
void set_adagrad(const AnyAdagrad& rule, kernels::StepConstants<V>& constants) {
  constants.weight_decay = static_cast<V>(rule.weight_decay);
  constants.initial = static_cast<V>(rule.initial_accumulator_value);
  constants.epsilon = static_cast<V>(rule.epsilon);
}

template <class T, class V>
auto prepare(const Adagrad& rule, const kernels::OptimizerTable<T>& table,
             kernels::StepConstants<V>& constants) {
  set_adagrad(rule, constants);
  return table.adagrad;
}

template <class T, class V>
auto prepare(const RowwiseAdagrad& rule, const kernels::OptimizerTable<T>& table,
             kernels::StepConstants<V>& constants) {
  set_adagrad(rule, constants);
  return table.rowwise_adagrad;
}

template <class T, class V>
auto prepare(const Adam& rule, const kernels::OptimizerTable<T>& table,
             kernels::StepConstants<V>& constants) {
  constants.beta_1 = static_cast<V>(rule.beta_1);
  constants.beta_2 = static_cast<V>(rule.beta_2);
  constants.gain_1 = static_cast<V>(1.0 - rule.beta_1);
  constants.gain_2 = static_cast<V>(1.0 - rule.beta_2);
  constants.log_beta_1 = std::log(rule.beta_1);
  constants.log_beta_2 = std::log(rule.beta_2);
  constants.epsilon = static_cast<V>(rule.epsilon);
  constants.keep = static_cast<V>(1.0 - double{constants.learning_rate} * rule.weight_decay);
  return table.adam;
}

}  // namespace

template <class T>
RowStep<T>::RowStep(const RowRule& rule, double learning_rate, double gradient_scale) {
  constants_.learning_rate = static_cast<Value>(learning_rate);
  constants_.gradient_scale = static_cast<Value>(gradient_scale);
  update_row_ = std::visit(
      [&](const auto& kind) { return prepare(kind, kernels::optimizer_table<T>(), constants_); },
      rule.parameters());
}

template class RowStep<float>;
template class RowStep<double>;
template class RowStep<Bfloat16>;

}  // namespace manyclass
