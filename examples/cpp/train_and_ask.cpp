// Trains a layer of 10,000 classes with sampled softmax, then asks it for the best classes.
#include <cstdio>
#include <vector>

#include "manyclass/top_k.hpp"
#include "manyclass/train_step.hpp"

using namespace manyclass;

// A view of memory that is yours: data, rows, columns, and elements from one row to the next.
MatrixView<float> matrix(std::vector<float>& numbers, std::int64_t cols) {
  return {numbers.data(), static_cast<std::int64_t>(numbers.size()) / cols, cols, cols};
}

int main() {
  const std::int64_t num_classes = 10000, dim = 32, batch = 128, num_sampled = 256, k = 3;
  std::vector<float> weights(num_classes * dim), biases(num_classes);
  std::vector<float> weight_state(weights.size()), bias_state(biases.size());  // Adagrad's: zeros
  std::vector<float> inputs(batch * dim), grad_inputs(inputs.size()), loss(batch), values(k);
  std::vector<std::int64_t> labels(batch), classes(k);
  const TrainedLayer<float> layer{{RowsView(matrix(weights, dim)), {{matrix(weight_state, dim)}}},
                                  {RowsView(matrix(biases, 1)), {{matrix(bias_state, 1)}}}};
  const Examples<float> examples{MatrixView<const std::int64_t>{labels.data(), batch, 1, 1},
                                 matrix(inputs, dim)};

  LogUniformSampler sampler(num_classes, Seed{1, 2}), data(num_classes, Seed{3, 4});
  const UpdateOptions adagrad{RowRule(Adagrad{}), 0.5};
  for (int step = 0; step < 1000; ++step) {
    data.draw(labels);
    for (std::int64_t i = 0; i < batch * dim; ++i) {  // your model's output; here, bits of a hash
      const auto label = static_cast<std::uint32_t>(labels[i / dim]);
      const bool bit = philox4x32_10({}, {label, static_cast<std::uint32_t>(i % dim)})[0] & 1;
      inputs[i] = bit ? 1.0f : -1.0f;
    }
    sampled_softmax_train_step<float>(layer, examples, CandidateDraw{sampler, num_sampled}, {},
                                      adagrad, {}, {loss.data(), batch}, matrix(grad_inputs, dim));
  }

  const auto first = matrix(inputs, dim).middle_rows(0, 1);
  top_k<float>({layer.weights.rows, layer.biases.rows}, first, {}, 0,
               {matrix(values, k), {classes.data(), 1, k, k}});
  std::printf("of class %d, the best are", static_cast<int>(labels[0]));
  for (int j = 0; j < k; ++j) std::printf(" %d (%.1f)", static_cast<int>(classes[j]), values[j]);
  std::printf("\n");
}
