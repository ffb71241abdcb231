// Latent vectors moved along directions.
#include "common.cuh"

namespace gdl {
namespace cuda {

template <class Storage, bool kAligned>
__global__ void __launch_bounds__(kThreads) arithmetic_kernel(gdl_arithmetic_args a, Quads quads) {
  typedef typename Storage::T T;
  for (int64_t quad = thread_index(); quad < quads.count; quad += thread_count()) {
    int size;
    const int64_t at = quads.element<kAligned>(quad, size), line = quads.row(quad), col = at - line * a.cols;
    const int64_t step = line / a.rows, row = line - step * a.rows;
    float sum[4] = {}, next[4];
    for (int64_t d = 0; d < a.count; ++d) {
      const float alpha = a.alpha[step * a.count + d];
      load_quad<Storage, kAligned>(static_cast<const T*>(a.directions) + d * a.cols + col, size, next);
#pragma unroll
      for (int j = 0; j < 4; ++j) sum[j] = Scalar::fma(alpha, next[j], sum[j]);
    }
    load_quad<Storage, kAligned>(static_cast<const T*>(a.z) + row * a.cols + col, size, next);
#pragma unroll
    for (int j = 0; j < 4; ++j) sum[j] = Scalar::add(next[j], sum[j]);
    store_quad<Storage, kAligned>(static_cast<T*>(a.out) + at, size, sum);
  }
}

template <class Storage> struct Arithmetic {
  static int run(const gdl_arithmetic_args& args, const gdl_cuda_call& call) {
    if (args.steps < 0 || args.rows < 0 || args.cols < 0 || args.count < 0) return GDL_BAD_ARGUMENT;
    const Quads quads(args.steps * args.rows, args.cols);
    if (quads.count == 0) return GDL_OK;
    const unsigned blocks = blocks_for(quads.count, kThreads);
    const bool whole = quads.whole() && aligned<Storage>(args.z) && aligned<Storage>(args.directions) && aligned<Storage>(args.out);
    if (whole) {
      arithmetic_kernel<Storage, true><<<blocks, kThreads, 0, stream_of(call)>>>(args, quads);
    } else {
      arithmetic_kernel<Storage, false><<<blocks, kThreads, 0, stream_of(call)>>>(args, quads);
    }
    return launched();
  }
};

}  // namespace cuda
}  // namespace gdl

int gdl_cuda_arithmetic(const gdl_arithmetic_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::Arithmetic>(*args, *call);
}

int64_t gdl_cuda_arithmetic_scratch(const gdl_arithmetic_args*) { return 0; }
