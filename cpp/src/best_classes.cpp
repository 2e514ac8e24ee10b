#include "best_classes.hpp"

#include <algorithm>
#include <limits>

#include "kernels/kernel_table.hpp"

namespace manyclass {

namespace {

template <class T>
bool is_ahead(const ScoredClass<T>& a, const ScoredClass<T>& b) {
  return a.is_ahead_of(b);
}

}  // namespace

template <class T>
BestClasses<T>::BestClasses(const Partition& classes, const ExcludedClasses& excluded,
                            std::int64_t k, std::int64_t most_examples, int num_threads,
                            Scratch& scratch)
    : classes_(classes),
      excluded_(excluded),
      k_(k),
      most_examples_(most_examples),
      num_threads_(num_threads),
      heaps_(scratch.take<ScoredClass<T>>(most_examples * num_threads * k)),
      counts_(scratch.take<std::int64_t>(most_examples * num_threads)) {}

template <class T>
void BestClasses<T>::reset(std::int64_t first, std::int64_t size) {
  first_ = first;
  size_ = size;
  std::fill_n(counts_, most_examples_ * num_threads_, 0);
}

template <class T>
void BestClasses<T>::add(const ClassBlock<T>& block) {
  alignas(64) T most[ClassStream<T>::most_lanes];
  std::fill_n(most, block.lanes, -std::numeric_limits<T>::infinity());
  kernels::table<T>().column_max(block.logits, block.size, block.lanes, most);
  for (std::int64_t l = 0; l < size_; ++l) {
    const bool full = counts_[l * num_threads_ + block.thread] == k_;
    // Nothing is below NaN, so all is looked at where the worst of the best is one.
    if (!full || !(most[l] < heap(block.thread, l)->logit)) add_column(block, l);
  }
}

template <class T>
void BestClasses<T>::add_column(const ClassBlock<T>& block, std::int64_t l) {
  ScoredClass<T>* best = heap(block.thread, l);
  std::int64_t& count = counts_[l * num_threads_ + block.thread];
  for (std::int64_t r = 0; r < block.size; ++r) {
    const T logit = block.logits[r * block.lanes + l];
    if (count == k_ && logit < best->logit) continue;
    const ScoredClass<T> scored{logit, classes_.class_at(block.position + r)};
    if (count == k_ && !scored.is_ahead_of(*best)) continue;
    if (excluded_.contains(first_ + l, scored.class_id)) continue;
    if (count == k_) {
      std::pop_heap(best, best + k_, is_ahead<T>);
    } else {
      ++count;
    }
    best[count - 1] = scored;
    std::push_heap(best, best + count, is_ahead<T>);
  }
}

template <class T>
std::span<ScoredClass<T>> BestClasses<T>::sorted(std::int64_t l) {
  ScoredClass<T>* best = heap(0, l);
  ScoredClass<T>* end = best;  // the threads' heaps moved together
  for (int t = 0; t < num_threads_; ++t) {
    end = std::copy_n(heap(t, l), counts_[l * num_threads_ + t], end);
  }
  ScoredClass<T>* last = best + std::min<std::int64_t>(k_, end - best);
  std::partial_sort(best, last, end, is_ahead<T>);
  return {best, last};
}

template class BestClasses<float>;
template class BestClasses<double>;

}  // namespace manyclass
