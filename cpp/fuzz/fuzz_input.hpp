// A fuzzer's bytes as sizes, ids and numbers, and what a target says when it finds something.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include "manyclass/bfloat16.hpp"

namespace fuzz {

/// Ends the process, which is how a fuzzer learns of a finding.
inline void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "found: not %s\n", what);
  std::abort();
}

/// Whether a call throws std::invalid_argument. Any other exception is a finding: it gets through.
template <class Call>
bool refused(Call call) {
  try {
    call();
    return false;
  } catch (const std::invalid_argument&) {
    return true;
  }
}

/// Takes bytes from the front; zeros once there are none left.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : bytes_(data, size) {}

  bool is_empty() const { return bytes_.empty(); }

  template <class T>
  T raw() {
    T value{};
    const std::size_t size = std::min(sizeof(T), bytes_.size());
    if (size != 0) std::memcpy(&value, bytes_.data(), size);
    bytes_ = bytes_.subspan(size);
    return value;
  }
  /// Below `end`, at most 256, from one byte.
  int below(int end) { return raw<std::uint8_t>() % end; }
  bool coin() { return below(2) == 1; }
  /// Once in 16 times.
  bool rarely() { return below(16) == 15; }

  /// Mostly in [0, size), else beside it or anywhere.
  std::int64_t id(std::int64_t size) {
    constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
    switch (const int kind = below(64)) {
      case 63:
        return raw<std::int64_t>();
      case 62:
        return size;
      case 61:
        return -1;
      case 60:
        return most;
      case 59:
        return -most - 1;
      default:
        return size < 1 ? 0 : (std::int64_t{kind} * 251 + below(256)) % size;
    }
  }
  /// Mostly of the order of 1, else any bits at all: NaN, infinities, denormals.
  double number() {
    const int kind = below(64);
    if (kind == 63) return raw<double>();
    if (kind == 62) return raw<float>();
    return static_cast<double>(raw<std::int8_t>()) / 32.0;
  }
  /// The same, mostly not negative.
  double weight() {
    const double value = number();
    return rarely() ? value : std::abs(value);
  }

  /// A number as an element of an array.
  template <class T>
  static T stored(double number) {
    if constexpr (std::is_same_v<T, manyclass::Bfloat16>) {
      const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(number));
      return {static_cast<std::uint16_t>(bits >> 16)};
    } else {
      return static_cast<T>(number);
    }
  }

  template <class T>
  std::vector<T> numbers(std::int64_t count) {
    std::vector<T> result(static_cast<std::size_t>(count));
    for (T& value : result) value = stored<T>(number());
    return result;
  }
  template <class T = double>
  std::vector<T> weights(std::int64_t count) {
    std::vector<T> result(static_cast<std::size_t>(count));
    for (T& value : result) value = static_cast<T>(weight());
    return result;
  }
  std::vector<std::int64_t> ids(std::int64_t count, std::int64_t size) {
    std::vector<std::int64_t> result(static_cast<std::size_t>(count));
    for (std::int64_t& value : result) value = id(size);
    return result;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

}  // namespace fuzz
