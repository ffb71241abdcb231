// Standard normal and uniform noise.
#include "common.cuh"
#include "randn.h"

namespace gdl {
namespace cuda {

template <class Storage, bool kWhole, bool kNormal> __device__ void draw(const Draw& p) {
  Generator<true> generator(p.key);
  for (int64_t quad = thread_index(); quad < p.quads.count; quad += thread_count()) {
    float numbers[4];
    if constexpr (kNormal) {
      generator(p.quads, quad, numbers);
    } else {
      generator.uniform<Storage::kBits>(p.quads, quad, numbers);
    }
    int size;
    const int64_t at = p.quads.element<kWhole>(quad, size);
    store_quad<Storage, kWhole>(element<Storage>(p.out, at), size, numbers);
  }
}

template <class Storage, bool kWhole> __device__ void draw_normal(const Draw& p) { draw<Storage, kWhole, true>(p); }
template <class Storage, bool kWhole> __device__ void draw_uniform(const Draw& p) { draw<Storage, kWhole, false>(p); }

GDL_RANDN_KERNELS(GDL_DEFINE_KERNEL)

}  // namespace cuda
}  // namespace gdl
