// 128-bit vectors and 32 registers (NEON on arm64), 12 x 2 of them for sums.
#include <utility>

#include "targets.hpp"

#define MANYCLASS_VECTOR_BYTES 16
#define MANYCLASS_TILE_ROWS 12

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

const KernelTable<float> generic_float = make_table<float>();
const KernelTable<double> generic_double = make_table<double>();
const Bfloat16Table generic_bfloat16 = make_bfloat16_table();
const RandomTable generic_random = {
    philox, exp_of_words, log_uniform_probability, count_of_repeated, log, log1p};
const OptimizerTables generic_optimizers = make_optimizer_tables();
const QuantizedTable generic_quantized = make_quantized_table();

}  // namespace manyclass::kernels
