// The kernels for AVX2 with FMA and F16C; compiled with those flags and no others.
#include "gdl/simd_avx2.h"

#define GDL_SIMD Avx2
#define GDL_ISA_NAMESPACE avx2
#define GDL_KERNEL_TABLE kAvx2Kernels
#include "kernels.inl"
