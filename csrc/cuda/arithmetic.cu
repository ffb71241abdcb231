// Latent vectors moved along directions.
#include "arithmetic.h"

#include "common.cuh"

namespace gdl {
namespace cuda {

template <class Storage, bool kWhole> __device__ void arithmetic(const Arithmetic& p) {
  const gdl_arithmetic_args& a = p.args;
  for (int64_t quad = thread_index(); quad < p.quads.count; quad += thread_count()) {
    int size;
    const int64_t at = p.quads.element<kWhole>(quad, size), line = p.quads.row(quad), col = at - line * a.cols;
    const int64_t step = quotient(line, a.rows), row = line - step * a.rows;
    float sum[4] = {}, next[4];
    for (int64_t d = 0; d < a.count; ++d) {
      const float alpha = a.alpha[step * a.count + d];
      load_quad<Storage, kWhole>(element<Storage>(a.directions, d * a.cols + col), size, next);
#pragma unroll
      for (int j = 0; j < 4; ++j) sum[j] = Scalar::fma(alpha, next[j], sum[j]);
    }
    load_quad<Storage, kWhole>(element<Storage>(a.z, row * a.cols + col), size, next);
#pragma unroll
    for (int j = 0; j < 4; ++j) sum[j] = Scalar::add(next[j], sum[j]);
    store_quad<Storage, kWhole>(element<Storage>(a.out, at), size, sum);
  }
}

GDL_ARITHMETIC_KERNELS(GDL_DEFINE_KERNEL)

}  // namespace cuda
}  // namespace gdl
