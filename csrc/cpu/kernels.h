// One table of kernels for each instruction set; dispatch.cpp picks one at run time.
#pragma once
#include "gdl/api.h"

namespace gdl {

struct Kernels {
#define GDL_MEMBER(name) int (*name)(const gdl_##name##_args&, gdl_parallel_for);
  GDL_OPERATIONS(GDL_MEMBER)
#undef GDL_MEMBER
};

extern const Kernels kScalarKernels;
#if defined(GDL_WITH_AVX2)
extern const Kernels kAvx2Kernels;
#endif
#if defined(GDL_WITH_AVX512)
extern const Kernels kAvx512Kernels;
#endif
#if defined(GDL_WITH_NEON)
extern const Kernels kNeonKernels;
#endif

}  // namespace gdl
