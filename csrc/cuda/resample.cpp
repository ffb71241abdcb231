// Resampling with a filter: the launch.
#include "resample.h"

#include "launch.h"

namespace gdl {
namespace cuda {
namespace {

Kernels<gdl_resample_args> resample("resample", {GDL_RESAMPLE_KERNELS(GDL_KERNEL_NAME)});

int run(const gdl_resample_args& args, const gdl_cuda_call& call) {
  if (args.planes < 0 || args.height < 0 || args.width < 0 || args.out_height < 0 || args.out_width < 0 || args.up < 1 ||
      args.down < 1 || args.tap_count < 1 || args.tap_count > GDL_MAX_TAPS || !is_dtype(args.dtype)) {
    return GDL_BAD_ARGUMENT;
  }
  const int64_t count = args.planes * args.out_height * args.out_width;
  return count == 0 ? GDL_OK : resample.launch(args.dtype, blocks_for(count, kThreads), args, call);
}

}  // namespace
}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_resample_scratch(const gdl_resample_args*) { return 0; }

int gdl_cuda_resample(const gdl_resample_args* args, const gdl_cuda_call* call) { return gdl::cuda::run(*args, *call); }
