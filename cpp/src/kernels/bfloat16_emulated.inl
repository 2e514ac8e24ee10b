// The kernels for bfloat16 where there are no instructions for it: in float32, half by half.

#define MANYCLASS_BFLOAT16_TILE_ROWS \
  (MANYCLASS_TILE_ROWS - 2)  // halves of both sides take registers

using Rounded __attribute__((vector_size(MANYCLASS_VECTOR_BYTES / 2))) = std::uint16_t;

// The upper halves of the nearest numbers that have no lower one.
inline Rounded round_vector(Vector<float> x) {
  using Bits __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::uint32_t;
  const Bits bits = (Bits)x;
  const Bits nearest = bits + 0x7fffU + ((bits >> 16) & 1U);
  const Bits of_number = (bits & 0x7f800000U) == 0 ? bits & 0x80000000U : nearest;
  return __builtin_convertvector((x != x ? bits | 0x400000U : of_number) >> 16, Rounded);
}

// sum += the products of the two halves of `a` with those of each lane of `b`.
template <class Bits>
inline void add_pair_products(Vector<float>& sum, std::uint32_t a, Bits b) {
  const Bits both = Bits{} + a;
  sum += (Vector<float>)(both << 16) * (Vector<float>)(b << 16);
  sum += (Vector<float>)(both & 0xffff0000U) * (Vector<float>)(b & 0xffff0000U);
}

#include "bfloat16_source.inl"
