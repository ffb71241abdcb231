// Bias, piecewise linear activation, gain and clamp. Forward: a quad for each thread. Backward with a bias: each channel is
// cut into pieces by the shape alone, whose sums are added in order, so that the bits do not depend on the grid.
#include "bias_act.h"

#include "common.cuh"

namespace gdl {
namespace cuda {

__device__ inline float infinity() { return Scalar::from_bits(0x7F800000u); }
__device__ inline float magnitude(float v) { return Scalar::from_bits(Scalar::bits(v) & 0x7FFFFFFFu); }

// The limit as the storage type rounds it, since it is compared with stored numbers.
template <class Storage> __device__ float stored(float v) {
  typename Storage::T rounded;
  Storage::store(&rounded, v);
  return Storage::load(&rounded);
}

__device__ inline float activate(const gdl_bias_act& s, float v, float limit) {
  v = Scalar::clamp(v, s.negative > 0.0f ? -infinity() : 0.0f, infinity());
  return Scalar::clamp(Scalar::mul(v, v > 0.0f ? s.positive : s.negative), -limit, limit);
}

__device__ inline float gradient(const gdl_bias_act& s, float grad, float out, float limit) {
  const float below = s.negative > 0.0f ? Scalar::mul(grad, s.negative) : 0.0f;
  const float v = out > 0.0f ? Scalar::mul(grad, s.positive) : below;
  return limit == infinity() || Scalar::sub(limit, magnitude(out)) > 0.0f ? v : 0.0f;
}

// Rows are channels of one outer index, or outer indices with the channels across.
template <class Storage, bool kWhole> __device__ void bias_act_forward(const BiasActForward& p) {
  const gdl_bias_act& s = p.shape;
  const float limit = stored<Storage>(s.limit);
  for (int64_t quad = thread_index(); quad < p.quads.count; quad += thread_count()) {
    int size;
    const int64_t at = p.quads.element<kWhole>(quad, size);
    float v[4], b[4] = {};
    load_quad<Storage, kWhole>(element<Storage>(p.x, at), size, v);
    if (p.bias) {
      const int64_t row = p.quads.row(quad), col = at - row * p.quads.cols;
      const int64_t channel = row - quotient(row, s.channels) * s.channels;
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        if (j < size) b[j] = p.bias[s.inner == 1 ? col + j : channel];
      }
    }
#pragma unroll
    for (int j = 0; j < 4; ++j) v[j] = activate(s, Scalar::add(v[j], b[j]), limit);
    store_quad<Storage, kWhole>(element<Storage>(p.out, at), size, v);
  }
}

// ---- backward --------------------------------------------------------------------------------------------------------

template <class Storage, bool kWhole> __device__ void bias_act_backward(const BiasActBackward& p) {
  const float limit = stored<Storage>(p.shape.limit);
  for (int64_t quad = thread_index(); quad < p.quads.count; quad += thread_count()) {
    int size;
    const int64_t at = p.quads.element<kWhole>(quad, size);
    float g[4], y[4];
    load_quad<Storage, kWhole>(element<Storage>(p.grad, at), size, g);
    load_quad<Storage, kWhole>(element<Storage>(p.out, at), size, y);
#pragma unroll
    for (int j = 0; j < 4; ++j) g[j] = gradient(p.shape, g[j], y[j], limit);
    store_quad<Storage, kWhole>(element<Storage>(p.grad_x, at), size, g);
  }
}

// Writes the gradient of one element and returns it.
template <class Storage> __device__ float backward_element(const BiasActSum& p, int64_t at, float limit) {
  const float g = gradient(p.shape, Storage::load(element<Storage>(p.grad, at)), Storage::load(element<Storage>(p.out, at)), limit);
  Storage::store(element<Storage>(p.grad_x, at), g);
  return g;
}

// A block sums a piece of a channel.
template <class Storage> __device__ void bias_act_sum(const BiasActSum& p) {
  const gdl_bias_act& s = p.shape;
  const float limit = stored<Storage>(s.limit);
  for (int64_t i = blockIdx.x; i < p.pieces * s.channels; i += gridDim.x) {
    const int64_t piece = quotient(i, s.channels), channel = i - piece * s.channels;
    const int64_t end = smaller((piece + 1) * p.size, s.outer * s.inner);
    float sum = 0.0f;
    for (int64_t k = piece * p.size + threadIdx.x; k < end; k += kThreads) {
      const int64_t outer = quotient(k, s.inner), at = (outer * s.channels + channel) * s.inner + (k - outer * s.inner);
      sum = Scalar::add(sum, backward_element<Storage>(p, at, limit));
    }
    sum = group_sum(sum, kThreads);
    if (threadIdx.x == 0) p.sums[i] = sum;
  }
}

// With the channels across, a thread sums a piece of a channel, and neighbours read neighbours.
template <class Storage> __device__ void bias_act_sum_across(const BiasActSum& p) {
  const gdl_bias_act& s = p.shape;
  const float limit = stored<Storage>(s.limit);
  for (int64_t i = thread_index(); i < p.pieces * s.channels; i += thread_count()) {
    const int64_t piece = quotient(i, s.channels), channel = i - piece * s.channels;
    const int64_t end = smaller((piece + 1) * p.size, s.outer);
    float sum = 0.0f;
    for (int64_t k = piece * p.size; k < end; ++k) {
      sum = Scalar::add(sum, backward_element<Storage>(p, k * s.channels + channel, limit));
    }
    p.sums[i] = sum;
  }
}

template <class> __device__ void bias_act_total(const BiasActTotal& p) {
  for (int64_t c = thread_index(); c < p.channels; c += thread_count()) {
    double total = 0.0;
    for (int64_t piece = 0; piece < p.pieces; ++piece) total += (double)p.sums[piece * p.channels + c];
    p.totals[c] = (float)total;
  }
}

GDL_BIAS_ACT_KERNELS(GDL_DEFINE_KERNEL)

}  // namespace cuda
}  // namespace gdl
