// Parameters and names of the kernels of path.cu.
#pragma once
#include "gdl/path_math.h"
#include "kernels.h"

namespace gdl {
namespace cuda {

// What a point of one step and row is made of: weights, and where the rows of its keyframes begin.
struct Weights {
  float weights[kMaxPoints];
  int64_t starts[kMaxPoints];
};

struct StepGradient {
  float weights[kMaxPoints];  // before: the gradient projected on each keyframe of the segment
  PathSums sums;
};

// The arc of segment s in row r is arcs[s * rows + r].
struct PathArcs {
  gdl_path path;
  const void* keyframes;
  Arc* arcs;
};

struct PathWeights {
  gdl_path path;
  const float* t;
  const Arc* arcs;
  Weights* weights;  // (steps, rows)
};

struct PathBlend {
  gdl_path path;
  Quads quads;
  const void* keyframes;
  const Weights* weights;
  void* out;
};

// `steps` is (steps, rows). The steps order[first[s]] up to order[first[s + 1]] lie on segment s.
struct PathBackward {
  gdl_path path;
  Quads quads;  // of the keyframes
  const void *grad_out, *keyframes;
  const float* t;
  const Arc* arcs;
  ArcGradient* gradients;  // like arcs
  StepGradient* steps;
  int64_t *segments, *first, *order;  // (steps), (segments + 1), (steps)
  void* grad_keyframes;
  float* grad_t;
};

#define GDL_PATH_ARCS(X) GDL_TYPES(X, path_arcs, PathArcs)
#define GDL_PATH_WEIGHTS(X) X(path_weights, f32, PathWeights, Float32)
// Of two or four keyframes.
#define GDL_PATH_BLEND(X)                                              \
  GDL_TYPES_WITH(X, path_blend, PathBlend, parts_2, false, 2)          \
  GDL_TYPES_WITH(X, path_blend, PathBlend, whole_2, true, 2)           \
  GDL_TYPES_WITH(X, path_blend, PathBlend, parts_4, false, 4)          \
  GDL_TYPES_WITH(X, path_blend, PathBlend, whole_4, true, 4)
#define GDL_PATH_SEGMENTS(X) X(path_segments, f32, PathBackward, Float32)
#define GDL_PATH_ORDER(X) X(path_order, f32, PathBackward, Float32)
#define GDL_PATH_PROJECT(X) GDL_TYPES(X, path_project, PathBackward)
#define GDL_PATH_STEPS(X) X(path_steps, f32, PathBackward, Float32)
#define GDL_PATH_GRAD_T(X) X(path_grad_t, f32, PathBackward, Float32)
#define GDL_PATH_ARC_GRADIENT(X) X(path_arc_gradient, f32, PathBackward, Float32)
#define GDL_PATH_GATHER(X) GDL_TYPES_AND_SHAPES(X, path_gather, PathBackward)

#define GDL_PATH_KERNELS(X) \
  GDL_PATH_ARCS(X) GDL_PATH_WEIGHTS(X) GDL_PATH_BLEND(X) GDL_PATH_SEGMENTS(X) GDL_PATH_ORDER(X) GDL_PATH_PROJECT(X) \
  GDL_PATH_STEPS(X) GDL_PATH_GRAD_T(X) GDL_PATH_ARC_GRADIENT(X) GDL_PATH_GATHER(X)

}  // namespace cuda
}  // namespace gdl
