// A layer and examples for it, as a fuzzer's bytes have them.
#pragma once

#include <bit>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "manyclass/sampled_loss.hpp"
#include "views_of_input.hpp"

namespace fuzz {

/// Equal as bytes, NaN and all.
template <class T>
bool same_bits(const std::vector<std::vector<T>>& a, const std::vector<std::vector<T>>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
    return x.size() == y.size() &&
           (x.empty() || std::memcmp(x.data(), y.data(), x.size() * sizeof(T)) == 0);
  });
}

template <class T>
bool is_tame_number(T value) {
  if constexpr (std::is_same_v<T, manyclass::Bfloat16>) {
    return std::abs(std::bit_cast<float>(std::uint32_t{value.bits} << 16)) <= 8.0F;
  } else {
    return std::abs(value) <= T{8};
  }
}

/// Rows of weights of W, all else of T.
template <class T, class W = T>
struct Problem {
  std::int64_t num_classes, dim, num_shards;
  ReadTable<W> weights;
  ReadTable<T> biases;
  ReadLabels labels;
  std::int64_t batch;
  std::vector<T> inputs, label_weights, grad_loss;
  double label_smoothing;
  bool is_tame = true;  // whether all numbers are of the order of 1

  explicit Problem(Input& input)
      : num_classes(input.below(20)),
        dim(input.below(6)),
        num_shards(input.coin() ? 1 : 1 + input.below(3)),
        weights(input, num_classes, dim, static_cast<int>(num_shards)),
        biases(input, num_classes, 1, static_cast<int>(num_shards)),
        labels(input, num_classes),
        batch(input.rarely() ? input.below(4) : labels.batch()),
        inputs(input.numbers<T>(batch * dim)),
        label_smoothing(input.coin() ? 0.0 : input.weight()) {
    num_classes = weights.num_rows();
    if (input.coin()) label_weights = input.weights<T>(labels.ids_rows() * labels.ids_cols());
    if (input.coin()) grad_loss = input.numbers<T>(input.rarely() ? input.below(4) : batch);
    const auto look = [this](const auto& numbers) {
      for (const auto value : numbers) is_tame = is_tame && is_tame_number(value);
    };
    for (const auto& shard : weights.numbers()) look(shard);
    for (const auto& shard : biases.numbers()) look(shard);
    look(inputs);
    look(label_weights);
    look(grad_loss);
  }

  manyclass::OutputLayer<T, W> layer() const { return {weights.view(), biases.view()}; }
  manyclass::MatrixView<const T> inputs_view() const { return {inputs.data(), batch, dim, dim}; }
  manyclass::VectorView<const T> grad_loss_view() const {
    return grad_loss.empty() ? manyclass::VectorView<const T>{} : manyclass::view_of(grad_loss);
  }
  manyclass::Examples<T> examples() const {
    manyclass::Examples<T> examples{labels.view(), inputs_view()};
    if (!label_weights.empty()) {
      const auto cols = labels.ids_cols();
      examples.label_weights = {label_weights.data(), labels.ids_rows(), cols, cols};
    }
    examples.label_smoothing = label_smoothing;
    return examples;
  }
};

}  // namespace fuzz
