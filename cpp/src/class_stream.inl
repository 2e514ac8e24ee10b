#include <algorithm>

#include "kernels/kernel_table.hpp"
#include "manyclass/threads.hpp"

namespace manyclass {

template <class T>
template <class Work>
void ClassStream<T>::for_each_chunk(Work work) {
  for (std::int64_t first = 0; first < inputs_.rows; first += most_lanes) {
    load(first, std::min(most_lanes, inputs_.rows - first));
    work(first);
  }
}

template <class T>
template <class Visit>
void ClassStream<T>::for_each_block(Visit visit) {
  for_each_empty_block([&](const ClassBlock<T>& block) {
    fill_block(block.position, block.size, block.thread, block.logits);
    visit(block);
  });
}

template <class T>
template <class FillAndVisit>
void ClassStream<T>::for_each_empty_block(FillAndVisit fill_and_visit) {
  parallel_for(num_segments_, num_threads_, [&](std::int64_t segment, int t) {
    T* logits = logits_ + t * block_classes * most_lanes;
    std::int64_t position = begin_ + segment * segment_classes_;
    const std::int64_t end = std::min(position + segment_classes_, end_);
    while (position < end) {
      poll_interrupt();
      const std::int64_t size =
          classes_.run_length(position, std::min(block_classes, end - position));
      fill_and_visit(ClassBlock<T>{segment, t, position, size, lanes(), logits});
      position += size;
    }
  });
}

}  // namespace manyclass
