// Parameters and names of the kernels of arithmetic.cu.
#pragma once
#include "kernels.h"

namespace gdl {
namespace cuda {

struct Arithmetic {
  gdl_arithmetic_args args;
  Quads quads;
};

#define GDL_ARITHMETIC_KERNELS(X) GDL_TYPES_AND_SHAPES(X, arithmetic, Arithmetic)

}  // namespace cuda
}  // namespace gdl
