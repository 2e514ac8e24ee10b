#include "manyclass/row_rule.hpp"

#include <cmath>

#include "checks.hpp"

namespace manyclass {

namespace {

constexpr StateTable momentum_tables[] = {{"momentum", false}};
constexpr StateTable adagrad_tables[] = {{"sum_of_squares", false}};
constexpr StateTable rowwise_tables[] = {{"sum_of_mean_squares", true}};
constexpr StateTable adam_tables[] = {
    {"first_moment", false}, {"second_moment", false}, {"step", true}};

void check_not_negative(double value, const char* name) {
  require(value >= 0.0 && std::isfinite(value), name, " is ", value,
          "; it must be finite and not negative");
}

void check_share(double value, const char* name) {
  require(value >= 0.0 && value < 1.0, name, " is ", value, "; it must lie in [0, 1)");
}

// What denominators contain must not vanish in float32 either: a gradient of zero would give 0 / 0.
bool above_zero(double value) { return static_cast<float>(value) > 0.0F; }

void check(const Sgd& rule) {
  check_share(rule.momentum, "momentum");
  check_not_negative(rule.weight_decay, "weight_decay");
  require(!rule.nesterov || rule.momentum > 0.0,
          "nesterov is True and momentum is 0; it needs momentum");
}

template <class AnyAdagrad>
void check(const AnyAdagrad& rule) {
  check_not_negative(rule.initial_accumulator_value, "initial_accumulator_value");
  check_not_negative(rule.epsilon, "epsilon");
  check_not_negative(rule.weight_decay, "weight_decay");
  require(above_zero(rule.epsilon) || above_zero(rule.initial_accumulator_value), "epsilon is ",
          rule.epsilon, " and initial_accumulator_value is ", rule.initial_accumulator_value,
          "; one must be above zero (in float32), or a gradient of zero would be 0 / 0");
}

void check(const Adam& rule) {
  check_share(rule.beta_1, "betas[0]");
  check_share(rule.beta_2, "betas[1]");
  check_not_negative(rule.epsilon, "epsilon");
  require(above_zero(rule.epsilon), "epsilon is ", rule.epsilon,
          "; it must be above zero (in float32), or a gradient of zero would be 0 / 0");
  check_not_negative(rule.weight_decay, "weight_decay");
}

std::span<const StateTable> tables_of(const Sgd& rule) {
  if (rule.momentum == 0.0) return {};
  return momentum_tables;
}
std::span<const StateTable> tables_of(const Adagrad&) { return adagrad_tables; }
std::span<const StateTable> tables_of(const RowwiseAdagrad&) { return rowwise_tables; }
std::span<const StateTable> tables_of(const Adam&) { return adam_tables; }

}  // namespace

RowRule::RowRule(const Parameters& parameters) : parameters_(parameters) {
  std::visit([](const auto& rule) { check(rule); }, parameters_);
}

std::span<const StateTable> RowRule::state_tables() const {
  return std::visit([](const auto& rule) { return tables_of(rule); }, parameters_);
}

}  // namespace manyclass
