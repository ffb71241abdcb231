// Parameters and names of the kernels of randn.cu.
#pragma once
#include "kernels.h"

namespace gdl {
namespace cuda {

struct Draw {
  Quads quads;
  Key key;
  void* out;
};

#define GDL_DRAW_NORMAL(X) GDL_TYPES_AND_SHAPES(X, draw_normal, Draw)
#define GDL_DRAW_UNIFORM(X) GDL_TYPES_AND_SHAPES(X, draw_uniform, Draw)

#define GDL_RANDN_KERNELS(X) \
  GDL_DRAW_NORMAL(X) GDL_DRAW_UNIFORM(X)

}  // namespace cuda
}  // namespace gdl
