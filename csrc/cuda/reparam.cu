// The reparameterization trick with its KL divergence, forward and backward.
#include "reparam.h"

#include "common.cuh"

namespace gdl {
namespace cuda {

// Noise for float32 waits for memory, noise for types of two bytes for arithmetic.
template <class Storage> using GeneratorFor = Generator<sizeof(typename Storage::T) == 2>;

// ---- forward ---------------------------------------------------------------------------------------------------------

// Writes the z of one quad and returns its share of the KL divergence.
template <class Storage, bool kWhole>
__device__ float forward_quad(const ReparamForward& p, GeneratorFor<Storage>& generator, int64_t quad) {
  int size;
  const int64_t at = p.quads.element<kWhole>(quad, size);
  float mean[4], log_var[4], z[4];
  load_quad<Storage, kWhole>(element<Storage>(p.mean, at), size, mean);
  load_quad<Storage, kWhole>(element<Storage>(p.log_var, at), size, log_var);
  generator(p.quads, quad, z);
  float kl = 0.0f;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    float clamped, std, variance_minus_one;
    M::variance_terms(log_var[j], clamped, std, variance_minus_one);
    z[j] = Scalar::fma(std, z[j], mean[j]);
    kl += M::kl_term(mean[j], clamped, variance_minus_one);  // elements past the row's end were read as 0: no share
  }
  store_quad<Storage, kWhole>(element<Storage>(p.z, at), size, z);
  return kl;
}

template <class Storage, bool kWhole> __device__ void reparam_forward(const ReparamForward& p) {
  GeneratorFor<Storage> generator(p.key);
  for (int64_t quad = thread_index(); quad < p.quads.count; quad += thread_count()) {
    forward_quad<Storage, kWhole>(p, generator, quad);
  }
}

template <class Storage, bool kWhole> __device__ void reparam_forward_kl(const ReparamForward& p) {
  GeneratorFor<Storage> generator(p.key);
  const int group = p.group, lane = (int)threadIdx.x & (group - 1);
  const int64_t groups = groups_in(thread_count(), group), per_row = p.quads.per_row;
  for (int64_t piece = groups_in(thread_index(), group); piece < p.count; piece += groups) {
    const int64_t row = p.per_row == 1 ? piece : quotient(piece, p.per_row);
    const int64_t begin = (piece - row * p.per_row) * kQuadsPerPiece;
    const int64_t first = row * per_row, end = first + (p.per_row == 1 ? per_row : smaller(begin + kQuadsPerPiece, per_row));
    float sum = 0.0f;
    for (int64_t quad = first + begin + lane; quad < end; quad += group) {
      sum += forward_quad<Storage, kWhole>(p, generator, quad);
    }
    sum = group_sum(sum, group);
    if (lane == 0) p.kl[piece] = sum;
  }
}

template <class> __device__ void sum_pieces(const SumPieces& p) {
  for (int64_t row = thread_index(); row < p.rows; row += thread_count()) {
    double sum = 0.0;
    for (int64_t i = 0; i < p.per_row; ++i) sum += (double)p.pieces[row * p.per_row + i];
    p.kl[row] = (float)sum;
  }
}

// One block, in a fixed order. Sixteen numbers of each thread are under way at once: there is nothing else to wait for.
template <class> __device__ void sum(const Sum& p) {
  enum { kAtOnce = 4 };
  double four[4] = {};
  const int64_t quads = reinterpret_cast<uint64_t>(p.values) % sizeof(float4) == 0 ? p.count / 4 : 0;
  int64_t i = threadIdx.x;
  for (; i + (kAtOnce - 1) * kThreads < quads; i += kAtOnce * kThreads) {
    float v[kAtOnce][4];
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) Float32::load4(p.values + 4 * (i + k * kThreads), v[k]);
#pragma unroll
    for (int k = 0; k < kAtOnce; ++k) {
#pragma unroll
      for (int j = 0; j < 4; ++j) four[j] += (double)v[k][j];
    }
  }
  for (; i < quads; i += kThreads) {
#pragma unroll
    for (int j = 0; j < 4; ++j) four[j] += (double)p.values[4 * i + j];
  }
  for (i = 4 * quads + threadIdx.x; i < p.count; i += kThreads) four[0] += (double)p.values[i];
  double sum = (four[0] + four[1]) + (four[2] + four[3]);
  for (int step = kWarp / 2; step; step >>= 1) sum += __shfl_down_sync(0xFFFFFFFFu, sum, step);
  __shared__ double sums[kThreads / kWarp];
  if (threadIdx.x % kWarp == 0) sums[threadIdx.x / kWarp] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    for (int w = 1; w < kThreads / kWarp; ++w) sum += sums[w];
    *p.out = (float)(sum * (double)p.scale);
  }
}

// A block takes 32 columns of a piece of the rows, and each of its warps every eighth row.
template <class Storage> __device__ void kl_columns(const KlColumns& p) {
  enum { kWarps = kThreads / kWarp };
  __shared__ double sums[kWarps][kWarp];
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  const int64_t strips = (p.cols + kWarp - 1) / kWarp;
  for (int64_t item = blockIdx.x; item < p.pieces * strips; item += gridDim.x) {
    const int64_t piece = quotient(item, strips), col = (item - piece * strips) * kWarp + lane;
    const int64_t end = smaller((piece + 1) * p.size, p.rows);
    double sum = 0.0;
    for (int64_t row = piece * p.size + warp; col < p.cols && row < end; row += kWarps) {
      float clamped, std, variance_minus_one;
      const int64_t at = row * p.cols + col;
      M::variance_terms(Storage::load(element<Storage>(p.log_var, at)), clamped, std, variance_minus_one);
      sum += (double)M::kl_term(Storage::load(element<Storage>(p.mean, at)), clamped, variance_minus_one);
    }
    sums[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && col < p.cols) {
      for (int w = 1; w < kWarps; ++w) sum += sums[w][lane];
      if (p.sums) {
        p.sums[piece * p.cols + col] = sum;
      } else {
        p.kl[col] = (float)sum;
      }
    }
    __syncthreads();
  }
}

template <class> __device__ void kl_columns_total(const KlColumns& p) {
  for (int64_t col = thread_index(); col < p.cols; col += thread_count()) {
    double sum = 0.0;
    for (int64_t piece = 0; piece < p.pieces; ++piece) sum += p.sums[piece * p.cols + col];
    p.kl[col] = (float)sum;
  }
}

// ---- backward --------------------------------------------------------------------------------------------------------

__device__ inline void load_grad_kl(const ReparamBackward& p, int64_t quad, int size, float (&g)[4]) {
  const int64_t row = p.kl_layout == GDL_KL_SHARED ? 0 : p.quads.row(quad);
  const float* of_columns = p.grad_kl + 4 * (quad - row * p.quads.per_row);
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    if (j < size) g[j] = Scalar::mul(p.kl_layout == GDL_KL_COLUMNS ? of_columns[j] : p.grad_kl[row], p.kl_scale);
  }
}

template <class Storage, bool kWhole> __device__ void reparam_backward(const ReparamBackward& p) {
  GeneratorFor<Storage> generator(p.key);
  for (int64_t quad = thread_index(); quad < p.quads.count; quad += thread_count()) {
    int size;
    const int64_t at = p.quads.element<kWhole>(quad, size);
    float log_var[4], mean[4] = {}, noise[4] = {}, to_mean[4] = {}, to_log_var[4] = {}, g[4] = {};
    load_quad<Storage, kWhole>(element<Storage>(p.log_var, at), size, log_var);
    if (p.grad_z) {
      load_quad<Storage, kWhole>(element<Storage>(p.grad_z, at), size, to_mean);
      generator(p.quads, quad, noise);
    }
    if (p.grad_kl) {
      load_quad<Storage, kWhole>(element<Storage>(p.mean, at), size, mean);
      load_grad_kl(p, quad, size, g);
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      float clamped, std, variance_minus_one;
      M::variance_terms(log_var[j], clamped, std, variance_minus_one);
      if (p.grad_z) {
        to_log_var[j] = Scalar::mul(Scalar::mul(to_mean[j], noise[j]), Scalar::mul(std, 0.5f));
      }
      if (p.grad_kl) {
        to_mean[j] = Scalar::fma(g[j], mean[j], to_mean[j]);
        to_log_var[j] = Scalar::fma(Scalar::mul(g[j], 0.5f), variance_minus_one, to_log_var[j]);
      }
    }
    if (p.grad_kl) store_quad<Storage, kWhole>(element<Storage>(p.grad_mean, at), size, to_mean);
    store_quad<Storage, kWhole>(element<Storage>(p.grad_log_var, at), size, to_log_var);
  }
}

GDL_REPARAM_KERNELS(GDL_DEFINE_KERNEL)

}  // namespace cuda
}  // namespace gdl
