// Lines through keyframes: the launches.
#include "path.h"

#include "launch.h"

namespace gdl {
namespace cuda {
namespace {

Kernels<PathArcs> path_arcs("path", {GDL_PATH_ARCS(GDL_KERNEL_NAME)});
Kernels<PathWeights> path_weights("path", {GDL_PATH_WEIGHTS(GDL_KERNEL_NAME)});
Kernels<PathBlend> path_blend("path", {GDL_PATH_BLEND(GDL_KERNEL_NAME)});
Kernels<PathBackward> path_segments("path", {GDL_PATH_SEGMENTS(GDL_KERNEL_NAME)});
Kernels<PathBackward> path_order("path", {GDL_PATH_ORDER(GDL_KERNEL_NAME)});
Kernels<PathBackward> path_project("path", {GDL_PATH_PROJECT(GDL_KERNEL_NAME)});
Kernels<PathBackward> path_steps("path", {GDL_PATH_STEPS(GDL_KERNEL_NAME)});
Kernels<PathBackward> path_grad_t("path", {GDL_PATH_GRAD_T(GDL_KERNEL_NAME)});
Kernels<PathBackward> path_arc_gradient("path", {GDL_PATH_ARC_GRADIENT(GDL_KERNEL_NAME)});
Kernels<PathBackward> path_gather("path", {GDL_PATH_GATHER(GDL_KERNEL_NAME)});

bool valid(const gdl_path& p, int32_t dtype) {
  return p.count >= 2 && p.steps >= 0 && p.rows >= 0 && p.cols >= 0 && p.mode >= GDL_LERP && p.mode <= GDL_CATMULL_ROM &&
         is_dtype(dtype);
}

int64_t arc_count(const gdl_path& p) { return p.mode == GDL_SLERP ? segments_of(p) * p.rows : 0; }

int find_arcs(const gdl_path& p, const void* keyframes, int32_t dtype, Arc* arcs, const gdl_cuda_call& call) {
  if (arc_count(p) == 0) return GDL_OK;
  const PathArcs parameters = {p, keyframes, arcs};
  return path_arcs.launch(dtype, blocks_for(arc_count(p), kThreads / kWarp), parameters, call);
}

int run_forward(gdl_path_forward_args args, const gdl_cuda_call& call) {
  if (!valid(args.path, args.dtype)) return GDL_BAD_ARGUMENT;
  args.path = with_stride(args.path);
  const gdl_path& p = args.path;
  if (p.steps * p.rows * p.cols == 0) return GDL_OK;
  Arc* arcs = static_cast<Arc*>(call.scratch);
  Weights* weights = reinterpret_cast<Weights*>(arcs + arc_count(p));
  int status = find_arcs(p, args.keyframes, args.dtype, arcs, call);
  if (status != GDL_OK) return status;
  const PathWeights weigh = {p, args.t, arcs, weights};
  status = path_weights.launch(0, blocks_for(p.steps * p.rows, kThreads), weigh, call);
  if (status != GDL_OK) return status;
  const Quads quads = make_quads(p.steps * p.rows, p.cols);
  const bool whole = quads.whole() && p.stride % 4 == 0 && aligned(args.keyframes, args.dtype) && aligned(args.out, args.dtype);
  const PathBlend blend = {p, quads, args.keyframes, weights, args.out};
  const bool four = points_of(p.mode) == 4;
  return path_blend.launch(variant(2 * four + whole, args.dtype), blocks_for(quads.count, kThreads), blend, call);
}

int run_backward(gdl_path_backward_args args, const gdl_cuda_call& call) {
  if (!valid(args.path, args.dtype)) return GDL_BAD_ARGUMENT;
  args.path = with_stride(args.path);
  const gdl_path& p = args.path;
  const int64_t moments = p.steps * p.rows, segments = segments_of(p);
  Arc* arcs = static_cast<Arc*>(call.scratch);
  ArcGradient* gradients = reinterpret_cast<ArcGradient*>(arcs + arc_count(p));
  StepGradient* steps = reinterpret_cast<StepGradient*>(gradients + arc_count(p));
  int64_t* first = reinterpret_cast<int64_t*>(steps + moments);
  const Quads quads = make_quads(p.count * p.rows, p.cols);
  const PathBackward b = {p, quads, args.grad_out, args.keyframes, args.t, arcs, gradients, steps,
                          first + segments + 1, first, first + segments + 1 + p.steps, args.grad_keyframes, args.grad_t};
  const bool whole = quads.whole() && p.stride % 4 == 0 && aligned(args.grad_out, args.dtype) &&
                     aligned(args.keyframes, args.dtype) && aligned(args.grad_keyframes, args.dtype);
  int status = find_arcs(p, args.keyframes, args.dtype, arcs, call);
  const auto then = [&](Kernels<PathBackward>& kernels, int which, int64_t items, int64_t items_per_block) {
    if (status == GDL_OK && items > 0) status = kernels.launch(which, blocks_for(items, items_per_block), b, call);
  };
  then(path_segments, 0, p.steps, kThreads);
  then(path_order, 0, 1, 1);
  then(path_project, args.dtype, moments, kThreads / kWarp);
  then(path_steps, 0, moments, kThreads);
  then(path_grad_t, 0, p.steps, kThreads);
  then(path_arc_gradient, 0, arc_count(p), kThreads);
  then(path_gather, variant(whole, args.dtype), quads.count, kThreads);
  return status;
}

}  // namespace
}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_path_forward_scratch(const gdl_path_forward_args* args) {
  const gdl_path& p = args->path;
  return gdl::cuda::arc_count(p) * (int64_t)sizeof(gdl::Arc) + p.steps * p.rows * (int64_t)sizeof(gdl::cuda::Weights);
}

int64_t gdl_cuda_path_backward_scratch(const gdl_path_backward_args* args) {
  const gdl_path& p = args->path;
  return gdl::cuda::arc_count(p) * (int64_t)(sizeof(gdl::Arc) + sizeof(gdl::ArcGradient)) +
         p.steps * p.rows * (int64_t)sizeof(gdl::cuda::StepGradient) +
         (gdl::segments_of(p) + 1 + 2 * p.steps) * (int64_t)sizeof(int64_t);
}

int gdl_cuda_path_forward(const gdl_path_forward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::run_forward(*args, *call);
}

int gdl_cuda_path_backward(const gdl_path_backward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::run_backward(*args, *call);
}
