// AVX-512: 32 registers, 14 x 2 of them for sums.
#include <immintrin.h>

#include <utility>

#include "targets.hpp"

#define MANYCLASS_VECTOR_BYTES 64
#define MANYCLASS_TILE_ROWS 14

namespace manyclass::kernels {

namespace {
#include "kernel_source.inl"
#include "quantized_source.inl"
#include "random_source.inl"
// After the random words, which it needs.
#include "optimizer_source.inl"
#include "sampling_source.inl"
// After the products, which it needs.
#include "bfloat16_emulated.inl"
}  // namespace

const KernelTable<float> x86_64_v4_float = make_table<float>();
const KernelTable<double> x86_64_v4_double = make_table<double>();
const Bfloat16Table x86_64_v4_bfloat16 = make_bfloat16_table();
const RandomTable x86_64_v4_random = {
    philox, exp_of_words, log_uniform_probability, count_of_repeated, log, log1p};
const OptimizerTables x86_64_v4_optimizers = make_optimizer_tables();
const QuantizedTable x86_64_v4_quantized = make_quantized_table();

}  // namespace manyclass::kernels
