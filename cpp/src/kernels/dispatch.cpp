#include <cstdlib>
#include <iterator>
#include <string>
#include <string_view>

#include "../checks.hpp"
#include "amx_permission.hpp"
#include "targets.hpp"

namespace manyclass::kernels {

namespace {

bool always() { return true; }

#if defined(__x86_64__)
// __builtin_cpu_supports also asks whether the operating system saves the registers.
bool supports_v2() { return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt"); }
bool supports_v3() {
  return supports_v2() && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}
bool supports_v4() {
  return supports_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
bool supports_v4_bf16() { return supports_v4() && __builtin_cpu_supports("avx512bf16"); }
bool supports_v4_amx() { return supports_v4_bf16() && amx_permitted(); }
#endif

// Best first. AMX comes after what it needs, so that it is chosen only by name: its tests have
// never run on such a processor. The reference is last: by name, or where nothing else runs.
constexpr Target targets[] = {
#if defined(__x86_64__)
    {"x86-64-v4-bf16", supports_v4_bf16, &x86_64_v4_float, &x86_64_v4_double,
     &x86_64_v4_bf16_bfloat16, &x86_64_v4_random, &x86_64_v4_optimizers, &x86_64_v4_quantized},
    {"x86-64-v4", supports_v4, &x86_64_v4_float, &x86_64_v4_double, &x86_64_v4_bfloat16,
     &x86_64_v4_random, &x86_64_v4_optimizers, &x86_64_v4_quantized},
    {"x86-64-v3", supports_v3, &x86_64_v3_float, &x86_64_v3_double, &x86_64_v3_bfloat16,
     &x86_64_v3_random, &x86_64_v3_optimizers, &x86_64_v3_quantized},
    {"x86-64-v2", supports_v2, &x86_64_v2_float, &x86_64_v2_double, &x86_64_v2_bfloat16,
     &x86_64_v2_random, &x86_64_v2_optimizers, &x86_64_v2_quantized},
    {"x86-64-v4-amx", supports_v4_amx, &x86_64_v4_float, &x86_64_v4_double, &x86_64_v4_amx_bfloat16,
     &x86_64_v4_random, &x86_64_v4_optimizers, &x86_64_v4_quantized},
#else
    {"generic", always, &generic_float, &generic_double, &generic_bfloat16, &generic_random,
     &generic_optimizers, &generic_quantized},
#endif
    {"reference", always, &reference_float, &reference_double, &reference_bfloat16,
     &reference_random, &reference_optimizers, &reference_quantized},
};

const Target& choose() {
  const char* wanted = std::getenv("MANYCLASS_TARGET");
  std::string names;
  for (const Target& target : targets) {
    if (!target.supported()) continue;
    if (wanted == nullptr || *wanted == '\0' || std::string_view(wanted) == target.name) {
      return target;
    }
    names += (names.empty() ? "" : ", ") + std::string(target.name);
  }
  refuse("MANYCLASS_TARGET is \"", wanted, "\"; this machine runs ", names);
}

}  // namespace

TargetList compiled_targets() { return {targets, static_cast<std::int64_t>(std::size(targets))}; }

const Target& chosen_target() {
  static const Target& target = choose();
  return target;
}

template <>
const KernelTable<float>& table() {
  return *chosen_target().table_float;
}

template <>
const KernelTable<double>& table() {
  return *chosen_target().table_double;
}

const Bfloat16Table& bfloat16_table() { return *chosen_target().table_bfloat16; }

const RandomTable& random_table() { return *chosen_target().table_random; }

const OptimizerTables& optimizer_tables() {
  static const OptimizerTables& chosen = *chosen_target().optimizers;
  return chosen;
}

const QuantizedTable& quantized_table() { return *chosen_target().table_quantized; }

}  // namespace manyclass::kernels
