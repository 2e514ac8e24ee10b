// What all functions that answer the best classes check of the room for the answer, and how they
// write it.
#pragma once

#include <cstdint>

#include "best_classes.hpp"
#include "manyclass/top_k.hpp"

namespace manyclass {

/// Throws std::invalid_argument unless the arrays of the result are [batch, k] and each example has
/// k classes that are not excluded.
template <class T>
void check_result(const TopK<T>& result, std::int64_t batch, const ExcludedClasses& excluded,
                  std::int64_t num_classes);

/// Writes the k best of example i, which come best first.
template <class T>
void write_best(const ScoredClass<T>* best, std::int64_t i, const TopK<T>& result);

}  // namespace manyclass
