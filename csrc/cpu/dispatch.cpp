// The C interface: checks arguments and picks the kernels of the best instruction set the machine has.
#include <stdlib.h>
#include <string.h>

#include <atomic>

#include "kernels.h"

namespace {

using gdl::Kernels;

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
    default: return false;
  }
}

int default_isa() {
  const char* const names[] = {"scalar", "avx2", "avx512"};
  const char* wanted = getenv("GDL_ISA");
  for (int isa = GDL_SCALAR; wanted && isa <= GDL_AVX512; ++isa) {
    if (strcmp(wanted, names[isa]) == 0 && machine_has(isa)) return isa;
  }
  return machine_has(GDL_AVX512) ? GDL_AVX512 : machine_has(GDL_AVX2) ? GDL_AVX2 : GDL_SCALAR;
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
    default: return gdl::kScalarKernels;
  }
}

}  // namespace

int gdl_get_isa(void) { return current_isa().load(std::memory_order_relaxed); }

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
