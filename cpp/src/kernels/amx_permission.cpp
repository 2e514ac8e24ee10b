#include "amx_permission.hpp"

#if defined(__linux__) && defined(__x86_64__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace manyclass::kernels {

namespace {

#if defined(__linux__) && defined(__x86_64__)
bool has_amx() {
  constexpr unsigned bfloat16 = 1U << 22;
  constexpr unsigned tiles = 1U << 24;
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 &&
         (edx & (bfloat16 | tiles)) == (bfloat16 | tiles);
}

// arch_prctl(2): the kernel saves 8 KiB more for each thread that uses tiles, so it wants to be
// asked. The answer holds for all threads of the process and for its children.
bool ask_permission() {
  constexpr long arch_req_xcomp_perm = 0x1023;
  constexpr long tile_data = 18;
  return syscall(SYS_arch_prctl, arch_req_xcomp_perm, tile_data) == 0;
}
#else
bool has_amx() { return false; }
bool ask_permission() { return false; }
#endif

}  // namespace

bool amx_permitted() {
  static const bool permitted = has_amx() && ask_permission();
  return permitted;
}

}  // namespace manyclass::kernels
