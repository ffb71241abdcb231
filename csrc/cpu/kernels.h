// One table of kernels for each instruction set; dispatch.cpp picks one at run time.
#pragma once
#include "gdl/api.h"

namespace gdl {

struct Kernels {
  int (*randn)(const gdl_randn_args&, gdl_parallel_for);
  int (*reparam_forward)(const gdl_reparam_forward_args&, gdl_parallel_for);
  int (*reparam_backward)(const gdl_reparam_backward_args&, gdl_parallel_for);
  int (*path_forward)(const gdl_path_forward_args&, gdl_parallel_for);
  int (*path_backward)(const gdl_path_backward_args&, gdl_parallel_for);
};

extern const Kernels kScalarKernels;
#if defined(GDL_WITH_AVX2)
extern const Kernels kAvx2Kernels;
#endif
#if defined(GDL_WITH_AVX512)
extern const Kernels kAvx512Kernels;
#endif

}  // namespace gdl
