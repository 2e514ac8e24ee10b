// The interface of row optimizers as a C++ user meets it; the rules are tested from Python too.
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

#include "manyclass/row_optimizers.hpp"

using namespace manyclass;

namespace {

// A table of 4 rows of 2 ones, with state for any rule, and gradients of some rows.
struct Table {
  std::vector<float> w = std::vector<float>(8, 1.0F);
  std::vector<float> first = std::vector<float>(8, 0.0F);
  std::vector<float> second = std::vector<float>(8, 0.0F);
  std::vector<float> rows = std::vector<float>(4, 0.0F);
  std::vector<std::int64_t> indices;
  std::vector<float> g;

  RowUpdate<float> update(const RowRule& rule) {
    RowUpdate<float> update;
    const auto tables = rule.state_tables();
    for (std::size_t s = 0; s < tables.size(); ++s) {
      auto& whole = s == 0 ? first : second;
      update.state[s] = tables[s].one_a_row ? MatrixView<float>{rows.data(), 4, 1, 1}
                                            : MatrixView<float>{whole.data(), 4, 2, 2};
    }
    const auto size = std::int64_t(indices.size());
    update.variable = {w.data(), 4, 2, 2};
    update.indices = {indices.data(), size};
    update.values = {g.data(), size, 2, 2};
    return update;
  }
};

void step(const RowRule& rule, Table& table, double learning_rate = 0.5,
          std::optional<double> clip_norm = std::nullopt) {
  const AnyRowUpdate update = table.update(rule);
  apply_row_updates(rule, {&update, 1}, learning_rate, clip_norm, 1);
}

}  // namespace

TEST_CASE("Only the rows that the gradient names move") {
  for (const RowRule& rule : {RowRule(Sgd{}), RowRule(Sgd{0.9, true, 0.1}), RowRule(Adagrad{}),
                              RowRule(RowwiseAdagrad{}), RowRule(Adam{})}) {
    Table table;
    table.indices = {1, 3};
    table.g = {1.0F, 2.0F, 3.0F, 4.0F};
    step(rule, table);
    for (const std::size_t i : {0U, 1U, 4U, 5U}) CHECK(table.w[i] == 1.0F);
    for (const std::size_t i : {2U, 3U, 6U, 7U}) CHECK(table.w[i] < 1.0F);
  }
}

TEST_CASE("Clipping scales all gradients of a step by one factor") {
  Table one, two;
  one.indices = two.indices = {2};
  one.g = {3.0F, 0.0F};
  two.g = {0.0F, 4.0F};
  const RowRule rule(Sgd{});
  const AnyRowUpdate updates[] = {one.update(rule), two.update(rule)};
  apply_row_updates(rule, updates, 1.0, 2.5, 1);  // the norm is 5
  CHECK(one.w[4] == -0.5F);
  CHECK(two.w[5] == -1.0F);
  apply_row_updates(rule, updates, 1.0, 5.0, 1);
  CHECK(one.w[4] == -3.5F);
}

TEST_CASE("bfloat16 variables are rounded by the words of the step, variable, row and element") {
  constexpr std::int64_t rows = 3, cols = 20;
  std::vector<Bfloat16> tables[2];
  const std::vector<std::int64_t> indices{0, 2};
  std::vector<float> g(2 * cols);
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = -1.0F - float(i) * 0x1p-12F;
  AnyRowUpdate updates[2];
  for (std::size_t v = 0; v < 2; ++v) {
    tables[v].resize(rows * cols, Bfloat16{0});
    updates[v] = RowUpdate<Bfloat16>{
        {tables[v].data(), rows, cols, cols}, {}, {indices.data(), 2}, {g.data(), 2, cols, cols}};
  }
  CHECK_THROWS_AS(apply_row_updates(RowRule(Sgd{}), updates, 1.0, {}, 1), std::invalid_argument);
  CHECK(tables[0][0].bits == 0);

  const PhiloxStream place(Seed{11, 12}, 5);
  apply_row_updates(RowRule(Sgd{}), updates, 1.0, {}, 1, place);
  const auto key = place.words();
  for (std::uint32_t v = 0; v < 2; ++v) {
    for (std::uint32_t i = 0; i < g.size(); ++i) {
      const auto row = static_cast<std::uint32_t>(indices[i / cols]);
      const auto col = static_cast<std::uint32_t>(i % cols);
      const auto words = philox4x32_10({col / 8, v, row, 0}, {key[0], key[1]});
      const std::uint32_t noise = words[col % 8 / 2] >> (col % 2 * 16) & 0xffffU;
      CHECK(tables[v][row * cols + col].bits ==
            (std::bit_cast<std::uint32_t>(-g[i]) + noise) >> 16);
    }
    for (std::size_t i = cols; i < 2 * cols; ++i) CHECK(tables[v][i].bits == 0);
  }
}

TEST_CASE("What is refused is named and leaves everything as it was") {
  const auto nan = std::numeric_limits<double>::quiet_NaN();
  const RowRule adagrad(Adagrad{});
  const auto refused = [](const RowRule& rule, Table table, double rate = 0.5,
                          std::optional<double> clip = std::nullopt) {
    const Table before = table;
    CHECK_THROWS_AS(step(rule, table, rate, clip), std::invalid_argument);
    CHECK(table.w == before.w);
    CHECK(table.first == before.first);
  };
  Table good;
  good.indices = {0, 2};
  good.g = {1.0F, 1.0F, 1.0F, 1.0F};
  refused(adagrad, good, nan);
  refused(adagrad, good, -0.5);
  refused(adagrad, good, 0.5, 0.0);
  refused(adagrad, good, 0.5, nan);
  for (const std::vector<std::int64_t>& indices :
       std::vector<std::vector<std::int64_t>>{{0, 4}, {-1, 2}, {2, 0}, {2, 2}}) {
    Table bad = good;
    bad.indices = indices;
    refused(adagrad, bad);
  }
  Table outside = good;
  outside.indices = {0, 4};
  CHECK_THROWS_WITH(step(adagrad, outside), "indices[1] is 4, outside [0, 4)");
  Table poisoned = good;
  poisoned.g[3] = std::numeric_limits<float>::infinity();
  refused(adagrad, poisoned, 0.5, 1.0);

  AnyRowUpdate without_state = good.update(RowRule(Sgd{}));
  CHECK_THROWS_WITH_AS(apply_row_updates(adagrad, {&without_state, 1}, 0.5, {}, 1),
                       "the state \"sum_of_squares\" has shape [0, 0]; it must have [4, 2], as "
                       "variable has",
                       std::invalid_argument);
}

TEST_CASE("Rules refuse parameters out of range") {
  CHECK_THROWS_AS(RowRule(Sgd{1.0, false, 0.0}), std::invalid_argument);
  CHECK_THROWS_AS(RowRule(Sgd{0.0, true, 0.0}), std::invalid_argument);
  CHECK_THROWS_AS(RowRule(Adagrad{0.0, 1e-60, 0.0}), std::invalid_argument);
  CHECK_THROWS_AS(RowRule(RowwiseAdagrad{0.1, -1e-7, 0.0}), std::invalid_argument);
  CHECK_THROWS_AS(RowRule(Adam{0.9, 1.0, 1e-8, 0.0}), std::invalid_argument);
  CHECK_THROWS_AS(RowRule(Adam{0.9, 0.999, 0.0, 0.0}), std::invalid_argument);
  CHECK_NOTHROW(RowRule(Adam{0.0, 0.0, 1e-30, 0.0}));
}
