// Parameters and names of the kernels of resample.cu.
#pragma once
#include "kernels.h"

namespace gdl {
namespace cuda {

#define GDL_RESAMPLE_KERNELS(X) GDL_TYPES(X, resample, gdl_resample_args)

}  // namespace cuda
}  // namespace gdl
