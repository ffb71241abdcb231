// Bias, piecewise linear activation, gain and clamp. Forward: a quad for each thread. Backward with a bias: each channel is
// cut into pieces by the shape alone, whose sums are added in order, so that the bits do not depend on the grid.
#include "common.cuh"

namespace gdl {
namespace cuda {
namespace {

bool valid(const gdl_bias_act& s) {
  return s.outer >= 0 && s.channels >= 0 && s.inner >= 0 && s.positive > 0.0f && s.negative >= 0.0f;
}

int64_t size_of(const gdl_bias_act& s) { return s.outer * s.channels * s.inner; }

// The limit as the storage type rounds it, since it is compared with stored numbers.
template <class Storage> __device__ float stored(float v) {
  typename Storage::T rounded;
  Storage::store(&rounded, v);
  return Storage::load(&rounded);
}

__device__ float activate(const gdl_bias_act& s, float v, float limit) {
  v = Scalar::clamp(v, s.negative > 0.0f ? -INFINITY : 0.0f, INFINITY);
  return Scalar::clamp(Scalar::mul(v, v > 0.0f ? s.positive : s.negative), -limit, limit);
}

__device__ float gradient(const gdl_bias_act& s, float grad, float out, float limit) {
  const float below = s.negative > 0.0f ? Scalar::mul(grad, s.negative) : 0.0f;
  const float v = out > 0.0f ? Scalar::mul(grad, s.positive) : below;
  return limit == INFINITY || Scalar::sub(limit, fabsf(out)) > 0.0f ? v : 0.0f;
}

// Rows are channels of one outer index, or outer indices with the channels across.
template <class Storage, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    forward_kernel(gdl_bias_act s, Quads quads, const typename Storage::T* x, const float* bias, typename Storage::T* out) {
  const float limit = stored<Storage>(s.limit);
  for (int64_t quad = thread_index(); quad < quads.count; quad += thread_count()) {
    int size;
    const int64_t at = quads.element<kAligned>(quad, size);
    float v[4], b[4] = {};
    load_quad<Storage, kAligned>(x + at, size, v);
    if (bias) {
      const int64_t row = quads.row(quad), col = at - row * quads.cols;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (j < size) b[j] = bias[s.inner == 1 ? col + j : row % s.channels];
      }
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) v[j] = activate(s, Scalar::add(v[j], b[j]), limit);
    store_quad<Storage, kAligned>(out + at, size, v);
  }
}

template <class Storage> struct Forward {
  typedef typename Storage::T T;

  static int run(const gdl_bias_act_forward_args& args, const gdl_cuda_call& call) {
    const gdl_bias_act s = args.shape;
    if (!valid(s)) return GDL_BAD_ARGUMENT;
    if (size_of(s) == 0) return GDL_OK;
    const bool across = s.inner == 1;
    const Quads quads(across ? s.outer : s.outer * s.channels, across ? s.channels : s.inner);
    const T* x = static_cast<const T*>(args.x);
    T* out = static_cast<T*>(args.out);
    const unsigned blocks = blocks_for(quads.count, kThreads);
    if (quads.whole() && aligned<Storage>(x) && aligned<Storage>(out)) {
      forward_kernel<Storage, true><<<blocks, kThreads, 0, stream_of(call)>>>(s, quads, x, args.bias, out);
    } else {
      forward_kernel<Storage, false><<<blocks, kThreads, 0, stream_of(call)>>>(s, quads, x, args.bias, out);
    }
    return launched();
  }
};

// ---- backward ------------------------------------------------------------------------------------------------------

template <class Storage, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    backward_kernel(gdl_bias_act s, Quads quads, const typename Storage::T* grad, const typename Storage::T* out,
                    typename Storage::T* grad_x) {
  const float limit = stored<Storage>(s.limit);
  for (int64_t quad = thread_index(); quad < quads.count; quad += thread_count()) {
    int size;
    const int64_t at = quads.element<kAligned>(quad, size);
    float g[4], y[4];
    load_quad<Storage, kAligned>(grad + at, size, g);
    load_quad<Storage, kAligned>(out + at, size, y);
#pragma unroll
    for (int j = 0; j < 4; ++j) g[j] = gradient(s, g[j], y[j], limit);
    store_quad<Storage, kAligned>(grad_x + at, size, g);
  }
}

// The elements of a channel, (outer, inner), in `count` pieces of `size`.
struct Pieces {
  int64_t size, count;

  explicit Pieces(const gdl_bias_act& s) {
    const int64_t elements = s.outer * s.inner, least = s.inner == 1 ? 64 : 16 * kThreads;
    count = (elements + least - 1) / least;
    count = count < 1 ? 1 : count > 64 ? 64 : count;
    size = (elements + count - 1) / count;
  }
};

__device__ int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// A block sums a piece of a channel.
template <class Storage>
__global__ void __launch_bounds__(kThreads)
    sum_kernel(gdl_bias_act s, Pieces pieces, const typename Storage::T* grad, const typename Storage::T* out,
               typename Storage::T* grad_x, float* sums) {
  const float limit = stored<Storage>(s.limit);
  for (int64_t i = blockIdx.x; i < pieces.count * s.channels; i += gridDim.x) {
    const int64_t piece = i / s.channels, channel = i - piece * s.channels;
    const int64_t end = smaller((piece + 1) * pieces.size, s.outer * s.inner);
    float sum = 0.0f;
    for (int64_t k = piece * pieces.size + threadIdx.x; k < end; k += kThreads) {
      const int64_t outer = k / s.inner, at = (outer * s.channels + channel) * s.inner + (k - outer * s.inner);
      const float g = gradient(s, Storage::load(grad + at), Storage::load(out + at), limit);
      Storage::store(grad_x + at, g);
      sum = Scalar::add(sum, g);
    }
    sum = group_sum<kThreads>(sum);
    if (threadIdx.x == 0) sums[i] = sum;
  }
}

// With the channels across, a thread sums a piece of a channel, and neighbours read neighbours.
template <class Storage>
__global__ void __launch_bounds__(kThreads)
    sum_across_kernel(gdl_bias_act s, Pieces pieces, const typename Storage::T* grad, const typename Storage::T* out,
                      typename Storage::T* grad_x, float* sums) {
  const float limit = stored<Storage>(s.limit);
  for (int64_t i = thread_index(); i < pieces.count * s.channels; i += thread_count()) {
    const int64_t piece = i / s.channels, channel = i - piece * s.channels, end = smaller((piece + 1) * pieces.size, s.outer);
    float sum = 0.0f;
    for (int64_t k = piece * pieces.size; k < end; ++k) {
      const int64_t at = k * s.channels + channel;
      const float g = gradient(s, Storage::load(grad + at), Storage::load(out + at), limit);
      Storage::store(grad_x + at, g);
      sum = Scalar::add(sum, g);
    }
    sums[i] = sum;
  }
}

__global__ void __launch_bounds__(kThreads) total_kernel(int64_t channels, int64_t pieces, const float* sums, float* totals) {
  for (int64_t c = thread_index(); c < channels; c += thread_count()) {
    double total = 0.0;
    for (int64_t piece = 0; piece < pieces; ++piece) total += (double)sums[piece * channels + c];
    totals[c] = (float)total;
  }
}

template <class Storage> struct Backward {
  typedef typename Storage::T T;

  static int run(const gdl_bias_act_backward_args& args, const gdl_cuda_call& call) {
    const gdl_bias_act s = args.shape;
    const cudaStream_t stream = stream_of(call);
    if (!valid(s)) return GDL_BAD_ARGUMENT;
    const T *grad = static_cast<const T*>(args.grad_out), *out = static_cast<const T*>(args.out);
    T* grad_x = static_cast<T*>(args.grad_x);
    if (args.grad_bias) {
      const Pieces pieces(s);
      const int64_t count = pieces.count * s.channels;
      float* sums = static_cast<float*>(call.scratch);
      if (s.inner == 1) {
        sum_across_kernel<Storage><<<blocks_for(count, kThreads), kThreads, 0, stream>>>(s, pieces, grad, out, grad_x, sums);
      } else {
        sum_kernel<Storage><<<blocks_for(count, 1), kThreads, 0, stream>>>(s, pieces, grad, out, grad_x, sums);
      }
      total_kernel<<<blocks_for(s.channels, kThreads), kThreads, 0, stream>>>(s.channels, pieces.count, sums, args.grad_bias);
      return launched();
    }
    const Quads quads(1, size_of(s));
    if (quads.count == 0) return GDL_OK;
    const unsigned blocks = blocks_for(quads.count, kThreads);
    if (quads.whole() && aligned<Storage>(grad) && aligned<Storage>(out) && aligned<Storage>(grad_x)) {
      backward_kernel<Storage, true><<<blocks, kThreads, 0, stream>>>(s, quads, grad, out, grad_x);
    } else {
      backward_kernel<Storage, false><<<blocks, kThreads, 0, stream>>>(s, quads, grad, out, grad_x);
    }
    return launched();
  }
};

}  // namespace
}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_bias_act_forward_scratch(const gdl_bias_act_forward_args*) { return 0; }

int64_t gdl_cuda_bias_act_backward_scratch(const gdl_bias_act_backward_args* args) {
  return args->grad_bias ? gdl::cuda::Pieces(args->shape).count * args->shape.channels * (int64_t)sizeof(float) : 0;
}

int gdl_cuda_bias_act_forward(const gdl_bias_act_forward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::Forward>(*args, *call);
}

int gdl_cuda_bias_act_backward(const gdl_bias_act_backward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::Backward>(*args, *call);
}
