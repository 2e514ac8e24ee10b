// The exact softmax, ranks and the best classes over any layer: refused with nothing written, or
// answers that can be.
#include "manyclass/full_softmax.hpp"

#include <bit>
#include <set>
#include <type_traits>

#include "fuzz_input.hpp"
#include "manyclass/full_softmax_gradient.hpp"
#include "manyclass/label_ranks.hpp"
#include "manyclass/quantized_top_k.hpp"
#include "problem_of_input.hpp"

namespace {

using namespace manyclass;

constexpr std::int64_t unwritten = -7;

template <class T>
VectorView<T> out(std::vector<T>& values) {
  return {values.data(), std::ssize(values)};
}

template <class T>
std::vector<T> fresh(std::int64_t size) {
  return std::vector<T>(static_cast<std::size_t>(size), T{unwritten});
}

template <class T>
void require_unwritten(const std::vector<T>& values) {
  for (const T value : values) fuzz::require(value == T{unwritten}, "an output left as it was");
}

// Calls call(layer, compute_dtype), for float sometimes with the rows' upper halves as bfloat16.
template <class T, class Call>
void with_layer(fuzz::Input& input, const fuzz::Problem<T>& problem, Call call) {
  const auto computed_in = input.coin() ? ComputeDtype::bfloat16 : ComputeDtype::of_arrays;
  const OutputLayer<T> layer = problem.layer();
  if constexpr (std::is_same_v<T, float>) {
    if (input.coin()) {
      std::vector<std::vector<Bfloat16>> halves;
      std::vector<MatrixView<const Bfloat16>> shards;
      for (std::int64_t p = 0; p < layer.weights.num_shards(); ++p) {
        const MatrixView<const float>& shard = layer.weights.shard(p);
        auto& rows = halves.emplace_back();
        for (std::int64_t i = 0; i < shard.rows * shard.cols; ++i) {
          const auto bits = std::bit_cast<std::uint32_t>(shard.data[i]);
          rows.push_back({static_cast<std::uint16_t>(bits >> 16)});
        }
        shards.push_back({rows.data(), shard.rows, shard.cols, shard.cols});
      }
      const RowsView<const Bfloat16> rows(shards, layer.weights.strategy(), "weights");
      return call(OutputLayer<float, Bfloat16>{rows, layer.biases}, computed_in);
    }
  }
  call(layer, computed_in);
}

template <class T>
void ask_ranks(fuzz::Input& input, const fuzz::Problem<T>& problem, int num_threads,
               bool with_loss) {
  auto ranks = fresh<std::int64_t>(problem.labels.ids_rows() * problem.labels.ids_cols());
  auto loss = fresh<T>(problem.batch);
  if (fuzz::refused([&] {
        with_layer(input, problem, [&](const auto& layer, ComputeDtype computed_in) {
          if (with_loss) {
            full_softmax_loss_and_ranks(layer, problem.examples(), num_threads, out(loss),
                                        out(ranks), computed_in);
          } else {
            label_ranks(layer, problem.examples(), num_threads, out(ranks), computed_in);
          }
        });
      })) {
    require_unwritten(ranks);
    require_unwritten(loss);
    return;
  }
  for (const std::int64_t rank : ranks) {
    fuzz::require(rank >= 1 && rank <= problem.num_classes, "a rank");
  }
}

template <class T>
void ask_loss(fuzz::Input& input, const fuzz::Problem<T>& problem, int num_threads) {
  auto loss = fresh<T>(problem.batch);
  if (fuzz::refused([&] {
        with_layer(input, problem, [&](const auto& layer, ComputeDtype computed_in) {
          full_softmax_loss(layer, problem.examples(), num_threads, out(loss), computed_in);
        });
      })) {
    require_unwritten(loss);
  } else if (problem.is_tame) {
    for (const T value : loss) fuzz::require(value >= T(-1e-3), "a loss from 0 on");
  }
}

// All gradients at once, and row by row: the same bits.
template <class T>
void ask_gradients(fuzz::Input& input, const fuzz::Problem<T>& problem, int num_threads) {
  auto loss = fresh<T>(problem.batch);
  auto grad_weights = fresh<T>(problem.num_classes * problem.dim);
  auto grad_biases = fresh<T>(problem.num_classes);
  auto grad_inputs = fresh<T>(problem.batch * problem.dim);
  const auto matrix = [](std::vector<T>& values, std::int64_t rows, std::int64_t cols) {
    return MatrixView<T>{values.data(), rows, cols, cols};
  };
  const bool at_once = input.coin();
  const std::int64_t rows = input.id(std::max<std::int64_t>(1, problem.num_classes));
  const std::int64_t begin = input.id(problem.num_classes);
  const std::int64_t size = std::clamp<std::int64_t>(rows, 0, problem.num_classes);
  if (fuzz::refused([&] {
        if (at_once) {
          const DenseGradients<T> gradients{
              RowsView<T>(matrix(grad_weights, problem.num_classes, problem.dim)),
              RowsView<T>(matrix(grad_biases, problem.num_classes, 1)),
              matrix(grad_inputs, problem.batch, problem.dim)};
          full_softmax_loss_and_grad(problem.layer(), problem.examples(), problem.grad_loss_view(),
                                     num_threads, out(loss), gradients);
          return;
        }
        FullSoftmaxGradient<T> gradient(problem.layer(), problem.examples(),
                                        problem.grad_loss_view(), num_threads, out(loss));
        std::fill(loss.begin(), loss.end(), T{unwritten});  // given before rows are asked for
        gradient.add_rows(begin, matrix(grad_weights, size, problem.dim),
                          VectorView<T>{grad_biases.data(), size},
                          matrix(grad_inputs, problem.batch, problem.dim));
      })) {
    require_unwritten(loss);
    require_unwritten(grad_weights);
    require_unwritten(grad_biases);
    require_unwritten(grad_inputs);
  } else if (problem.is_tame) {
    for (const T value : grad_inputs) fuzz::require(std::isfinite(value), "a finite gradient");
  }
}

// By a copy in 8 bits, over all classes, the exact answer; over few, classes that are allowed.
void ask_quantized(fuzz::Input& input, const fuzz::Problem<float>& problem,
                   const LabelsView& excluded, int num_threads, std::int64_t k) {
  auto values = fresh<float>(problem.batch * k);
  auto exact = fresh<std::int64_t>(problem.batch * k), indices = exact;
  const auto result = [&](std::vector<std::int64_t>& ids) {
    return TopK<float>{{values.data(), problem.batch, k, k}, {ids.data(), problem.batch, k, k}};
  };
  const OutputLayer<float> layer = problem.layer();
  top_k(layer, problem.inputs_view(), excluded, num_threads, result(exact));
  QuantizedRows quantized(layer.weights, num_threads);
  const auto ask = [&](std::int64_t num_reranked) {
    quantized_top_k(layer, quantized, problem.inputs_view(), num_reranked, excluded, num_threads,
                    result(indices));
  };
  ask(problem.num_classes);
  fuzz::require(indices == exact, "the exact answer");
  const std::int64_t num_reranked = input.id(problem.num_classes);
  if (fuzz::refused([&] { ask(num_reranked); })) return;
  fuzz::require(num_reranked >= k && num_reranked <= problem.num_classes, "so many candidates");
  for (const std::int64_t id : indices) {
    fuzz::require(id >= 0 && id < problem.num_classes, "a class");
  }
}

template <class T>
void ask_top_k(fuzz::Input& input, const fuzz::Problem<T>& problem, int num_threads) {
  const std::int64_t k = input.rarely() ? input.below(30) : 1 + input.below(4);
  auto values = fresh<T>(problem.batch * k), log_probabilities = values;
  auto indices = fresh<std::int64_t>(problem.batch * k);
  const bool excludes = input.coin();
  const TopK<T> result{{values.data(), problem.batch, k, k},
                       {indices.data(), problem.batch, k, k},
                       {log_probabilities.data(), problem.batch, k, k}};
  LabelsView excluded;
  if (fuzz::refused([&] {
        if (excludes) excluded = problem.labels.view();
        with_layer(input, problem, [&](const auto& layer, ComputeDtype computed_in) {
          top_k(layer, problem.inputs_view(), excluded, num_threads, result, computed_in);
        });
      })) {
    require_unwritten(values);
    require_unwritten(log_probabilities);
    require_unwritten(indices);
    return;
  }
  for (std::int64_t i = 0; i < problem.batch; ++i) {
    std::set<std::int64_t> seen;
    if (excluded.size() != 0) {
      for (std::int64_t e = excluded.first(i); e < excluded.first(i + 1); ++e) {
        seen.insert(excluded[e]);
      }
    }
    for (std::int64_t j = 0; j < k; ++j) {
      const std::int64_t id = result.indices.row(i)[j];
      fuzz::require(id >= 0 && id < problem.num_classes, "a class");
      fuzz::require(seen.insert(id).second, "a class once, and not an excluded one");
      fuzz::require(j == 0 || !(result.values.row(i)[j] > result.values.row(i)[j - 1]),
                    "the best class first");
      if (!problem.is_tame) continue;
      fuzz::require(result.log_probabilities.row(i)[j] <= T(1e-4), "a log probability");
    }
  }
  if constexpr (std::same_as<T, float>) {
    ask_quantized(input, problem, excluded, num_threads, k);
  }
}

template <class T>
void run(fuzz::Input& input) {
  const fuzz::Problem<T> problem(input);
  const int num_threads = input.rarely() ? input.raw<std::int16_t>() : 1;
  switch (input.below(5)) {
    case 0:
      return ask_loss(input, problem, num_threads);
    case 1:
      return ask_ranks(input, problem, num_threads, input.coin());
    case 2:
      return ask_gradients(input, problem, num_threads);
    default:
      return ask_top_k(input, problem, num_threads);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_num_threads(1);
  fuzz::Input input(data, size);
  input.coin() ? run<float>(input) : run<double>(input);
  return 0;
}
