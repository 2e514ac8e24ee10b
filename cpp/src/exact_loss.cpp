#include "exact_loss.hpp"

namespace manyclass {

template <class T>
ExactLoss<T>::ExactLoss(std::int64_t num_classes, double label_smoothing,
                        const ClassStream<T>& stream, Scratch& scratch)
    : smoothing_(label_smoothing),
      softmax_(stream.num_segments(), scratch),
      mean_(num_classes, stream.num_segments(), scratch) {}

template <class T>
void ExactLoss<T>::reset() {
  softmax_.reset();
  mean_.reset();
}

template <class T>
void ExactLoss<T>::add(const ClassBlock<T>& block) {
  if (smoothing_ > 0.0) mean_.add(block);
  softmax_.add(block);
}

template <class T>
void ExactLoss<T>::walk(ClassStream<T>& stream) {
  reset();
  stream.for_each_block([&](const ClassBlock<T>& block) { add(block); });
}

template <class T>
void ExactLoss<T>::write(const ChunkLabels<T>& labels, std::int64_t size,
                         VectorView<T> loss) const {
  const LabelTargets<T>& targets = labels.targets;
  for (std::int64_t l = 0; l < size; ++l) {
    const double logsumexp = softmax_.total(l).logsumexp();
    double gap = 0.0;
    for (std::int64_t e = targets.begin(l); e < targets.begin(l + 1); ++e) {
      gap += double{targets.weights[e]} * (logsumexp - double{labels.logits[e]});
    }
    gap = (1.0 - smoothing_) * gap / double{targets.divisors[l]};
    if (smoothing_ > 0.0) {
      gap += smoothing_ * double{targets.mass(l)} * (logsumexp - mean_.of(l));
    }
    loss[l] = static_cast<T>(gap);
  }
}

template class ExactLoss<float>;
template class ExactLoss<double>;

}  // namespace manyclass
