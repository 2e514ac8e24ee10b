#include "phase_clock.hpp"

#include <cstdint>

namespace manyclass {

std::atomic<bool> phases_recorded{false};

const std::array<const char*, num_phases> phase_names = {
    "draw", "plan", "gather", "logits", "loss", "grad_inputs", "grad_candidates", "sum_by_class"};

namespace {

std::array<std::atomic<std::int64_t>, num_phases> nanoseconds{};

}  // namespace

void add_to_phase(Phase phase, std::chrono::steady_clock::duration time) {
  const auto count = std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
  nanoseconds[static_cast<std::size_t>(phase)].fetch_add(count, std::memory_order_relaxed);
}

void record_phases(bool on) {
  if (on) {
    for (auto& total : nanoseconds) total.store(0, std::memory_order_relaxed);
  }
  phases_recorded.store(on, std::memory_order_relaxed);
}

std::array<double, num_phases> phase_seconds() {
  std::array<double, num_phases> seconds;
  for (std::size_t p = 0; p < num_phases; ++p) {
    seconds[p] = 1e-9 * static_cast<double>(nanoseconds[p].load(std::memory_order_relaxed));
  }
  return seconds;
}

}  // namespace manyclass
