// The kernels for aarch64 with Advanced SIMD, which is part of its baseline: no flags of its own.
#include "gdl/simd_neon.h"

#define GDL_SIMD Neon
#define GDL_ISA_NAMESPACE neon
#define GDL_KERNEL_TABLE kNeonKernels
#include "kernels.inl"
