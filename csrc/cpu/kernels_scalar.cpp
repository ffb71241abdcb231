// The kernels for any CPU.
#include "gdl/simd_portable.h"

#define GDL_SIMD Portable
#define GDL_ISA_NAMESPACE scalar
#define GDL_KERNEL_TABLE kScalarKernels
#include "kernels.inl"
