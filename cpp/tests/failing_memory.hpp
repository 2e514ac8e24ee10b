// Memory that runs out when a test wants it to, in every thread of this program.
#pragma once

#include <cstdint>

/// While it lives, the n-th allocation from its making on fails, and so do all later ones if
/// `lasts` is set: operator new of every kind, and calloc.
class MemoryFailure {
 public:
  explicit MemoryFailure(std::int64_t n, bool lasts = false);
  ~MemoryFailure();
  MemoryFailure(const MemoryFailure&) = delete;
  MemoryFailure& operator=(const MemoryFailure&) = delete;

  /// Allocations succeed from here on.
  static void end();
  /// Whether an allocation has failed.
  bool happened() const;
};

/// Allocations that were not given back.
std::int64_t allocations_held();
