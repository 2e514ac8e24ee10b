// What the tests of kernels share: data, and every target that runs here.
#pragma once

#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "kernels/targets.hpp"

namespace manyclass::kernels {

template <class T>
const KernelTable<T>& table_of(const Target& target);
template <>
inline const KernelTable<float>& table_of(const Target& target) {
  return *target.table_float;
}
template <>
inline const KernelTable<double>& table_of(const Target& target) {
  return *target.table_double;
}

template <class T>
const KernelTable<T>& reference();
template <>
inline const KernelTable<float>& reference() {
  return reference_float;
}
template <>
inline const KernelTable<double>& reference() {
  return reference_double;
}

// Not at the null pointer even if there are none: kernels move along their operands.
template <class T>
std::vector<T> zeros(std::size_t size) {
  std::vector<T> values;
  values.reserve(size + 1);
  values.resize(size);
  return values;
}

// Small integers: products and sums are exact, so that every order gives the same bits.
template <class T>
std::vector<T> integers(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  auto values = zeros<T>(size);
  for (T& value : values) value = static_cast<T>(int(random() % 9) - 4);
  return values;
}

template <class T>
std::vector<T> reals(std::size_t size, double low, double high, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  auto values = zeros<T>(size);
  for (T& value : values) value = static_cast<T>(uniform(random));
  return values;
}

template <class T, class Check>
void on_every_target(Check check) {
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    check(table_of<T>(target));
  }
}

}  // namespace manyclass::kernels
