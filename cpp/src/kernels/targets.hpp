// The instruction sets that kernels are compiled for. Each has a source file of its own, compiled
// with its own flags, whose functions all have internal linkage: two targets share no symbol.
#pragma once

#include "bfloat16_kernels.hpp"
#include "kernel_table.hpp"
#include "optimizer_kernels.hpp"
#include "quantized_kernels.hpp"
#include "random_kernels.hpp"

namespace manyclass::kernels {

// Six constants a target, defined by its source file; a target that adds to another one has those
// in which it differs.
extern const KernelTable<float> reference_float;
extern const KernelTable<double> reference_double;
extern const Bfloat16Table reference_bfloat16;
extern const RandomTable reference_random;
extern const OptimizerTables reference_optimizers;
extern const QuantizedTable reference_quantized;
#if defined(__x86_64__)
extern const KernelTable<float> x86_64_v2_float;
extern const KernelTable<double> x86_64_v2_double;
extern const Bfloat16Table x86_64_v2_bfloat16;
extern const RandomTable x86_64_v2_random;
extern const OptimizerTables x86_64_v2_optimizers;
extern const QuantizedTable x86_64_v2_quantized;
extern const KernelTable<float> x86_64_v3_float;
extern const KernelTable<double> x86_64_v3_double;
extern const Bfloat16Table x86_64_v3_bfloat16;
extern const RandomTable x86_64_v3_random;
extern const OptimizerTables x86_64_v3_optimizers;
extern const QuantizedTable x86_64_v3_quantized;
extern const KernelTable<float> x86_64_v4_float;
extern const KernelTable<double> x86_64_v4_double;
extern const Bfloat16Table x86_64_v4_bfloat16;
extern const RandomTable x86_64_v4_random;
extern const OptimizerTables x86_64_v4_optimizers;
extern const QuantizedTable x86_64_v4_quantized;
extern const Bfloat16Table x86_64_v4_bf16_bfloat16;
extern const Bfloat16Table x86_64_v4_amx_bfloat16;
#else
extern const KernelTable<float> generic_float;
extern const KernelTable<double> generic_double;
extern const Bfloat16Table generic_bfloat16;
extern const RandomTable generic_random;
extern const OptimizerTables generic_optimizers;
extern const QuantizedTable generic_quantized;
#endif

struct Target {
  const char* name;
  bool (*supported)();
  const KernelTable<float>* table_float;
  const KernelTable<double>* table_double;
  const Bfloat16Table* table_bfloat16;
  const RandomTable* table_random;
  const OptimizerTables* optimizers;
  const QuantizedTable* table_quantized;
};

/// The target that MANYCLASS_TARGET names, else the best that this processor and operating system
/// support. Throws std::invalid_argument if the variable names none that can run here.
const Target& chosen_target();

/// All targets compiled in: best first, then those that are chosen only by name.
struct TargetList {
  const Target* first;
  std::int64_t size;
  const Target* begin() const { return first; }
  const Target* end() const { return first + size; }
};
TargetList compiled_targets();

}  // namespace manyclass::kernels
