#include "manyclass/samplers.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <mutex>
#include <numeric>

#include "kernels/random_kernels.hpp"
#include "label_checks.hpp"
#include "phase_clock.hpp"

namespace manyclass {

namespace {

// TensorFlow sets 2048 words a draw aside for every call, used or not; four words are a block.
constexpr std::uint64_t blocks_per_draw = 2048 / 4;

constexpr std::int64_t most_log_uniform = std::int64_t{1} << 62;  // doubles stay below 2^63
constexpr std::size_t counts_per_batch = 256;
constexpr std::size_t draws_per_batch = 512;
constexpr std::int64_t most_sampled = std::numeric_limits<std::int32_t>::max();

// With the p that TensorFlow takes for float32, the exact one for double.
template <class T>
T expected_count(T p, std::int64_t num_sampled, std::int64_t num_draws) {
  if (num_draws == num_sampled) return p * static_cast<T>(num_sampled);
  return -std::expm1(static_cast<T>(num_draws) * std::log1p(-p));
}

// The same for many in float32, by the vector kernel wherever p is not large.
void expected_counts(std::span<const float> p, std::int64_t num_sampled, std::int64_t num_draws,
                     float* counts) {
  if (num_draws == num_sampled) {
    for (std::size_t i = 0; i < p.size(); ++i) counts[i] = p[i] * static_cast<float>(num_sampled);
    return;
  }
  kernels::random_table().count_of_repeated(p.data(), static_cast<std::int64_t>(p.size()),
                                            static_cast<float>(num_draws), counts);
  for (std::size_t i = 0; i < p.size(); ++i) {
    if (p[i] > kernels::largest_count_p) counts[i] = expected_count(p[i], num_sampled, num_draws);
  }
}

// Calls `visit` with stretches of entries that are contiguous: all at once where rows are.
template <class Visit>
void for_each_run(MatrixView<const std::int64_t> matrix, Visit visit) {
  const auto cols = static_cast<std::size_t>(matrix.cols);
  if (matrix.row_stride == matrix.cols) {
    visit(std::span(matrix.data, static_cast<std::size_t>(matrix.rows) * cols));
    return;
  }
  for (std::int64_t i = 0; i < matrix.rows; ++i) visit(std::span(matrix.row(i), cols));
}

void check_num_sampled(std::int64_t num_sampled) {
  require(num_sampled >= 1, "num_sampled is ", num_sampled, "; it must be at least 1");
  require(num_sampled <= most_sampled, "num_sampled is ", num_sampled, "; it must be at most ",
          most_sampled);
}

}  // namespace

Sampler::Sampler(std::int64_t num_classes, Seed seed) : num_classes_(num_classes), stream_(seed) {
  require(num_classes >= 1, "num_classes is ", num_classes, "; it must be at least 1");
}

float Sampler::count_probability(std::int64_t class_id) const {
  return static_cast<float>(probability_of(class_id));
}

std::uint64_t Sampler::blocks_of_call(std::int64_t num_draws) const {
  return static_cast<std::uint64_t>(num_draws) * blocks_per_draw;
}

PhiloxStream Sampler::stream() const {
  const std::lock_guard lock(mutex_);
  return stream_;
}

void Sampler::set_stream(PhiloxStream stream) {
  const std::lock_guard lock(mutex_);
  stream_ = stream;
}

PhiloxStream Sampler::Stretch::reserve(std::int64_t num_draws, std::optional<Seed> seed) {
  const std::lock_guard lock(sampler_.mutex_);
  PhiloxStream& stream = sampler_.stream_;
  before_ = stream;
  if (seed) stream = PhiloxStream(*seed);
  const PhiloxStream first = stream;
  stream.skip(sampler_.blocks_of_call(num_draws));
  after_ = stream;
  return first;
}

Sampler::Stretch::~Stretch() {
  if (!before_) return;
  const std::lock_guard lock(sampler_.mutex_);
  if (sampler_.stream_ == *after_) sampler_.stream_ = *before_;
}

std::vector<std::shared_lock<ForkSafeMutex>> Sampler::hold_still() const {
  std::vector<ForkSafeMutex*> mutexes;
  add_mutexes(mutexes);
  // Each once and in one order: a mixture may hold the same sampler twice.
  std::sort(mutexes.begin(), mutexes.end(), std::less<>());
  mutexes.erase(std::unique(mutexes.begin(), mutexes.end()), mutexes.end());
  std::vector<std::shared_lock<ForkSafeMutex>> locks;
  locks.reserve(mutexes.size());
  for (ForkSafeMutex* mutex : mutexes) locks.emplace_back(*mutex);
  return locks;
}

double Sampler::probability(std::int64_t class_id) const {
  const auto still = hold_still();
  return probability_of(class_id);
}

void Sampler::probabilities(VectorView<const std::int64_t> ids, std::span<double> out) const {
  const auto still = hold_still();
  for (std::int64_t i = 0; i < ids.size; ++i) {
    require_class(ids[i], num_classes(), "ids[", i, "]");
    out[static_cast<std::size_t>(i)] = probability_of(ids[i]);
  }
}

void Sampler::check_sample(const LabelsView& true_classes, std::int64_t num_sampled, bool unique,
                           std::string_view argument) const {
  check_num_sampled(num_sampled);
  require(!unique || num_sampled <= num_classes(), "num_sampled is ", num_sampled,
          ", more than num_classes ", num_classes(), " with unique candidates");
  check_usable();
  if (unique && !can_draw(num_sampled)) {
    refuse("num_sampled is ", num_sampled, " with unique candidates, but only ", num_drawable(),
           " of ", num_classes(), " classes have a probability above zero");
  }
  check_labels(true_classes, num_classes(), argument);
}

// Labels were checked, but another thread may write where they are.
std::int64_t Sampler::still_class(std::int64_t id) const {
  require_class(id, num_classes(), "a true class that changed during the call");
  return id;
}

void Sampler::count_probabilities(std::span<const std::int64_t> ids, float* p) const {
  for (std::size_t i = 0; i < ids.size(); ++i) p[i] = count_probability(ids[i]);
}

void Sampler::add_counts(std::span<const std::int64_t> ids, std::int64_t num_sampled,
                         std::int64_t num_draws, std::vector<float>& counts) const {
  const std::size_t first = counts.size();
  counts.resize(first + ids.size());
  std::int64_t batch[counts_per_batch];
  float p[counts_per_batch];
  for (std::size_t i = 0; i < ids.size(); i += counts_per_batch) {
    const std::size_t size = std::min(counts_per_batch, ids.size() - i);
    for (std::size_t k = 0; k < size; ++k) batch[k] = still_class(ids[i + k]);
    count_probabilities({batch, size}, p);
    expected_counts({p, size}, num_sampled, num_draws, counts.data() + first + i);
  }
}

void Sampler::add_counts(std::span<const std::int64_t> ids, std::int64_t num_sampled,
                         std::int64_t num_draws, std::vector<double>& counts) const {
  for (const std::int64_t id : ids) {
    const double p = probability_of(still_class(id));
    counts.push_back(expected_count(p, num_sampled, num_draws));
  }
}

template <class T>
SampledValuesOf<T> Sampler::draw_sample(const LabelsView& true_classes, std::int64_t num_sampled,
                                        bool unique, std::optional<Seed> seed,
                                        std::string_view argument, Stretch& stretch) const {
  const PhaseClock clock(Phase::draw);
  const auto still = hold_still();
  check_sample(true_classes, num_sampled, unique, argument);
  SampledValuesOf<T> result;
  result.sampled_candidates.resize(static_cast<std::size_t>(num_sampled));
  result.sampled_expected_count.reserve(static_cast<std::size_t>(num_sampled));
  result.true_expected_count.reserve(static_cast<std::size_t>(true_classes.size()));
  PhiloxReader reader(stretch.reserve(num_sampled, seed));
  std::int64_t num_draws = num_sampled;
  if (unique) {
    num_draws = draw_unique(reader, result.sampled_candidates);
  } else {
    draw_into(reader, result.sampled_candidates);
  }
  add_counts(result.sampled_candidates, num_sampled, num_draws, result.sampled_expected_count);
  for_each_run(true_classes.ids(), [&](std::span<const std::int64_t> labels) {
    add_counts(labels, num_sampled, num_draws, result.true_expected_count);
  });
  return result;
}

template <class T>
SampledValuesOf<T> Sampler::sample(const LabelsView& true_classes, std::int64_t num_sampled,
                                   bool unique, std::optional<Seed> seed,
                                   std::string_view argument) {
  Stretch stretch(*this);
  auto result = draw_sample<T>(true_classes, num_sampled, unique, seed, argument, stretch);
  learn(true_classes.ids());
  stretch.keep();
  return result;
}

void Sampler::draw(std::span<std::int64_t> out, std::optional<Seed> seed) {
  const auto still = hold_still();
  check_usable();
  Stretch stretch(*this);
  draw_from(stretch.reserve(static_cast<std::int64_t>(out.size()), seed), out);
  stretch.keep();
}

void Sampler::draw_from(PhiloxStream stream, std::span<std::int64_t> out) const {
  PhiloxReader reader(stream);
  draw_into(reader, out);
}

template <class T>
SampledValuesOf<T> all_candidates(MatrixView<const std::int64_t> true_classes,
                                  std::int64_t num_sampled) {
  check_num_sampled(num_sampled);
  check_labels(true_classes, num_sampled, "true_classes");
  const auto size = static_cast<std::size_t>(num_sampled);
  SampledValuesOf<T> result{
      std::vector<std::int64_t>(size),
      std::vector<T>(static_cast<std::size_t>(true_classes.rows * true_classes.cols), T{1}),
      std::vector<T>(size, T{1})};
  std::iota(result.sampled_candidates.begin(), result.sampled_candidates.end(), 0);
  return result;
}

void UniformSampler::draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const {
  for (std::int64_t& id : out) {
    id = static_cast<std::int64_t>(reader.uniform64(static_cast<std::uint64_t>(num_classes())));
  }
}

LogUniformSampler::LogUniformSampler(std::int64_t num_classes, Seed seed)
    : Sampler(num_classes, seed), log_range_(std::log1p(static_cast<double>(num_classes))) {
  require(num_classes <= most_log_uniform, "num_classes is ", num_classes,
          "; the log-uniform sampler takes at most 2^62 = ", most_log_uniform);
}

double LogUniformSampler::probability_of(std::int64_t class_id) const {
  const auto c = static_cast<double>(class_id);
  return std::log1p(1.0 / (c + 1.0)) / log_range_;
}

void LogUniformSampler::count_probabilities(std::span<const std::int64_t> ids, float* p) const {
  kernels::random_table().log_uniform_probability(ids.data(), static_cast<std::int64_t>(ids.size()),
                                                  log_range_, p);
  // TensorFlow's quotient rounds to one, and its logarithm to zero, from class 2^53 on.
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (p[i] == 0.0F) [[unlikely]]
      p[i] = static_cast<float>(probability_of(ids[i]));
  }
}

std::int64_t LogUniformSampler::class_of(double value, std::uint64_t word) const {
  auto floor = static_cast<std::int64_t>(value);
  // The kernel's exp is a few ulp from TensorFlow's, which matters only beside an integer.
  const double above = value - static_cast<double>(floor);
  const double doubt = value * 0x1p-48;
  if (above < doubt || above > 1.0 - doubt) [[unlikely]] {
    floor = static_cast<std::int64_t>(std::exp(PhiloxReader::double_of(word) * log_range_));
  }
  // Rounding can give num_classes itself, which wraps to 0 as in TensorFlow.
  return floor - 1 < num_classes() ? floor - 1 : (floor - 1) % num_classes();
}

void LogUniformSampler::draw_into(PhiloxReader& reader, std::span<std::int64_t> out) const {
  std::uint64_t words[draws_per_batch];
  double values[draws_per_batch];
  for (std::size_t first = 0; first < out.size(); first += draws_per_batch) {
    const std::size_t size = std::min(draws_per_batch, out.size() - first);
    reader.fill({words, size});
    kernels::random_table().exp_of_words(words, static_cast<std::int64_t>(size), log_range_,
                                         values);
    for (std::size_t i = 0; i < size; ++i) out[first + i] = class_of(values[i], words[i]);
  }
}

template SampledValues Sampler::draw_sample(const LabelsView&, std::int64_t, bool,
                                            std::optional<Seed>, std::string_view, Stretch&) const;
#define MANYCLASS_INSTANTIATE(T)                                                      \
  template SampledValuesOf<T> Sampler::sample(const LabelsView&, std::int64_t, bool,  \
                                              std::optional<Seed>, std::string_view); \
  template SampledValuesOf<T> all_candidates(MatrixView<const std::int64_t>, std::int64_t);
MANYCLASS_INSTANTIATE(float)
MANYCLASS_INSTANTIATE(double)
#undef MANYCLASS_INSTANTIATE

}  // namespace manyclass
