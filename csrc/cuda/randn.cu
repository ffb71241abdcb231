// Standard normal and uniform noise.
#include "common.cuh"

namespace gdl {
namespace cuda {

template <class Storage, bool kAligned, bool kNormal>
__global__ void __launch_bounds__(kThreads) draw_kernel(typename Storage::T* out, Quads quads, Key key) {
  const Generator generator(key);
  for (int64_t quad = thread_index(); quad < quads.count; quad += thread_count()) {
    float numbers[4];
    if (kNormal) {
      generator(quads, quad, numbers);
    } else {
      generator.uniform<Storage::kBits>(quads, quad, numbers);
    }
    int size;
    const int64_t at = quads.element<kAligned>(quad, size);
    store_quad<Storage, kAligned>(out + at, size, numbers);
  }
}

template <class Storage, bool kNormal> struct Draw {
  static int run(const gdl_randn_args& args, const gdl_cuda_call& call) {
    typedef typename Storage::T T;
    const cudaStream_t stream = stream_of(call);
    const Quads quads(args.noise.rows, args.noise.cols);
    if (quads.count == 0) return GDL_OK;
    const unsigned blocks = blocks_for(quads.count, kThreads);
    const Key key = make_key(args.noise, call);
    T* out = static_cast<T*>(args.out);
    if (quads.whole() && aligned<Storage>(out)) {
      draw_kernel<Storage, true, kNormal><<<blocks, kThreads, 0, stream>>>(out, quads, key);
    } else {
      draw_kernel<Storage, false, kNormal><<<blocks, kThreads, 0, stream>>>(out, quads, key);
    }
    return launched();
  }
};

template <class Storage> struct Randn : Draw<Storage, true> {};
template <class Storage> struct RandomUnit : Draw<Storage, false> {};

}  // namespace cuda
}  // namespace gdl

int gdl_cuda_randn(const gdl_randn_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::Randn>(*args, *call);
}

int64_t gdl_cuda_randn_scratch(const gdl_randn_args*) { return 0; }

int gdl_cuda_uniform(const gdl_uniform_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::RandomUnit>(*args, *call);
}

int64_t gdl_cuda_uniform_scratch(const gdl_uniform_args*) { return 0; }
