// Everything that is compiled once for each instruction set. The including file defines GDL_SIMD (a simd_*.h type),
// GDL_ISA_NAMESPACE and GDL_KERNEL_TABLE. No inline code of the C++ standard library may be used in here: the linker
// would be free to give the baseline code a copy compiled with AVX-512 instructions.
#include <stdlib.h>

#include "gdl/half.h"
#include "gdl/math.h"
#include "gdl/mdn_math.h"
#include "gdl/path_math.h"
#include "kernels.h"

#include "storage.inl"
#include "tile.inl"

#include "arithmetic.inl"
#include "bias_act.inl"
#include "mdn.inl"
#include "mdn_sample.inl"
#include "path.inl"
#include "path_backward.inl"
#include "randn.inl"
#include "reparam.inl"
#include "resample.inl"

namespace gdl {
extern const Kernels GDL_KERNEL_TABLE;
const Kernels GDL_KERNEL_TABLE = {
#define GDL_MEMBER(name) GDL_ISA_NAMESPACE::name,
    GDL_OPERATIONS(GDL_MEMBER)
#undef GDL_MEMBER
};
}  // namespace gdl
