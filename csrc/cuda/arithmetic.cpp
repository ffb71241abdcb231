// Latent vectors moved along directions: the launch.
#include "arithmetic.h"

#include "launch.h"

namespace gdl {
namespace cuda {
namespace {

Kernels<Arithmetic> arithmetic("arithmetic", {GDL_ARITHMETIC_KERNELS(GDL_KERNEL_NAME)});

int run(const gdl_arithmetic_args& args, const gdl_cuda_call& call) {
  if (args.steps < 0 || args.rows < 0 || args.cols < 0 || args.count < 0 || !is_dtype(args.dtype)) return GDL_BAD_ARGUMENT;
  const Quads quads = make_quads(args.steps * args.rows, args.cols);
  if (quads.count == 0) return GDL_OK;
  const bool whole = quads.whole() && aligned(args.z, args.dtype) && aligned(args.directions, args.dtype) &&
                     aligned(args.out, args.dtype);
  const Arithmetic parameters = {args, quads};
  return arithmetic.launch(variant(whole, args.dtype), blocks_for(quads.count, kThreads), parameters, call);
}

}  // namespace
}  // namespace cuda
}  // namespace gdl

int gdl_cuda_arithmetic(const gdl_arithmetic_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::run(*args, *call);
}

int64_t gdl_cuda_arithmetic_scratch(const gdl_arithmetic_args*) { return 0; }
