// Optimizers' steps and sums of rows: refused with nothing written, or only the rows named change.
#include <algorithm>
#include <set>

#include "fuzz_input.hpp"
#include "manyclass/indexed_slices.hpp"
#include "manyclass/row_optimizers.hpp"
#include "problem_of_input.hpp"

namespace {

using namespace manyclass;

RowRule::Parameters read_parameters(fuzz::Input& input) {
  const auto small = [&] { return input.rarely() ? input.number() : input.below(100) / 100.0; };
  const double decay = input.coin() ? 0.0 : small();
  switch (input.below(4)) {
    case 0: {
      const double momentum = input.coin() ? 0.0 : small();
      return Sgd{momentum, input.coin(), decay};
    }
    case 1:
      return Adagrad{small(), small(), decay};
    case 2:
      return RowwiseAdagrad{small(), small(), decay};
    default: {
      const double beta_1 = small(), beta_2 = small();
      return Adam{beta_1, beta_2, small(), decay};
    }
  }
}

std::vector<std::int64_t> read_rows(fuzz::Input& input, std::int64_t num_rows) {
  auto rows = input.ids(input.below(8), num_rows);
  if (!input.rarely()) {
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  }
  return rows;
}

template <class T>
struct Update {
  std::int64_t rows, cols;
  std::vector<T> variable;
  std::vector<std::vector<ComputeType<T>>> state;
  std::vector<std::int64_t> indices;
  std::vector<ComputeType<T>> values;
  std::int64_t num_values;

  Update(fuzz::Input& input, std::span<const StateTable> tables)
      : rows(input.below(8)), cols(input.below(20)), indices(read_rows(input, rows)) {
    if constexpr (std::is_floating_point_v<T>) {
      variable = input.numbers<T>(rows * cols);
    } else {
      variable.resize(static_cast<std::size_t>(rows * cols));
      for (T& value : variable) value = std::bit_cast<T>(input.raw<std::uint16_t>());
    }
    for (const StateTable& table : tables) {
      state.push_back(input.weights<ComputeType<T>>(rows * (table.one_a_row ? 1 : cols)));
    }
    num_values = input.rarely() ? input.below(4) : std::ssize(indices);
    values = input.numbers<ComputeType<T>>(num_values * cols);
  }

  RowUpdate<T> view() {
    RowUpdate<T> update{{variable.data(), rows, cols, cols},
                        {},
                        view_of(indices),
                        {values.data(), num_values, cols, cols}};
    for (std::size_t s = 0; s < state.size(); ++s) {
      const auto width = rows == 0 ? 0 : std::ssize(state[s]) / rows;
      update.state[s] = {state[s].data(), rows, width, width};
    }
    return update;
  }
};

template <class T>
void step(fuzz::Input& input) {
  std::optional<RowRule> rule;
  const auto parameters = read_parameters(input);
  if (fuzz::refused([&] { rule.emplace(parameters); })) return;
  Update<T> update(input, rule->state_tables());
  const auto variable = update.variable;
  const auto state = update.state;
  const double learning_rate = input.weight();
  const auto clip_norm = input.coin() ? std::nullopt : std::optional(input.weight());
  std::optional<PhiloxStream> rounding;
  if (std::is_same_v<T, Bfloat16> && !input.rarely()) {
    rounding.emplace(Seed{input.raw<std::uint64_t>(), input.raw<std::uint64_t>()},
                     input.raw<std::uint64_t>());
  }
  const AnyRowUpdate any = update.view();
  const bool was_refused = fuzz::refused(
      [&] { apply_row_updates(*rule, {&any, 1}, learning_rate, clip_norm, 1, rounding); });
  fuzz::require(!std::is_same_v<T, Bfloat16> || rounding || was_refused,
                "no bfloat16 is rounded without random words");
  const std::set<std::int64_t> named(update.indices.begin(), update.indices.end());
  for (std::int64_t i = 0; i < update.rows; ++i) {
    if (!was_refused && named.contains(i)) continue;
    const auto first = static_cast<std::size_t>(i * update.cols);
    fuzz::require(
        update.cols == 0 || std::memcmp(&variable[first], &update.variable[first],
                                        static_cast<std::size_t>(update.cols) * sizeof(T)) == 0,
        "a row left as it was");
  }
  fuzz::require(!was_refused || fuzz::same_bits(state, update.state), "state left as it was");
}

template <class T>
void sum(fuzz::Input& input) {
  const std::int64_t num_rows = input.id(12);
  const auto indices = input.ids(input.below(12), std::clamp<std::int64_t>(num_rows, 0, 1 << 20));
  const std::int64_t cols = input.below(5);
  const std::int64_t rows = input.rarely() ? input.below(5) : std::ssize(indices);
  const auto values = input.numbers<T>(rows * cols);
  IndexedSlices<T> slices;
  if (fuzz::refused([&] {
        slices = sum_rows<T>(view_of(indices), {values.data(), rows, cols, cols}, num_rows, 1);
      })) {
    return;
  }
  const std::set<std::int64_t> different(indices.begin(), indices.end());
  fuzz::require(std::equal(different.begin(), different.end(), slices.indices.data(),
                           slices.indices.data() + slices.indices.size()),
                "each index once, ascending");
  fuzz::require(slices.values.size() == slices.indices.size() * cols, "a row for each index");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_num_threads(1);
  fuzz::Input input(data, size);
  switch (input.below(5)) {
    case 0:
      step<float>(input);
      break;
    case 1:
      step<double>(input);
      break;
    case 2:
      step<Bfloat16>(input);
      break;
    case 3:
      sum<float>(input);
      break;
    default:
      sum<double>(input);
  }
  return 0;
}
