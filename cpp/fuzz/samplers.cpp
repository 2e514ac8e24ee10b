// Samplers of any kind, size and weights: what is drawn lies in range, and what is refused leaves
// the stream where it was.
#include "manyclass/samplers.hpp"

#include <memory>
#include <set>

#include "fuzz_input.hpp"
#include "manyclass/alias_sampler.hpp"
#include "manyclass/learned_unigram_sampler.hpp"
#include "manyclass/mixture_sampler.hpp"
#include "views_of_input.hpp"

namespace {

using namespace manyclass;

constexpr std::int64_t most_classes = 300;  // that take memory, but for a few
constexpr std::int64_t most_sampled = 40;

Seed read_seed(fuzz::Input& input) {
  return {input.raw<std::uint8_t>(), input.rarely() ? input.raw<std::uint64_t>() : 0};
}

std::vector<double> read_weights(fuzz::Input& input) {
  auto weights = input.weights(input.below(20));
  // Blocks of AliasSampler are of 4,096 classes.
  if (input.rarely() && input.raw<std::uint16_t>() == 54321) weights.resize(5000, 0.5);
  return weights;
}

// A size that is small, or one that is refused or takes no memory.
std::int64_t read_size(fuzz::Input& input, std::int64_t refused_from) {
  const std::int64_t size = input.id(most_classes);
  return size > most_classes && size < refused_from ? size % most_classes : size;
}

std::shared_ptr<Sampler> make_sampler(fuzz::Input& input, int depth) {
  const Seed seed = read_seed(input);
  switch (input.below(depth == 0 ? 6 : 5)) {
    case 0:
      return std::make_shared<UniformSampler>(input.id(most_classes), seed);
    case 1:
      return std::make_shared<LogUniformSampler>(input.id(most_classes), seed);
    case 2: {
      const auto counts = read_weights(input);
      UnigramOptions options;
      if (input.coin()) options.distortion = input.number();
      if (input.coin()) options.num_reserved_ids = read_size(input, std::int64_t{1} << 31);
      if (input.coin()) options.num_shards = input.id(5);
      // A shard of many has few enough of any number of reserved ids to be an order for memory.
      if (options.num_shards > 1 && options.num_reserved_ids > most_classes) {
        options.num_reserved_ids %= most_classes;
      }
      options.shard = input.id(options.num_shards);
      if (input.coin()) return std::make_shared<UnigramSampler>(view_of(counts), options, seed);
      const std::vector<float> narrow(counts.begin(), counts.end());
      return std::make_shared<UnigramSampler>(view_of(narrow), options, seed);
    }
    case 3:
      return std::make_shared<AliasSampler>(view_of(read_weights(input)), seed);
    case 4: {
      constexpr std::int64_t refused_from = (std::int64_t{1} << 31) - 1;
      return std::make_shared<LearnedUnigramSampler>(read_size(input, refused_from), seed);
    }
    default: {
      std::vector<MixturePart> parts;
      for (int i = input.below(4); i > 0; --i) {
        parts.push_back({make_sampler(input, depth + 1), input.weight()});
      }
      return std::make_shared<MixtureSampler>(std::move(parts), seed);
    }
  }
}

template <class T>
void check_values(const SampledValuesOf<T>& values, const Sampler& sampler,
                  const LabelsView& labels, std::int64_t num_sampled, bool unique) {
  fuzz::require(std::ssize(values.sampled_candidates) == num_sampled &&
                    std::ssize(values.sampled_expected_count) == num_sampled &&
                    std::ssize(values.true_expected_count) == labels.size(),
                "the sizes that were asked for");
  for (const std::int64_t id : values.sampled_candidates) {
    fuzz::require(id >= 0 && id < sampler.num_classes(), "a class");
    fuzz::require(sampler.probability(id) > 0.0, "a class that can be drawn");
  }
  const std::set<std::int64_t> different(values.sampled_candidates.begin(),
                                         values.sampled_candidates.end());
  fuzz::require(!unique || std::ssize(different) == num_sampled, "unique candidates");
  const T most = static_cast<T>(num_sampled) * T(1.001);
  for (const T count : values.sampled_expected_count) {
    fuzz::require(count >= T{0} && count <= most, "an expected count of a candidate");
  }
  for (const T count : values.true_expected_count) {
    fuzz::require(count >= T{0} && count <= most, "an expected count of a true class");
  }
}

// Where some classes are far likelier than others, unique candidates take up to 65,536 draws: too
// slow here, and tried by tests/test_samplers.py.
bool is_skewed(const Sampler& sampler) {
  double least = 1.0, most = 0.0;
  for (std::int64_t c = 0; c < std::min<std::int64_t>(sampler.num_classes(), 32); ++c) {
    const double p = sampler.probability(c);
    most = std::max(most, p);
    if (p > 0.0) least = std::min(least, p);
  }
  return most > 100.0 * least;
}

template <class T>
void sample(fuzz::Input& input, Sampler& sampler) {
  const fuzz::ReadLabels read(input, sampler.num_classes());
  std::int64_t num_sampled = input.id(most_sampled);
  const bool unique = input.coin() && !is_skewed(sampler);
  // Not unique, any number up to 2^31 - 1 is an order for memory.
  if (num_sampled > most_sampled && num_sampled <= 0x7fffffff) num_sampled = most_sampled;
  if (unique && num_sampled > sampler.num_classes()) num_sampled = sampler.num_classes() + 1;
  const auto seed = input.coin() ? std::optional(read_seed(input)) : std::nullopt;
  const PhiloxStream before = sampler.stream();
  SampledValuesOf<T> values;
  LabelsView labels;
  if (fuzz::refused([&] {
        labels = read.view();
        values = sampler.sample<T>(labels, num_sampled, unique, seed);
      })) {
    fuzz::require(sampler.stream() == before, "the stream as before a refusal");
  } else {
    check_values(values, sampler, labels, num_sampled, unique);
  }
}

void draw(fuzz::Input& input, Sampler& sampler) {
  std::vector<std::int64_t> ids(static_cast<std::size_t>(input.below(100)), -1);
  const PhiloxStream before = sampler.stream();
  if (fuzz::refused([&] { sampler.draw(ids); })) {
    fuzz::require(sampler.stream() == before, "the stream as before a refusal");
    return;
  }
  for (const std::int64_t id : ids) {
    fuzz::require(id >= 0 && id < sampler.num_classes(), "a class");
  }
}

void ask_probabilities(fuzz::Input& input, const Sampler& sampler) {
  const auto ids = input.ids(input.below(10), sampler.num_classes());
  std::vector<double> p(ids.size());
  if (fuzz::refused([&] { sampler.probabilities(view_of(ids), p); })) return;
  for (const double value : p) fuzz::require(value >= 0.0 && value <= 1.0, "a probability");
}

void change_weights(fuzz::Input& input, Sampler& sampler) {
  if (auto* alias = dynamic_cast<AliasSampler*>(&sampler)) {
    const auto before = alias->weights();
    const auto weights = read_weights(input);
    const bool grows = input.coin();
    auto ids = input.ids(std::ssize(weights), grows ? 2 * most_classes : alias->num_classes());
    for (std::int64_t& id : ids) {
      if (id > 2 * most_classes && id < std::int64_t{1} << 32) id %= most_classes;
    }
    if (input.rarely()) ids.push_back(0);
    if (fuzz::refused([&] {
          if (input.rarely()) return alias->set_weights(view_of(weights));
          alias->update(view_of(ids), view_of(weights));
        })) {
      fuzz::require(alias->weights() == before, "the weights as before a refusal");
    }
  } else if (auto* learned = dynamic_cast<LearnedUnigramSampler*>(&sampler)) {
    const auto before = learned->weights();
    const auto size = input.rarely() ? input.below(20) : learned->num_classes();
    const auto weights = input.ids(std::min(size, most_classes), 1000);
    if (fuzz::refused([&] { learned->set_weights(view_of(weights)); })) {
      fuzz::require(learned->weights() == before, "the weights as before a refusal");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  set_num_threads(1);
  fuzz::Input input(data, size);
  std::shared_ptr<Sampler> sampler;
  if (fuzz::refused([&] { sampler = make_sampler(input, 0); })) return 0;
  for (int calls = 0; calls < 8 && !input.is_empty(); ++calls) {
    switch (input.below(6)) {
      case 0:
        draw(input, *sampler);
        break;
      case 1:
        ask_probabilities(input, *sampler);
        break;
      case 2:
        change_weights(input, *sampler);
        break;
      case 3:
        sample<double>(input, *sampler);
        break;
      case 4:
        sampler->set_stream(PhiloxStream(read_seed(input), input.raw<std::uint64_t>()));
        break;
      default:
        sample<float>(input, *sampler);
    }
  }
  return 0;
}
