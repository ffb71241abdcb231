// The C interface: checks arguments and picks the kernels of the best instruction set the machine has.
#include <stdlib.h>
#include <string.h>

#include <atomic>

#include "kernels.h"

namespace {

using gdl::Kernels;

// From the slowest to the fastest, by the numbers of gdl_isa.
const char* const kIsaNames[] = {"scalar", "avx2", "avx512", "neon"};
enum { kIsaCount = sizeof kIsaNames / sizeof *kIsaNames };

bool machine_has(int isa) {
  switch (isa) {
    case GDL_SCALAR: return true;
#if defined(GDL_WITH_AVX2)
    case GDL_AVX2: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
#endif
#if defined(GDL_WITH_AVX512)
    case GDL_AVX512:
      return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") && machine_has(GDL_AVX2);
#endif
#if defined(GDL_WITH_NEON)
    case GDL_NEON: return true;  // part of every aarch64 processor
#endif
    default: return false;
  }
}

int default_isa() {
  const char* wanted = getenv("GDL_ISA");
  int best = GDL_SCALAR;
  for (int isa = GDL_SCALAR; isa < kIsaCount; ++isa) {
    if (!machine_has(isa)) continue;
    if (wanted && strcmp(wanted, kIsaNames[isa]) == 0) return isa;
    best = isa;
  }
  return best;
}

std::atomic<int>& current_isa() {
  static std::atomic<int> isa(default_isa());
  return isa;
}

const Kernels& kernels() {
  switch (current_isa().load(std::memory_order_relaxed)) {
#if defined(GDL_WITH_AVX512)
    case GDL_AVX512: return gdl::kAvx512Kernels;
#endif
#if defined(GDL_WITH_AVX2)
    case GDL_AVX2: return gdl::kAvx2Kernels;
#endif
#if defined(GDL_WITH_NEON)
    case GDL_NEON: return gdl::kNeonKernels;
#endif
    default: return gdl::kScalarKernels;
  }
}

}  // namespace

int gdl_get_isa(void) { return current_isa().load(std::memory_order_relaxed); }

const char* gdl_isa_name(int isa) { return isa >= 0 && isa < kIsaCount ? kIsaNames[isa] : nullptr; }

int gdl_isa_available(int isa) { return machine_has(isa) ? 1 : 0; }

int gdl_set_isa(int isa) {
  if (!machine_has(isa)) return GDL_BAD_ARGUMENT;
  current_isa().store(isa, std::memory_order_relaxed);
  return GDL_OK;
}

#define GDL_DEFINE(name)                                                                     \
  int gdl_cpu_##name(const gdl_##name##_args* args, gdl_parallel_for parallel_for) {         \
    return kernels().name(*args, parallel_for);                                              \
  }
GDL_OPERATIONS(GDL_DEFINE)
