// The one source of the vector kernels for random words; see kernel_source.inl.

using Words __attribute__((vector_size(MANYCLASS_VECTOR_BYTES))) = std::uint64_t;
using LooseWords __attribute__((vector_size(MANYCLASS_VECTOR_BYTES), aligned(8), may_alias)) =
    std::uint64_t;

// The 64-bit products of the lower halves of each element.
inline Words multiply_low_halves(Words a, Words b) {
#if defined(__clang__)
  return (a & 0xffffffffU) * (b & 0xffffffffU);  // which Clang makes that one instruction
#elif defined(__AVX512F__)
  using Pairs __attribute__((vector_size(64))) = int;
  const Words any = a;  // all lanes are kept: the mask is full
  using Long __attribute__((vector_size(64))) = long long;
  return (Words)__builtin_ia32_pmuludq512_mask((Pairs)a, (Pairs)b, (Long)any, 0xff);
#elif defined(__AVX2__)
  using Pairs __attribute__((vector_size(32))) = int;
  return (Words)__builtin_ia32_pmuludq256((Pairs)a, (Pairs)b);
#elif defined(__SSE2__)
  using Pairs __attribute__((vector_size(16))) = int;
  return (Words)__builtin_ia32_pmuludq128((Pairs)a, (Pairs)b);
#else
  return (a & 0xffffffffU) * (b & 0xffffffffU);
#endif
}

// Elements hold 32-bit words; what the products leave in their upper halves is never looked at.
inline void philox_of(std::uint64_t key, Words counter, std::uint64_t counter_high,
                      std::uint64_t* first, std::uint64_t* second) {
  const Words zero = {};
  const Words low_half = zero + 0xffffffffU;
  Words c0 = counter;
  Words c1 = counter >> 32;
  Words c2 = zero + (counter_high & 0xffffffffU);
  Words c3 = zero + (counter_high >> 32);
  std::uint32_t k0 = static_cast<std::uint32_t>(key);
  std::uint32_t k1 = static_cast<std::uint32_t>(key >> 32);
  for (int round = 0; round < 10; ++round) {
    const Words a = multiply_low_halves(c0, zero + 0xD2511F53U);
    const Words b = multiply_low_halves(c2, zero + 0xCD9E8D57U);
    c0 = (b >> 32) ^ c1 ^ (zero + k0);
    c2 = (a >> 32) ^ c3 ^ (zero + k1);
    c1 = b;
    c3 = a;
    k0 += 0x9E3779B9U;
    k1 += 0xBB67AE85U;
  }
  *reinterpret_cast<LooseWords*>(first) = (c0 & low_half) | (c1 << 32);
  *reinterpret_cast<LooseWords*>(second) = (c2 & low_half) | (c3 << 32);
}

inline void philox(std::uint64_t key, std::uint64_t counter, std::uint64_t counter_high,
                   std::int64_t count, std::uint64_t* first, std::uint64_t* second) {
  constexpr std::int64_t lanes = MANYCLASS_VECTOR_BYTES / 8;
  Words steps = {};
  for (std::int64_t i = 0; i < lanes; ++i) steps[i] = static_cast<std::uint64_t>(i);
  std::int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    philox_of(key, steps + (counter + static_cast<std::uint64_t>(i)), counter_high, first + i,
              second + i);
  }
  if (i == count) return;
  std::uint64_t first_rest[lanes];
  std::uint64_t second_rest[lanes];
  philox_of(key, steps + (counter + static_cast<std::uint64_t>(i)), counter_high, first_rest,
            second_rest);
  for (std::int64_t j = 0; i + j < count; ++j) {
    first[i + j] = first_rest[j];
    second[i + j] = second_rest[j];
  }
}
