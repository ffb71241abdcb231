// Upsampling by zeros, FIR filter, downsampling: a thread for each output pixel, which reads only the pixels that its taps
// meet. Sums are added in the order of the CPU: along the column, then along the row.
#include "resample.h"

#include "common.cuh"

namespace gdl {
namespace cuda {

// The taps first_tap, first_tap + up, ... lie on the pixels pixel, pixel + 1, ...
struct TapStart {
  int64_t pixel, first_tap;
  __device__ TapStart(int64_t index, int64_t up, int64_t down, int64_t before) {
    const int64_t position = index * down - before;
    pixel = position > 0 ? quotient(position + up - 1, up) : -quotient(-position, up);
    first_tap = pixel * up - position;
  }
};

template <class Storage> __device__ void resample(const gdl_resample_args& args) {
  __shared__ float taps[GDL_MAX_TAPS], gained[GDL_MAX_TAPS];  // in the order of correlation; the second times the gain
  for (int64_t j = threadIdx.x; j < args.tap_count; j += kThreads) {
    taps[j] = args.taps[args.flip ? j : args.tap_count - 1 - j];
    gained[j] = Scalar::mul(taps[j], args.gain);
  }
  __syncthreads();
  const int64_t count = args.planes * args.out_height * args.out_width;
  for (int64_t i = thread_index(); i < count; i += thread_count()) {
    const int64_t row = quotient(i, args.out_width), plane = quotient(row, args.out_height);
    const TapStart column(i - row * args.out_width, args.up, args.down, args.left);
    const TapStart line(row - plane * args.out_height, args.up, args.down, args.top);
    const typename Storage::T* x = element<Storage>(args.x, plane * args.height * args.width);
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
    Storage::store(element<Storage>(args.out, i), sum);
  }
}

GDL_RESAMPLE_KERNELS(GDL_DEFINE_KERNEL)

}  // namespace cuda
}  // namespace gdl
