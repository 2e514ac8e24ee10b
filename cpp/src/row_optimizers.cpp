#include "manyclass/row_optimizers.hpp"

#include <algorithm>
#include <cmath>

#include "checks.hpp"
#include "gradient_norm.hpp"
#include "manyclass/threads.hpp"
#include "row_step.hpp"

namespace manyclass {

namespace {

template <class T>
void check_indices(const RowUpdate<T>& update) {
  const std::string& place = update.place;
  for (std::int64_t i = 0; i < update.indices.size; ++i) {
    const std::int64_t row = update.indices[i];
    require_class(row, update.variable.rows, place, "indices[", i, "]");
    require(i == 0 || update.indices[i - 1] < row, place, "indices[", i, "] is ", row, " after ",
            i == 0 ? 0 : update.indices[i - 1],
            "; indices must ascend, each row once (IndexedSlices.from_rows sums repeated ones)");
  }
}

template <class T>
void check_update(const RowUpdate<T>& update, const RowRule& rule) {
  const auto& [variable, state, indices, values, place] = update;
  require(values.rows == indices.size, place, "values has ", values.rows, " rows, indices has ",
          indices.size, " entries; there must be one for each");
  require(values.cols == variable.cols, place, "values has ", values.cols,
          " columns, variable has ", variable.cols, "; both must have the same");
  for (std::size_t s = 0; s < rule.state_tables().size(); ++s) {
    const StateTable& table = rule.state_tables()[s];
    const std::int64_t cols = table.one_a_row ? 1 : variable.cols;
    require(state[s].rows == variable.rows && state[s].cols == cols, place, "the state \"",
            table.name, "\" has shape [", state[s].rows, ", ", state[s].cols, "]; it must have [",
            variable.rows, ", ", cols, "], as variable has");
  }
  check_indices(update);
}

// Rows whose elements are this many, with some for the way to a row, are worth a task: more than
// waking a thread costs.
constexpr std::int64_t elements_per_task = 16384;
constexpr std::int64_t elements_of_a_way = 16;
// How many rows ahead to fetch: two long ones, or short ones worth so many bytes.
constexpr std::int64_t bytes_ahead = 256;

// The stream that one variable of a step is rounded by; its blocks follow one another in a row.
struct RoundingStream {
  std::uint64_t key = 0;
  std::uint64_t first_block = 0;
};

RoundingStream rounding_stream(const PhiloxStream& step, std::size_t variable) {
  const auto words = step.words();
  return {words[0] | std::uint64_t{words[1]} << 32, std::uint64_t{variable} << 32};
}

template <class T>
class RowWalk {
 public:
  RowWalk(const RowUpdate<T>& update, const RowRule& rule, const RoundingStream& rounding)
      : update_(update), num_states_(rule.state_tables().size()), rounding_(rounding) {}

  [[gnu::always_inline]] void prefetch(std::int64_t i) const {
    const std::int64_t row = update_.indices[i];
    prefetch_row(update_.variable, row);
    for (std::size_t s = 0; s < num_states_; ++s) prefetch_row(update_.state[s], row);
  }

  void apply(const RowStep<T>& step, std::int64_t i) const {
    const std::int64_t row = update_.indices[i];
    if (!is_class(row, update_.variable.rows)) return;  // checked, but another may write there
    std::array<ComputeType<T>*, most_state_tables> state{};
    for (std::size_t s = 0; s < num_states_; ++s) state[s] = update_.state[s].row(row);
    step.update(update_.values.row(i), updated_row(row), state.data(), update_.variable.cols);
  }

 private:
  kernels::UpdatedRow<T> updated_row(std::int64_t row) const {
    if constexpr (std::is_same_v<T, Bfloat16>) {
      return {update_.variable.row(row), rounding_.key, rounding_.first_block,
              static_cast<std::uint64_t>(row)};
    } else {
      return update_.variable.row(row);
    }
  }

  const RowUpdate<T>& update_;
  std::size_t num_states_;
  RoundingStream rounding_;
};

template <class T>
void apply_update(const RowUpdate<T>& update, const RowRule& rule, const RowStep<T>& step,
                  const RoundingStream& rounding, int num_threads) {
  const std::int64_t size = update.indices.size;
  const std::int64_t cols = update.variable.cols;
  if (cols == 0) return;
  const RowWalk<T> walk(update, rule, rounding);
  const std::int64_t row_bytes = cols * static_cast<std::int64_t>(sizeof(T));
  const std::int64_t ahead = std::clamp<std::int64_t>(bytes_ahead / row_bytes, 2, 16);
  const std::int64_t rows_per_task =
      std::max<std::int64_t>(1, elements_per_task / (cols + elements_of_a_way));
  const std::int64_t tasks = (size + rows_per_task - 1) / rows_per_task;
  parallel_for(tasks, num_threads, [&](std::int64_t task, int) {
    const std::int64_t first = task * rows_per_task;
    const std::int64_t last = std::min(first + rows_per_task, size);
    for (std::int64_t i = first; i < std::min(first + ahead, last); ++i) walk.prefetch(i);
    for (std::int64_t i = first; i < last; ++i) {
      if (i + ahead < last) walk.prefetch(i + ahead);
      walk.apply(step, i);
    }
  });
}

// What clipping leaves of the gradients.
double clip_factor(double clip_norm, double norm) {
  require(std::isfinite(norm), "the norm of the gradients is ", norm,
          ", so clip_norm cannot scale them; a value is not finite, or its square overflows");
  return norm > clip_norm ? clip_norm / norm : 1.0;
}

}  // namespace

void check_learning_rate(double learning_rate) {
  require(learning_rate >= 0.0 && std::isfinite(learning_rate), "learning_rate is ", learning_rate,
          "; it must be finite and not negative");
}

void check_clip_norm(double clip_norm) {
  require(clip_norm > 0.0 && std::isfinite(clip_norm), "clip_norm is ", clip_norm,
          "; it must be finite and above zero");
}

void apply_row_updates(const RowRule& rule, std::span<const AnyRowUpdate> updates,
                       double learning_rate, std::optional<double> clip_norm, int num_threads,
                       const std::optional<PhiloxStream>& rounding) {
  check_learning_rate(learning_rate);
  const int threads = resolve_num_threads(num_threads);
  for (const AnyRowUpdate& any : updates) {
    std::visit(
        [&]<class T>(const RowUpdate<T>& update) {
          check_update(update, rule);
          require(!std::is_same_v<T, Bfloat16> || rounding, update.place,
                  "variable has dtype bfloat16, rounding has no value; it must tell by which "
                  "random words results are rounded");
        },
        any);
  }
  double scale = 1.0;
  if (clip_norm) {
    check_clip_norm(*clip_norm);
    scale = clip_factor(*clip_norm, gradient_norm(updates, threads));
  }
  for (std::size_t v = 0; v < updates.size(); ++v) {
    const auto stream = rounding ? rounding_stream(*rounding, v) : RoundingStream{};
    std::visit(
        [&]<class T>(const RowUpdate<T>& update) {
          apply_update(update, rule, RowStep<T>(rule, learning_rate, scale), stream, threads);
        },
        updates[v]);
  }
}

}  // namespace manyclass
