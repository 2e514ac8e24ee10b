// The sampled losses, for XLA.
#include <algorithm>
#include <limits>
#include <optional>
#include <stdexcept>

#include "candidates_view.hpp"
#include "graph_samplers.hpp"
#include "manyclass/candidates.hpp"
#include "xla_functions.hpp"
#include "xla_layer.hpp"

namespace manyclass::bindings::xla {

namespace {

// TensorFlow's pair of the two numbers, as `manyclass._seeds` has it.
Seed seed_of(std::uint64_t first, std::uint64_t second) {
  constexpr std::uint64_t modulus = (1U << 31) - 1;
  const Seed seed{first % modulus, second % modulus};
  return seed == Seed{} ? Seed{0, modulus} : seed;
}

// A key of JAX has two words or four.
Seed read_seed(Call& call) {
  const auto words = vector_of<std::uint32_t>(call.argument<std::uint32_t>("seed"), "seed");
  if (words.size == 2) return seed_of(words[0], words[1]);
  if (words.size != 4) refuse_shape({words.size}, "seed", "two words or four");
  const auto joined = [&](int i) { return std::uint64_t{words[i]} << 32 | words[i + 1]; };
  return seed_of(joined(0), joined(2));
}

CountsView read_counts(Call& call, const char* name) {
  return call.is_float64() ? counts_of<double>(call.argument<double>(name), name)
                           : counts_of<float>(call.argument<float>(name), name);
}

// Candidates are given or drawn; without a sampler from one that `fresh` then holds.
Candidates read_candidates(Call& call, std::optional<LogUniformSampler>& fresh) {
  if (!call.flag("draws")) {
    const auto ids = vector_of<std::int64_t>(call.ids("sampled_candidates"), "sampled_candidates");
    const CountsView true_counts = read_counts(call, "true_expected_count");
    return SampledValuesView{ids, true_counts, read_counts(call, "sampled_expected_count")};
  }
  const Seed seed = read_seed(call);
  const std::int64_t num_sampled = call.integer("num_sampled");
  if (!call.flag("has_sampler")) {
    return CandidateDraw{fresh.emplace(call.integer("num_classes"), seed), num_sampled};
  }
  return CandidateDraw{sampler_of({call.integer("sampler"), call.integer("process")}), num_sampled,
                       seed};
}

SampledLossOptions read_options(Call& call) {
  SampledLossOptions options;
  options.remove_accidental_hits = call.flag("remove_accidental_hits");
  options.mask_repeats = call.flag("mask_repeats");
  options.log_q_correction = log_q_correction(call.text("log_q_correction"));
  options.num_threads = static_cast<int>(call.integer("num_threads"));
  return options;
}

template <class T>
struct Step {
  explicit Step(Call& call)
      : layer(read_layer<T>(call)),
        examples(read_examples<T>(call)),
        candidates(read_candidates(call, fresh)),
        options(read_options(call)),
        is_nce(call.text("loss") == "nce_loss") {}

  std::optional<LogUniformSampler> fresh;  // lives as long as what is drawn from it
  OutputLayer<T> layer;
  Examples<T> examples;
  Candidates candidates;
  SampledLossOptions options;
  bool is_nce;
};

template <class T>
void compute_loss(Call& call) {
  const Step<T> step(call);
  const auto function = step.is_nce ? nce_loss<T, T> : sampled_softmax_loss<T, T>;
  const auto loss = result_vector<T>(call, 0, step.examples.inputs.rows);
  with_candidates<T>(step.candidates, step.layer, step.examples, {},
                     [&](const SampledValuesView& sampled) {
                       function(step.layer, step.examples, sampled, step.options, loss);
                     });
}

// Rows of a gradient in `out`, and zeros in the places that are left over.
template <class T>
void put_rows(const manyclass::Buffer<T>& rows, T* out, std::int64_t num_places, std::int64_t dim) {
  T* const end = std::copy_n(rows.data(), rows.size(), out);
  std::fill(end, out + num_places * dim, T{0});
}

template <class T>
void compute_loss_and_rows(Call& call) {
  const Step<T> step(call);
  const auto& inputs = step.examples.inputs;
  const auto grad_loss =
      call.flag("has_grad_loss") ? read_grad_loss<T>(call) : VectorView<const T>{};
  const std::int64_t num_rows = step.layer.weights.num_rows(), dim = step.layer.weights.dim();
  if (num_rows > std::numeric_limits<std::int32_t>::max()) {
    throw std::invalid_argument("weights has " + std::to_string(num_rows) +
                                " rows; those of gradients are numbered in int32");
  }
  const std::int64_t num_places = step.examples.labels.size() + call.integer("num_sampled");
  const auto loss = result_vector<T>(call, 0, inputs.rows);
  auto* const indices = call.result<std::int32_t>(1, {num_places});
  T* const rows = call.result<T>(2, {num_places, dim});
  T* const offsets = call.result<T>(3, {num_places});
  const auto grad_inputs = result_like(call, 4, inputs);

  const auto function = step.is_nce ? nce_loss_and_grad<T, T> : sampled_softmax_loss_and_grad<T, T>;
  SampledGradients<T> gradients;
  with_candidates<T>(step.candidates, step.layer, step.examples, grad_loss,
                     [&](const SampledValuesView& sampled) {
                       if (sampled.sampled_candidates.size != call.integer("num_sampled")) {
                         throw std::invalid_argument("sampled_candidates has another size");
                       }
                       gradients = function(step.layer, step.examples, sampled, step.options,
                                            grad_loss, loss, grad_inputs);
                     });
  const auto& touched = gradients.weights.indices;
  std::transform(touched.data(), touched.data() + touched.size(), indices,
                 [](std::int64_t row) { return static_cast<std::int32_t>(row); });
  std::fill(indices + touched.size(), indices + num_places, static_cast<std::int32_t>(num_rows));
  put_rows(gradients.weights.values, rows, num_places, dim);
  put_rows(gradients.biases.values, offsets, num_places, 1);
}

}  // namespace

void compute_sampled_loss(Call& call) {
  with_float_type(call, [&]<class T>() { compute_loss<T>(call); });
}

void compute_sampled_loss_and_rows(Call& call) {
  with_float_type(call, [&]<class T>() { compute_loss_and_rows<T>(call); });
}

}  // namespace manyclass::bindings::xla
