// The kernels of samplers on arrays that lie beside forbidden pages.
#include <cstdint>
#include <vector>

#include "guarded_array.hpp"
#include "kernel_testing.hpp"

using namespace manyclass::kernels;
using manyclass::Guard;
using manyclass::GuardedArray;

TEST_CASE("kernels of samplers, of every size beside forbidden memory") {
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    const RandomTable& kernel = *target.table_random;
    for (const Guard guard : {Guard::before, Guard::behind}) {
      for (std::int64_t count = 0; count <= 19; ++count) {
        const auto size = std::size_t(count);
        std::vector<std::uint64_t> first(size), second(size);
        reference_random.philox(5, 6, 7, count, first.data(), second.data());
        const std::vector<std::uint64_t> nothing(size);
        GuardedArray<std::uint64_t> words(nothing, guard), more_words(nothing, guard);
        kernel.philox(5, 6, 7, count, words.data(), more_words.data());
        REQUIRE(words.values() == first);
        REQUIRE(more_words.values() == second);

        GuardedArray<double> values(std::vector<double>(size), guard);
        kernel.exp_of_words(words.data(), count, 0.0, values.data());
        REQUIRE(values.values() == std::vector<double>(size, 1.0));

        // log(2) / scale, in float32.
        GuardedArray<std::int64_t> ids(std::vector<std::int64_t>(size, 0), guard);
        GuardedArray<float> p(std::vector<float>(size), guard);
        kernel.log_uniform_probability(ids.data(), count, 0x1.62e42fefa39efp+1, p.data());
        REQUIRE(p.values() == std::vector<float>(size, 0.25F));

        GuardedArray<float> counts(std::vector<float>(size), guard);
        kernel.count_of_repeated(p.data(), count, 1.0F, counts.data());
        REQUIRE(counts.values() == std::vector<float>(size, 0.25F));

        kernel.log(values.data(), count);
        REQUIRE(values.values() == std::vector<double>(size, 0.0));
        kernel.log1p(values.data(), count);
        REQUIRE(values.values() == std::vector<double>(size, 0.0));
      }
    }
  }
}
