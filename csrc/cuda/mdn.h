// Parameters and names of the kernels of mdn.cu.
#pragma once
#include "kernels.h"

namespace gdl {
namespace cuda {

struct MdnNll {
  gdl_mixture mixture;
  const void* target;
  float constant;
  float* nll;
  int32_t group;  // threads that work on a row: 1 or 32
};

struct MdnNllBackward {
  gdl_mdn_nll_backward_args args;
  float* densities;  // (rows, components): the joint log-densities on the way, then the responsibilities
  int32_t group;
};

struct MdnChoose {
  gdl_mixture mixture;
  Key key;
  float temperature;
  int64_t counters_per_row;
  int64_t* component;
  float* totals;  // 1 or more where a row has a distribution
};

struct MdnDraw {
  gdl_mixture mixture;
  Quads quads;
  Key key;
  float scale;
  const int64_t* component;
  const float* totals;
  void* x;
};

#define GDL_MDN_NLL(X) GDL_TYPES(X, mdn_nll, MdnNll)
#define GDL_MDN_NLL_BACKWARD(X) GDL_TYPES(X, mdn_nll_backward, MdnNllBackward)
#define GDL_MDN_CHOOSE(X) GDL_TYPES(X, mdn_choose, MdnChoose)
#define GDL_MDN_DRAW(X) GDL_TYPES(X, mdn_draw, MdnDraw)

#define GDL_MDN_KERNELS(X) \
  GDL_MDN_NLL(X) GDL_MDN_NLL_BACKWARD(X) GDL_MDN_CHOOSE(X) GDL_MDN_DRAW(X)

}  // namespace cuda
}  // namespace gdl
