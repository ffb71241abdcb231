// The kernels for AVX-512 F, BW, DQ, VL; compiled with those flags and no others.
#include "gdl/simd_avx512.h"

#define GDL_SIMD Avx512
#define GDL_ISA_NAMESPACE avx512
#define GDL_KERNEL_TABLE kAvx512Kernels
#include "kernels.inl"
