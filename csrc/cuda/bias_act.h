// Parameters and names of the kernels of bias_act.cu.
#pragma once
#include "kernels.h"

namespace gdl {
namespace cuda {

struct BiasActForward {
  gdl_bias_act shape;
  Quads quads;
  const void* x;
  const float* bias;
  void* out;
};

struct BiasActBackward {
  gdl_bias_act shape;
  Quads quads;
  const void *grad, *out;
  void* grad_x;
};

// The elements of a channel, (outer, inner), in `pieces` pieces of `size`.
struct BiasActSum {
  gdl_bias_act shape;
  int64_t size, pieces;
  const void *grad, *out;
  void* grad_x;
  float* sums;  // (pieces, channels)
};

struct BiasActTotal {
  int64_t channels, pieces;
  const float* sums;
  float* totals;
};

#define GDL_BIAS_ACT_FORWARD(X) GDL_TYPES_AND_SHAPES(X, bias_act_forward, BiasActForward)
#define GDL_BIAS_ACT_BACKWARD(X) GDL_TYPES_AND_SHAPES(X, bias_act_backward, BiasActBackward)
#define GDL_BIAS_ACT_SUM(X) GDL_TYPES(X, bias_act_sum, BiasActSum)
#define GDL_BIAS_ACT_SUM_ACROSS(X) GDL_TYPES(X, bias_act_sum_across, BiasActSum)
#define GDL_BIAS_ACT_TOTAL(X) X(bias_act_total, f32, BiasActTotal, Float32)

#define GDL_BIAS_ACT_KERNELS(X) \
  GDL_BIAS_ACT_FORWARD(X) GDL_BIAS_ACT_BACKWARD(X) GDL_BIAS_ACT_SUM(X) GDL_BIAS_ACT_SUM_ACROSS(X) \
  GDL_BIAS_ACT_TOTAL(X)

}  // namespace cuda
}  // namespace gdl
