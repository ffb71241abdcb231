// The reparameterization trick with its KL divergence, forward and backward.
#include "common.cuh"

namespace gdl {
namespace cuda {

// ---- forward -------------------------------------------------------------------------------------------------------

template <class Storage> struct ForwardArrays {
  const typename Storage::T *mean, *log_var;
  typename Storage::T* z;
};

// Writes the z of one quad and returns its share of the KL divergence.
template <class Storage, bool kAligned>
__device__ float forward_quad(const ForwardArrays<Storage>& a, const Quads& quads, const Generator& generator, int64_t quad) {
  int size;
  const int64_t at = quads.element<kAligned>(quad, size);
  float mean[4], log_var[4], z[4];
  load_quad<Storage, kAligned>(a.mean + at, size, mean);
  load_quad<Storage, kAligned>(a.log_var + at, size, log_var);
  generator(quads, quad, z);
  float kl = 0.0f;
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    float clamped, std, variance_minus_one;
    M::variance_terms(log_var[j], clamped, std, variance_minus_one);
    z[j] = Scalar::fma(std, z[j], mean[j]);
    kl += M::kl_term(mean[j], clamped, variance_minus_one);  // elements past the row's end were read as 0: no share
  }
  store_quad<Storage, kAligned>(a.z + at, size, z);
  return kl;
}

template <class Storage, bool kAligned>
__global__ void __launch_bounds__(kThreads) forward_kernel(ForwardArrays<Storage> arrays, Quads quads, Key key) {
  const Generator generator(key);
  for (int64_t quad = thread_index(); quad < quads.count; quad += thread_count()) {
    forward_quad<Storage, kAligned>(arrays, quads, generator, quad);
  }
}

enum { kQuadsPerThread = 8 };
const int64_t kQuadsPerPiece = kThreads * kQuadsPerThread;

// A group of threads works on a piece of a row, or on a whole row where the group is smaller than a block.
template <class Storage, bool kAligned, int kGroup>
__global__ void __launch_bounds__(kThreads)
    forward_kl_kernel(ForwardArrays<Storage> arrays, Quads quads, Key key, float* kl, int64_t pieces_per_row, int64_t pieces) {
  const Generator generator(key);
  const int64_t groups = thread_count() / kGroup;
  for (int64_t piece = thread_index() / kGroup; piece < pieces; piece += groups) {
    const int64_t row = piece / pieces_per_row, begin = (piece - row * pieces_per_row) * kQuadsPerPiece;
    int64_t end = pieces_per_row == 1 ? quads.per_row : begin + kQuadsPerPiece;
    end = end < quads.per_row ? end : quads.per_row;
    float sum = 0.0f;
    for (int64_t q = begin + threadIdx.x % kGroup; q < end; q += kGroup) {
      sum += forward_quad<Storage, kAligned>(arrays, quads, generator, row * quads.per_row + q);
    }
    sum = group_sum<kGroup>(sum);
    if (threadIdx.x % kGroup == 0) kl[piece] = sum;
  }
}

__global__ void __launch_bounds__(kThreads) sum_pieces_kernel(const float* pieces, float* kl, int64_t pieces_per_row, int64_t rows) {
  for (int64_t row = thread_index(); row < rows; row += thread_count()) {
    double sum = 0.0;
    for (int64_t i = 0; i < pieces_per_row; ++i) sum += (double)pieces[row * pieces_per_row + i];
    kl[row] = (float)sum;
  }
}

// One block, in a fixed order.
__global__ void __launch_bounds__(kThreads) sum_kernel(const float* values, int64_t count, float scale, float* out) {
  double sum = 0.0;
  for (int64_t i = threadIdx.x; i < count; i += kThreads) sum += (double)values[i];
  __shared__ double sums[kThreads];
  sums[threadIdx.x] = sum;
  for (int step = kThreads / 2; step; step >>= 1) {
    __syncthreads();
    if (threadIdx.x < step) sums[threadIdx.x] += sums[threadIdx.x + step];
  }
  if (threadIdx.x == 0) *out = (float)(sums[0] * (double)scale);
}

// The KL divergence of each column: a block takes 32 columns, and each of its warps every eighth row.
template <class Storage>
__global__ void __launch_bounds__(kThreads)
    kl_columns_kernel(const typename Storage::T* mean, const typename Storage::T* log_var, int64_t rows, int64_t cols, float* kl) {
  enum { kWarps = kThreads / kWarp };
  __shared__ double sums[kWarps][kWarp];
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  for (int64_t first = (int64_t)blockIdx.x * kWarp; first < cols; first += (int64_t)gridDim.x * kWarp) {
    const int64_t col = first + lane;
    double sum = 0.0;
    for (int64_t row = warp; col < cols && row < rows; row += kWarps) {
      float clamped, std, variance_minus_one;
      M::variance_terms(Storage::load(log_var + row * cols + col), clamped, std, variance_minus_one);
      sum += (double)M::kl_term(Storage::load(mean + row * cols + col), clamped, variance_minus_one);
    }
    sums[warp][lane] = sum;
    __syncthreads();
    if (warp == 0 && col < cols) {
      for (int w = 1; w < kWarps; ++w) sum += sums[w][lane];
      kl[col] = (float)sum;
    }
    __syncthreads();
  }
}

inline int64_t pieces_per_row(int64_t cols) {
  const int64_t pieces = ((cols + 3) / 4 + kQuadsPerPiece - 1) / kQuadsPerPiece;
  return pieces < 1 ? 1 : pieces;
}

template <class Storage> struct ReparamForward {
  typedef typename Storage::T T;

  template <bool kAligned, int kGroup>
  static int run_kl(const ForwardArrays<Storage>& arrays, const Quads& quads, const Key& key, float* kl, int64_t per_row,
                    int64_t rows, cudaStream_t stream) {
    const int64_t pieces = rows * per_row;
    const unsigned blocks = blocks_for(pieces, kThreads / kGroup);
    forward_kl_kernel<Storage, kAligned, kGroup><<<blocks, kThreads, 0, stream>>>(arrays, quads, key, kl, per_row, pieces);
    return launched();
  }

  template <bool kAligned>
  static int run_aligned(const gdl_reparam_forward_args& args, const ForwardArrays<Storage>& arrays, const Key& key,
                         float* scratch, cudaStream_t stream) {
    const int64_t rows = args.noise.rows;
    const Quads quads(rows, args.noise.cols);
    if (!args.kl || args.kl_layout == GDL_KL_COLUMNS) {
      if (quads.count > 0) {
        forward_kernel<Storage, kAligned><<<blocks_for(quads.count, kThreads), kThreads, 0, stream>>>(arrays, quads, key);
      }
      if (args.kl && args.noise.cols > 0) {
        kl_columns_kernel<Storage><<<blocks_for(args.noise.cols, kWarp), kThreads, 0, stream>>>(
            arrays.mean, arrays.log_var, rows, args.noise.cols, args.kl);
      }
      return launched();
    }
    if (rows == 0) return GDL_OK;
    if (quads.per_row <= 4) return run_kl<kAligned, 1>(arrays, quads, key, args.kl, 1, rows, stream);
    if (quads.per_row <= kWarp * kQuadsPerThread) {
      return run_kl<kAligned, kWarp>(arrays, quads, key, args.kl, 1, rows, stream);
    }
    const int64_t per_row = pieces_per_row(args.noise.cols);
    if (per_row == 1) return run_kl<kAligned, kThreads>(arrays, quads, key, args.kl, 1, rows, stream);
    const int status = run_kl<kAligned, kThreads>(arrays, quads, key, scratch, per_row, rows, stream);
    if (status != GDL_OK) return status;
    sum_pieces_kernel<<<blocks_for(rows, kThreads), kThreads, 0, stream>>>(scratch, args.kl, per_row, rows);
    return launched();
  }

  static int run(const gdl_reparam_forward_args& args, const gdl_cuda_call& call) {
    const cudaStream_t stream = stream_of(call);
    const ForwardArrays<Storage> arrays = {static_cast<const T*>(args.mean), static_cast<const T*>(args.log_var),
                                           static_cast<T*>(args.z)};
    const Key key = make_key(args.noise, call);
    const bool whole = args.noise.cols % 4 == 0 && aligned<Storage>(args.mean) && aligned<Storage>(args.log_var) &&
                       aligned<Storage>(args.z);
    float* pieces = static_cast<float*>(call.scratch);
    return whole ? run_aligned<true>(args, arrays, key, pieces, stream) : run_aligned<false>(args, arrays, key, pieces, stream);
  }
};

// ---- backward ------------------------------------------------------------------------------------------------------

template <class Storage> struct BackwardArrays {
  const typename Storage::T *grad_z, *mean, *log_var;
  const float* grad_kl;
  int32_t kl_layout;
  float kl_scale;
  typename Storage::T *grad_mean, *grad_log_var;
};

template <class Storage>
__device__ void load_grad_kl(const BackwardArrays<Storage>& a, const Quads& quads, int64_t quad, int size, float (&g)[4]) {
  const int64_t row = a.kl_layout == GDL_KL_SHARED ? 0 : quads.row(quad);
  const float* of_columns = a.grad_kl + 4 * (quad - row * quads.per_row);
#pragma unroll
  for (int j = 0; j < 4; ++j) {
    if (j < size) g[j] = Scalar::mul(a.kl_layout == GDL_KL_COLUMNS ? of_columns[j] : a.grad_kl[row], a.kl_scale);
  }
}

template <class Storage, bool kAligned, bool kGradZ, bool kGradKl>
__global__ void __launch_bounds__(kThreads) backward_kernel(BackwardArrays<Storage> a, Quads quads, Key key) {
  const Generator generator(key);
  for (int64_t quad = thread_index(); quad < quads.count; quad += thread_count()) {
    int size;
    const int64_t at = quads.element<kAligned>(quad, size);
    float log_var[4], mean[4] = {}, noise[4] = {}, to_mean[4] = {}, to_log_var[4] = {};
    load_quad<Storage, kAligned>(a.log_var + at, size, log_var);
    if (kGradZ) {
      load_quad<Storage, kAligned>(a.grad_z + at, size, to_mean);
      generator(quads, quad, noise);
    }
    if (kGradKl) load_quad<Storage, kAligned>(a.mean + at, size, mean);
    float g[4] = {};
    if (kGradKl) load_grad_kl(a, quads, quad, size, g);
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      float clamped, std, variance_minus_one;
      M::variance_terms(log_var[j], clamped, std, variance_minus_one);
      if (kGradZ) {
        to_log_var[j] = Scalar::mul(Scalar::mul(to_mean[j], noise[j]), Scalar::mul(std, 0.5f));
      }
      if (kGradKl) {
        to_mean[j] = Scalar::fma(g[j], mean[j], to_mean[j]);
        to_log_var[j] = Scalar::fma(Scalar::mul(g[j], 0.5f), variance_minus_one, to_log_var[j]);
      }
    }
    if (kGradKl) store_quad<Storage, kAligned>(a.grad_mean + at, size, to_mean);
    store_quad<Storage, kAligned>(a.grad_log_var + at, size, to_log_var);
  }
}

template <class Storage> struct ReparamBackward {
  typedef typename Storage::T T;

  template <bool kAligned>
  static int run_aligned(const BackwardArrays<Storage>& a, const Quads& quads, const Key& key, cudaStream_t stream) {
    const unsigned blocks = blocks_for(quads.count, kThreads);
    if (a.grad_z && a.grad_kl) {
      backward_kernel<Storage, kAligned, true, true><<<blocks, kThreads, 0, stream>>>(a, quads, key);
    } else if (a.grad_z) {
      backward_kernel<Storage, kAligned, true, false><<<blocks, kThreads, 0, stream>>>(a, quads, key);
    } else if (a.grad_kl) {
      backward_kernel<Storage, kAligned, false, true><<<blocks, kThreads, 0, stream>>>(a, quads, key);
    } else {
      return GDL_BAD_ARGUMENT;
    }
    return launched();
  }

  static int run(const gdl_reparam_backward_args& args, const gdl_cuda_call& call) {
    const cudaStream_t stream = stream_of(call);
    const BackwardArrays<Storage> a = {static_cast<const T*>(args.grad_z),
                                       static_cast<const T*>(args.mean),
                                       static_cast<const T*>(args.log_var),
                                       args.grad_kl,
                                       args.kl_layout,
                                       args.kl_scale,
                                       static_cast<T*>(args.grad_mean),
                                       static_cast<T*>(args.grad_log_var)};
    const Quads quads(args.noise.rows, args.noise.cols);
    if (quads.count == 0) return GDL_OK;
    const Key key = make_key(args.noise, call);
    const bool whole = quads.whole() && aligned<Storage>(a.grad_z) && aligned<Storage>(a.mean) &&
                       aligned<Storage>(a.log_var) && aligned<Storage>(a.grad_mean) && aligned<Storage>(a.grad_log_var);
    return whole ? run_aligned<true>(a, quads, key, stream) : run_aligned<false>(a, quads, key, stream);
  }
};

}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_reparam_forward_scratch(const gdl_reparam_forward_args* args) {
  const int64_t per_row = gdl::cuda::pieces_per_row(args->noise.cols);
  return args->kl && args->kl_layout != GDL_KL_COLUMNS && per_row > 1 ? args->noise.rows * per_row * (int64_t)sizeof(float) : 0;
}

int gdl_cuda_reparam_forward(const gdl_reparam_forward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::ReparamForward>(*args, *call);
}

int gdl_cuda_sum(const float* values, int64_t count, float scale, float* out, void* stream) {
  gdl::cuda::sum_kernel<<<1, gdl::cuda::kThreads, 0, static_cast<cudaStream_t>(stream)>>>(values, count, scale, out);
  return gdl::cuda::launched();
}

int gdl_cuda_reparam_backward(const gdl_reparam_backward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::ReparamBackward>(*args, *call);
}

int64_t gdl_cuda_reparam_backward_scratch(const gdl_reparam_backward_args*) { return 0; }
