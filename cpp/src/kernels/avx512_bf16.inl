// The two operations that bfloat16_source.inl needs, by AVX-512's instructions; after
// kernel_source.inl and immintrin.h, whose intrinsics are inlined by force: no symbol comes of
// them.

#define MANYCLASS_BFLOAT16_TILE_ROWS 14

using Rounded __attribute__((vector_size(32))) = std::uint16_t;

inline Rounded round_vector(Vector<float> x) { return (Rounded)_mm512_cvtneps_pbh((__m512)x); }

template <class Bits>
inline void add_pair_products(Vector<float>& sum, std::uint32_t a, Bits b) {
  sum = (Vector<float>)_mm512_dpbf16_ps((__m512)sum, (__m512bh)(Bits{} + a), (__m512bh)b);
}

#include "bfloat16_source.inl"
