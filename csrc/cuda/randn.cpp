// Standard normal and uniform noise: the launches.
#include "randn.h"

#include "launch.h"

namespace gdl {
namespace cuda {
namespace {

Kernels<Draw> draw_normal("randn", {GDL_DRAW_NORMAL(GDL_KERNEL_NAME)});
Kernels<Draw> draw_uniform("randn", {GDL_DRAW_UNIFORM(GDL_KERNEL_NAME)});

int draw(Kernels<Draw>& kernels, const gdl_randn_args& args, const gdl_cuda_call& call) {
  const Quads quads = make_quads(args.noise.rows, args.noise.cols);
  if (!is_dtype(args.dtype)) return GDL_BAD_ARGUMENT;
  if (quads.count == 0) return GDL_OK;
  const bool whole = quads.whole() && aligned(args.out, args.dtype);
  const Draw parameters = {quads, make_key(args.noise, call), args.out};
  return kernels.launch(variant(whole, args.dtype), blocks_for(quads.count, kThreads), parameters, call);
}

}  // namespace
}  // namespace cuda
}  // namespace gdl

int gdl_cuda_randn(const gdl_randn_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::draw(gdl::cuda::draw_normal, *args, *call);
}

int64_t gdl_cuda_randn_scratch(const gdl_randn_args*) { return 0; }

int gdl_cuda_uniform(const gdl_uniform_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::draw(gdl::cuda::draw_uniform, *args, *call);
}

int64_t gdl_cuda_uniform_scratch(const gdl_uniform_args*) { return 0; }
