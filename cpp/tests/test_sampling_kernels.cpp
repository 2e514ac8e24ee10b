// The kernels of candidate samplers on every instruction set against the plain reference.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "kernels/targets.hpp"
#include "manyclass/random.hpp"

using namespace manyclass::kernels;

namespace {

template <class Check>
void on_every_random_table(Check check) {
  for (const Target& target : compiled_targets()) {
    if (!target.supported()) continue;
    CAPTURE(target.name);
    check(*target.table_random);
  }
}

// The number of float32 values between two positive ones.
std::int64_t ulps_between(float a, float b) {
  std::int32_t x = 0;
  std::int32_t y = 0;
  std::memcpy(&x, &a, 4);
  std::memcpy(&y, &b, 4);
  return std::abs(std::int64_t{x} - y);
}

const std::vector<std::int64_t> sizes{0, 1, 2, 3, 7, 8, 9, 100};

}  // namespace

TEST_CASE("exp_of_words is within 4 ulp") {
  std::mt19937_64 random(1);
  on_every_random_table([&](const RandomTable& table) {
    for (const std::int64_t size : sizes) {
      for (const double scale : {0.7, 14.0, 43.0}) {
        std::vector<std::uint64_t> words(std::size_t(size), 0);
        for (std::size_t i = 1; i < words.size(); ++i) words[i] = random();
        std::vector<double> values(words.size() + 1, 7.0), expected(words.size());
        table.exp_of_words(words.data(), size, scale, values.data());
        reference_random.exp_of_words(words.data(), size, scale, expected.data());
        for (std::size_t i = 0; i < words.size(); ++i) {
          CHECK(std::abs(values[i] - expected[i]) <= 0x1p-50 * expected[i]);
        }
        CHECK(values.back() == 7.0);
      }
    }
  });
}

TEST_CASE("log_uniform_probability gives the reference's float32") {
  on_every_random_table([&](const RandomTable& table) {
    for (const std::int64_t size : sizes) {
      std::vector<std::int64_t> ids(std::size_t(size), 0);
      constexpr std::int64_t most = (std::int64_t{1} << 61) - 1;
      for (std::size_t i = 1; i < ids.size(); ++i) {
        ids[i] = (ids[i - 1] * 2 + std::int64_t(i) % 3) & most;
      }
      const double scale = std::log1p(1e6);
      std::vector<float> p(ids.size() + 1, 7.0F), expected(ids.size());
      table.log_uniform_probability(ids.data(), size, scale, p.data());
      reference_random.log_uniform_probability(ids.data(), size, scale, expected.data());
      for (std::size_t i = 0; i < ids.size(); ++i) CHECK(p[i] == expected[i]);
      CHECK(p.back() == 7.0F);
    }
  });
}

TEST_CASE("count_of_repeated is correctly rounded but for ties") {
  std::mt19937 random(2);
  std::uniform_real_distribution<double> exponent(-20.0, std::log(double{largest_count_p}));
  on_every_random_table([&](const RandomTable& table) {
    for (const std::int64_t size : sizes) {
      for (const float num_draws : {2.0F, 1000.0F, 1e6F, 1e15F}) {
        std::vector<float> p(std::size_t(size), 0.0F);
        for (std::size_t i = 1; i < p.size(); ++i) p[i] = float(std::exp(exponent(random)));
        std::vector<float> counts(p.size() + 1, 7.0F), expected(p.size());
        table.count_of_repeated(p.data(), size, num_draws, counts.data());
        reference_random.count_of_repeated(p.data(), size, num_draws, expected.data());
        for (std::size_t i = 0; i < p.size(); ++i) {
          CHECK(ulps_between(counts[i], expected[i]) <= 1);
          CHECK(counts[i] <= 1.0F);
          // The same functions in float32, as TensorFlow calls them.
          const float plain = -std::expm1(num_draws * std::log1p(-p[i]));
          CHECK(ulps_between(counts[i], plain) <= 2);
        }
        CHECK(counts.back() == 7.0F);
      }
    }
  });
}

TEST_CASE("A reader fills in bulk what it would read word by word") {
  for (const int before : {0, 1, 2, 3, 4}) {
    for (const std::size_t size : {0U, 1U, 2U, 5U, 600U, 1025U}) {
      manyclass::PhiloxReader bulk{manyclass::PhiloxStream({3, 4}, 17)};
      manyclass::PhiloxReader single = bulk;
      for (int i = 0; i < before; ++i) CHECK(bulk.next32() == single.next32());
      std::vector<std::uint64_t> words(size);
      bulk.fill(words);
      for (const std::uint64_t word : words) REQUIRE(word == single.next64());
      CHECK(bulk.next32() == single.next32());
    }
  }
}
