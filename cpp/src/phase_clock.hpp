// Measures the phases of a step, for record_phases.
#pragma once

#include <atomic>
#include <chrono>

#include "manyclass/phase_times.hpp"

namespace manyclass {

extern std::atomic<bool> phases_recorded;

void add_to_phase(Phase phase, std::chrono::steady_clock::duration time);

/// Adds the time until it is stopped, until the next phase or its own end, to a phase.
class PhaseClock {
 public:
  explicit PhaseClock(Phase phase)
      : phase_(phase), on_(phases_recorded.load(std::memory_order_relaxed)) {
    if (on_) start_ = Clock::now();
  }
  ~PhaseClock() { stop(); }
  PhaseClock(const PhaseClock&) = delete;
  PhaseClock& operator=(const PhaseClock&) = delete;

  void next(Phase phase) {
    if (on_) {
      const Clock::time_point now = Clock::now();
      add_to_phase(phase_, now - start_);
      start_ = now;
    }
    phase_ = phase;
  }
  void stop() {
    if (on_) add_to_phase(phase_, Clock::now() - start_);
    on_ = false;
  }

 private:
  using Clock = std::chrono::steady_clock;
  Phase phase_;
  bool on_;
  Clock::time_point start_;
};

}  // namespace manyclass
