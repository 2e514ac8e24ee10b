// Calls whose allocations fail, one after another: std::bad_alloc arrives, nothing that is trained
// and no sampler has moved, nothing is leaked, and the same call then gives the bits of one that
// never failed. Outputs are open where a call throws.
#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "failing_memory.hpp"
#include "manyclass/buffer.hpp"
#include "manyclass/candidates.hpp"
#include "scratch.hpp"

namespace manyclass {

using Bytes = std::string;

// What is shown of results is not part of what may fail.
template <class T>
Bytes bytes_of(const T* data, std::size_t size) {
  MemoryFailure::end();
  return {reinterpret_cast<const char*>(data), size * sizeof(T)};
}
template <class T>
Bytes bytes_of(const std::vector<T>& values) {
  return bytes_of(values.data(), values.size());
}
template <class T>
Bytes bytes_of(const Buffer<T>& values) {
  return bytes_of(values.data(), static_cast<std::size_t>(values.size()));
}
template <class T>
Bytes bytes_of(const SampledValuesOf<T>& values) {
  return bytes_of(values.sampled_candidates) + bytes_of(values.true_expected_count) +
         bytes_of(values.sampled_expected_count);
}
inline Bytes stream_of(const Sampler& sampler) {
  const PhiloxStream stream = sampler.stream();
  const std::uint64_t place[] = {stream.seed().first, stream.seed().second, stream.block()};
  return bytes_of(place, 3);
}

// Something to call, what must not move when that fails, and what it gives.
struct Attempt {
  std::function<Bytes()> call;
  std::function<Bytes()> kept = [] { return Bytes(); };
};
using Make = std::function<Attempt()>;

// Takes the memory that earlier calls left for later ones.
struct NoKeptScratch {
  Scratch held[5];
};

// Returns how many allocations were made to fail.
inline int fail_each(const Make& make, bool lasts) {
  const Attempt untouched = make();
  const Bytes expected = untouched.call();
  const Bytes expected_kept = untouched.kept();
  for (int n = 1;; ++n) {
    CAPTURE(n);
    const NoKeptScratch none;
    const Attempt attempt = make();
    const Bytes before = attempt.kept();
    std::optional<Bytes> result;
    bool happened = false;
    {
      const MemoryFailure failure(n, lasts);
      try {
        result = attempt.call();
      } catch (const std::bad_alloc&) {
      }
      happened = failure.happened();
    }
    if (!result) {
      REQUIRE(happened);
      REQUIRE((attempt.kept() == before));
      result = attempt.call();
    }
    REQUIRE((*result == expected));
    REQUIRE((attempt.kept() == expected_kept));
    if (!happened) return n - 1;
  }
}

inline void check(const char* name, const Make& make) {
  const std::string shown = name;
  CAPTURE(shown);
  fail_each(make, false);
  const std::int64_t held = allocations_held();
  const int failures = fail_each(make, false);
  CHECK(allocations_held() == held);
  CHECK(failures > 0);
  fail_each(make, true);
  CHECK(allocations_held() == held);
}

}  // namespace manyclass
