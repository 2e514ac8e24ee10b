// AMX: products of bfloat16 on tile registers. In all else this target is x86-64-v4-bf16.
#include <immintrin.h>

#include <utility>

#include "targets.hpp"

#define MANYCLASS_VECTOR_BYTES 64
#define MANYCLASS_TILE_ROWS 14

namespace manyclass::kernels {

namespace {
#include "kernel_source.inl"
// After the products, which they need.
#include "avx512_bf16.inl"
#include "tile_product.inl"

// Registers 0 to 3 are the sums, 4 and 5 the left side, 6 and 7 the right one. Compilers may not
// know that these instructions read memory: what was written must be there (`written`).
struct AmxTiles {
  static void written() { __asm__ volatile("" ::: "memory"); }

  static void configure() {
    struct alignas(64) {
      std::uint8_t palette = 1;
      std::uint8_t start_row = 0;
      std::uint8_t reserved[14] = {};
      std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } config;
    static_assert(sizeof(config) == 64);
    __asm__ volatile("" ::"r"(&config) : "memory");
    _tile_loadconfig(&config);
  }
  static void release() { _tile_release(); }

  static void clear_sums() {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
  }
  template <int i>
  static void load_left(const Bfloat16Pair* p, std::int64_t row_stride) {
    written();
    if constexpr (i == 0) {
      _tile_loadd(4, p, row_stride * 4);
    } else {
      _tile_loadd(5, p, row_stride * 4);
    }
  }
  template <int j>
  static void load_right(const Bfloat16Pair* p, std::int64_t row_stride) {
    written();
    if constexpr (j == 0) {
      _tile_loadd(6, p, row_stride * 4);
    } else {
      _tile_loadd(7, p, row_stride * 4);
    }
  }
  template <int i, int j>
  static void multiply_add() {
    if constexpr (i == 0 && j == 0) {
      _tile_dpbf16ps(0, 4, 6);
    } else if constexpr (i == 0) {
      _tile_dpbf16ps(1, 4, 7);
    } else if constexpr (j == 0) {
      _tile_dpbf16ps(2, 5, 6);
    } else {
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  template <int i, int j>
  static void store_sum(float* p, std::int64_t row_stride) {
    if constexpr (i == 0 && j == 0) {
      _tile_stored(0, p, row_stride * 4);
    } else if constexpr (i == 0) {
      _tile_stored(1, p, row_stride * 4);
    } else if constexpr (j == 0) {
      _tile_stored(2, p, row_stride * 4);
    } else {
      _tile_stored(3, p, row_stride * 4);
    }
    written();
  }
};

constexpr Bfloat16Table make_amx_table() {
  Bfloat16Table table = make_bfloat16_table();
  table.multiply = tile_multiply<AmxTiles>;
  table.multiply_to_rows = tile_multiply_to_rows<AmxTiles>;
  return table;
}
}  // namespace

const Bfloat16Table x86_64_v4_amx_bfloat16 = make_amx_table();

}  // namespace manyclass::kernels
