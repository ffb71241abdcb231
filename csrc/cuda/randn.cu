// Standard normal noise.
#include "common.cuh"

namespace gdl {
namespace cuda {

template <class Storage, bool kAligned>
__global__ void __launch_bounds__(kThreads) randn_kernel(typename Storage::T* out, Quads quads, Key key) {
  const Generator generator(key);
  for (int64_t quad = thread_index(); quad < quads.count; quad += thread_count()) {
    float normals[4];
    generator(quad, normals);
    int size;
    const int64_t at = quads.element<kAligned>(quad, size);
    store_quad<Storage, kAligned>(out + at, size, normals);
  }
}

template <class Storage> struct Randn {
  static int run(const gdl_randn_args& args, const gdl_cuda_call& call) {
    const cudaStream_t stream = stream_of(call);
    typedef typename Storage::T T;
    const Quads quads(args.noise.rows, args.noise.cols);
    if (quads.count == 0) return GDL_OK;
    const unsigned blocks = blocks_for(quads.count, kThreads);
    const Key key = make_key(args.noise, call);
    T* out = static_cast<T*>(args.out);
    if (quads.whole() && aligned<Storage>(out)) {
      randn_kernel<Storage, true><<<blocks, kThreads, 0, stream>>>(out, quads, key);
    } else {
      randn_kernel<Storage, false><<<blocks, kThreads, 0, stream>>>(out, quads, key);
    }
    return launched();
  }
};

}  // namespace cuda
}  // namespace gdl

int gdl_cuda_randn(const gdl_randn_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::Randn>(*args, *call);
}

int64_t gdl_cuda_randn_scratch(const gdl_randn_args*) { return 0; }
