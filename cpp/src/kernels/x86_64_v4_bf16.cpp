// AVX-512 with its instructions for bfloat16, which multiply and add twice as many numbers. In all
// else this target is x86-64-v4.
#include <immintrin.h>

#include <utility>

#include "targets.hpp"

#define MANYCLASS_VECTOR_BYTES 64
#define MANYCLASS_TILE_ROWS 14

namespace manyclass::kernels {

namespace {
#include "kernel_source.inl"
// After the products, which it needs.
#include "avx512_bf16.inl"
}  // namespace

const Bfloat16Table x86_64_v4_bf16_bfloat16 = make_bfloat16_table();

}  // namespace manyclass::kernels
