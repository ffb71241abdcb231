// Upsampling by zeros, FIR filter, downsampling: a thread for each output pixel, which reads only the pixels that its taps
// meet. Sums are added in the order of the CPU: along the column, then along the row.
#include "common.cuh"

namespace gdl {
namespace cuda {
namespace {

// The taps first_tap, first_tap + up, ... lie on the pixels start, start + 1, ...
struct TapStart {
  int64_t pixel, first_tap;
  __device__ TapStart(int64_t index, int64_t up, int64_t down, int64_t before) {
    const int64_t position = index * down - before;
    pixel = position > 0 ? (position + up - 1) / up : -(-position / up);
    first_tap = pixel * up - position;
  }
};

template <class Storage> __global__ void __launch_bounds__(kThreads) resample_kernel(gdl_resample_args args) {
  typedef typename Storage::T T;
  __shared__ float taps[GDL_MAX_TAPS], gained[GDL_MAX_TAPS];  // in the order of correlation; the second times the gain
  for (int64_t j = threadIdx.x; j < args.tap_count; j += kThreads) {
    taps[j] = args.taps[args.flip ? j : args.tap_count - 1 - j];
    gained[j] = Scalar::mul(taps[j], args.gain);
  }
  __syncthreads();
  const int64_t count = args.planes * args.out_height * args.out_width;
  for (int64_t i = thread_index(); i < count; i += thread_count()) {
    const int64_t row = i / args.out_width, plane = row / args.out_height;
    const TapStart column(i - row * args.out_width, args.up, args.down, args.left);
    const TapStart line(row - plane * args.out_height, args.up, args.down, args.top);
    const T* x = static_cast<const T*>(args.x) + plane * args.height * args.width;
    float sum = 0.0f;
    int64_t c = column.pixel;
    for (int64_t j = column.first_tap; j < args.tap_count && c < args.width; j += args.up, ++c) {
      if (c < 0) continue;
      float mixed = 0.0f;
      int64_t r = line.pixel;
      for (int64_t k = line.first_tap; k < args.tap_count && r < args.height; k += args.up, ++r) {
        if (r >= 0) mixed = Scalar::fma(gained[k], Storage::load(x + r * args.width + c), mixed);
      }
      sum = Scalar::fma(taps[j], mixed, sum);
    }
    Storage::store(static_cast<T*>(args.out) + i, sum);
  }
}

template <class Storage> struct Resample {
  static int run(const gdl_resample_args& args, const gdl_cuda_call& call) {
    if (args.planes < 0 || args.height < 0 || args.width < 0 || args.out_height < 0 || args.out_width < 0 || args.up < 1 ||
        args.down < 1 || args.tap_count < 1 || args.tap_count > GDL_MAX_TAPS) {
      return GDL_BAD_ARGUMENT;
    }
    const int64_t count = args.planes * args.out_height * args.out_width;
    if (count == 0) return GDL_OK;
    resample_kernel<Storage><<<blocks_for(count, kThreads), kThreads, 0, stream_of(call)>>>(args);
    return launched();
  }
};

}  // namespace
}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_resample_scratch(const gdl_resample_args*) { return 0; }

int gdl_cuda_resample(const gdl_resample_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::Resample>(*args, *call);
}
