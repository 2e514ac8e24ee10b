// Whether this process may use AMX.
#pragma once

namespace manyclass::kernels {

/// Whether the processor has AMX for bfloat16 and the operating system, which is asked at the first
/// call, lets this process keep data in tile registers.
bool amx_permitted();

}  // namespace manyclass::kernels
