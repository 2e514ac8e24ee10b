// The product on matrix tiles, on a software model of the tiles: any processor runs it.
#include <cstring>
#include <utility>
#include <vector>

#include "guarded_array.hpp"
#include "kernel_testing.hpp"

#define MANYCLASS_VECTOR_BYTES 16
#define MANYCLASS_TILE_ROWS 6

namespace manyclass::kernels {

namespace {

#include "kernels/kernel_source.inl"
// After the products, which it needs.
#include "kernels/tile_product.inl"

// What the instructions do, with the state that they need to be set up.
struct ModelTiles {
  using Tile = std::uint32_t[16][16];
  inline static bool configured = false;
  inline static Tile left[2], right[2];
  inline static float sums[2][2][16][16];

  static void configure() {
    REQUIRE(!configured);
    configured = true;
    clear(0xffU);
  }
  static void release() {
    REQUIRE(configured);
    configured = false;
  }
  // Stale numbers are NaN.
  static void clear(int byte) {
    std::memset(left, byte, sizeof left);
    std::memset(right, byte, sizeof right);
    std::memset(sums, byte, sizeof sums);
  }
  static void clear_sums() {
    REQUIRE(configured);
    clear(0xff);
    std::memset(sums, 0, sizeof sums);
  }
  static void load(Tile& tile, const Bfloat16Pair* p, std::int64_t row_stride) {
    for (int r = 0; r < 16; ++r) std::memcpy(tile[r], p + r * row_stride, 64);
  }
  template <int i>
  static void load_left(const Bfloat16Pair* p, std::int64_t row_stride) {
    load(left[i], p, row_stride);
  }
  template <int j>
  static void load_right(const Bfloat16Pair* p, std::int64_t row_stride) {
    load(right[j], p, row_stride);
  }
  static float half_of(std::uint32_t pair, int half) {
    return __builtin_bit_cast(float, half == 0 ? pair << 16 : pair & 0xffff0000U);
  }
  template <int i, int j>
  static void multiply_add() {
    for (int r = 0; r < 16; ++r) {
      for (int p = 0; p < 16; ++p) {
        for (int l = 0; l < 16; ++l) {
          for (const int half : {0, 1}) {
            sums[i][j][r][l] += half_of(left[i][r][p], half) * half_of(right[j][p][l], half);
          }
        }
      }
    }
  }
  template <int i, int j>
  static void store_sum(float* p, std::int64_t row_stride) {
    for (int r = 0; r < 16; ++r) std::memcpy(p + r * row_stride, sums[i][j][r], 64);
  }
};

std::vector<Bfloat16Pair> integer_pairs(std::int64_t size, unsigned seed) {
  const auto values = integers<float>(std::size_t(2 * size), seed);
  std::vector<Bfloat16Pair> pairs(static_cast<std::size_t>(size));
  reference_bfloat16.round(values.data(), 2 * size, pairs.data());
  return pairs;
}

}  // namespace

TEST_CASE("products on tiles are exact on integers and stay within their arrays") {
  for (const std::int64_t m : {0, 1, 15, 16, 17, 32, 33, 84}) {
    for (const std::int64_t n : {0, 1, 16, 17, 31, 32, 33, 64}) {
      for (const std::int64_t pairs : {0, 1, 15, 16, 17, 255, 256, 257}) {
        if (m * n * pairs > 200'000) continue;
        CAPTURE(m);
        CAPTURE(n);
        CAPTURE(pairs);
        const auto left = integer_pairs(m * pairs, 1);
        const auto right = integer_pairs(pairs * n, 2);
        const auto start = integers<float>(std::size_t(m), 3);
        const auto before = integers<float>(std::size_t(m * n), 4);
        for (const Guard guard : {Guard::before, Guard::behind}) {
          GuardedArray<Bfloat16Pair> a(left, guard), b(right, guard);
          for (const bool transposed : {false, true}) {
            const std::int64_t a_row = transposed ? 1 : pairs;
            const std::int64_t a_col = transposed ? m : 1;
            const auto multiply = [&](auto function, const float* from) {
              GuardedArray<float> c(before, guard);
              function(m, n, pairs, a.data(), a_row, a_col, b.data(), n, from, c.data(), n);
              return c.values();
            };
            const auto to_rows = [&](auto function, bool add) {
              GuardedArray<float> c(before, guard);
              std::vector<float*> rows;
              for (std::int64_t i = m - 1; i >= 0; --i) rows.push_back(c.data() + i * n);
              function(m, n, pairs, a.data(), a_row, a_col, b.data(), n, add, rows.data());
              return c.values();
            };
            for (const float* from : {start.data(), static_cast<const float*>(nullptr)}) {
              REQUIRE(multiply(tile_multiply<ModelTiles>, from) ==
                      multiply(reference_bfloat16.multiply, from));
            }
            for (const bool add : {false, true}) {
              REQUIRE(to_rows(tile_multiply_to_rows<ModelTiles>, add) ==
                      to_rows(reference_bfloat16.multiply_to_rows, add));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("an element of a product on tiles has the same bits whatever the shape") {
  constexpr std::int64_t m = 40, n = 50, pairs = 300;
  const auto values = reals<float>(2 * m * pairs, -1, 1, 1);
  const auto others = reals<float>(2 * n * pairs, -1, 1, 2);
  std::vector<Bfloat16Pair> a(m * pairs), b(n * pairs);
  reference_bfloat16.round(values.data(), 2 * m * pairs, a.data());
  reference_bfloat16.round(others.data(), 2 * n * pairs, b.data());
  std::vector<float> whole(m * n);
  tile_multiply<ModelTiles>(m, n, pairs, a.data(), pairs, 1, b.data(), n, nullptr, whole.data(), n);
  for (const std::int64_t i : {0, 15, 16, 39}) {
    for (const std::int64_t j : {0, 15, 16, 31, 32, 49}) {
      float alone = 0;
      tile_multiply<ModelTiles>(1, 1, pairs, a.data() + i * pairs, pairs, 1, b.data() + j, n,
                                nullptr, &alone, 1);
      CHECK(alone == whole[std::size_t(i * n + j)]);
    }
  }
}

}  // namespace manyclass::kernels
