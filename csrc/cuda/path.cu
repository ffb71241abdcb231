// Lines through keyframes, straight or spherical, forward and backward.
#include "common.cuh"
#include "gdl/path_math.h"

namespace gdl {
namespace cuda {

// The arc of segment s in row r is arcs[s * rows + r]; a warp finds it.
template <class Storage>
__global__ void __launch_bounds__(kThreads) arcs_kernel(gdl_path p, const typename Storage::T* keyframes, Arc* arcs) {
  const int64_t count = (p.count - 1) * p.rows, groups = thread_count() / kWarp;
  for (int64_t i = thread_index() / kWarp; i < count; i += groups) {
    const typename Storage::T *a = keyframes + i * p.cols, *b = a + p.rows * p.cols;
    float aa = 0.0f, bb = 0.0f, ab = 0.0f;
    for (int64_t j = threadIdx.x % kWarp; p.mode == GDL_SLERP && j < p.cols; j += kWarp) {
      const float x = Storage::load(a + j), y = Storage::load(b + j);
      aa = Scalar::fma(x, x, aa);
      bb = Scalar::fma(y, y, bb);
      ab = Scalar::fma(x, y, ab);
    }
    aa = group_sum<kWarp>(aa);
    bb = group_sum<kWarp>(bb);
    ab = group_sum<kWarp>(ab);
    if (threadIdx.x % kWarp != 0) continue;
    arcs[i] = p.mode == GDL_LERP ? flat_arc() : make_arc((double)aa, (double)bb, (double)ab, p.normalize != 0);
  }
}

template <class Storage>
int find_arcs(const gdl_path& p, const typename Storage::T* keyframes, Arc* arcs, cudaStream_t stream) {
  const unsigned blocks = blocks_for((p.count - 1) * p.rows, kThreads / kWarp);
  arcs_kernel<Storage><<<blocks, kThreads, 0, stream>>>(p, keyframes, arcs);
  return launched();
}

struct Weights {
  float a, b;
  int64_t start;  // row of the keyframes, counted over all of them, at which the segment begins
};

__global__ void __launch_bounds__(kThreads) weights_kernel(gdl_path p, const float* t, const Arc* arcs, Weights* weights) {
  for (int64_t i = thread_index(); i < p.steps * p.rows; i += thread_count()) {
    const int64_t step = i / p.rows;
    const Segment segment = find_segment(t[step], p.count);
    const int64_t start = segment.index * p.rows + (i - step * p.rows);
    const PathCoefficients k = path_coefficients(arcs[start], segment.u);
    weights[i].a = (float)k.a;
    weights[i].b = (float)k.b;
    weights[i].start = start;
  }
}

template <class Storage, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    blend_kernel(gdl_path p, Quads quads, const typename Storage::T* keyframes, const Weights* weights, typename Storage::T* out) {
  for (int64_t quad = thread_index(); quad < quads.count; quad += thread_count()) {
    int size;
    const int64_t at = quads.element<kAligned>(quad, size), row = quads.row(quad);
    const Weights w = weights[row];
    const typename Storage::T* from = keyframes + w.start * p.cols + (at - row * p.cols);
    float a[4], b[4];
    load_quad<Storage, kAligned>(from, size, a);
    load_quad<Storage, kAligned>(from + p.rows * p.cols, size, b);
#pragma unroll
    for (int j = 0; j < 4; ++j) a[j] = Scalar::fma(w.b, b[j], Scalar::mul(w.a, a[j]));
    store_quad<Storage, kAligned>(out + at, size, a);
  }
}

inline bool valid(const gdl_path& p) {
  return p.count >= 2 && p.steps >= 0 && p.rows >= 0 && p.cols >= 0 && (p.mode == GDL_LERP || p.mode == GDL_SLERP);
}

template <class Storage> struct PathForward {
  typedef typename Storage::T T;

  static int run(const gdl_path_forward_args& args, const gdl_cuda_call& call) {
    const cudaStream_t stream = stream_of(call);
    const gdl_path p = args.path;
    if (!valid(p)) return GDL_BAD_ARGUMENT;
    const Quads quads(p.steps * p.rows, p.cols);
    if (quads.count == 0) return GDL_OK;
    Arc* arcs = static_cast<Arc*>(call.scratch);
    Weights* weights = reinterpret_cast<Weights*>(arcs + (p.count - 1) * p.rows);
    const T* keyframes = static_cast<const T*>(args.keyframes);
    T* out = static_cast<T*>(args.out);
    int status = find_arcs<Storage>(p, keyframes, arcs, stream);
    if (status != GDL_OK) return status;
    weights_kernel<<<blocks_for(p.steps * p.rows, kThreads), kThreads, 0, stream>>>(p, args.t, arcs, weights);
    status = launched();
    if (status != GDL_OK) return status;
    const unsigned blocks = blocks_for(quads.count, kThreads);
    if (quads.whole() && aligned<Storage>(keyframes) && aligned<Storage>(out)) {
      blend_kernel<Storage, true><<<blocks, kThreads, 0, stream>>>(p, quads, keyframes, weights, out);
    } else {
      blend_kernel<Storage, false><<<blocks, kThreads, 0, stream>>>(p, quads, keyframes, weights, out);
    }
    return launched();
  }
};

// ---- backward ------------------------------------------------------------------------------------------------------

struct StepGradient {
  Weights weights;
  PathSums sums;
};

// A warp projects the gradient of one step and row on the two ends of its segment.
template <class Storage>
__global__ void __launch_bounds__(kThreads)
    project_kernel(gdl_path p, const typename Storage::T* grad_out, const typename Storage::T* keyframes, const float* t,
                   const Arc* arcs, StepGradient* steps) {
  const int64_t groups = thread_count() / kWarp;
  for (int64_t i = thread_index() / kWarp; i < p.steps * p.rows; i += groups) {
    const int64_t step = i / p.rows;
    const Segment segment = find_segment(t[step], p.count);
    const int64_t start = segment.index * p.rows + (i - step * p.rows);
    const typename Storage::T *g = grad_out + i * p.cols, *a = keyframes + start * p.cols, *b = a + p.rows * p.cols;
    float ga = 0.0f, gb = 0.0f;
    for (int64_t j = threadIdx.x % kWarp; j < p.cols; j += kWarp) {
      const float v = Storage::load(g + j);
      ga = Scalar::fma(v, Storage::load(a + j), ga);
      gb = Scalar::fma(v, Storage::load(b + j), gb);
    }
    ga = group_sum<kWarp>(ga);
    gb = group_sum<kWarp>(gb);
    if (threadIdx.x % kWarp != 0) continue;
    const PathCoefficients k = path_coefficients(arcs[start], segment.u);
    steps[i].weights.a = (float)k.a;
    steps[i].weights.b = (float)k.b;
    steps[i].weights.start = start;
    steps[i].sums = path_sums(arcs[start], segment.u, (double)ga, (double)gb);
  }
}

__global__ void __launch_bounds__(kThreads) grad_t_kernel(gdl_path p, const StepGradient* steps, float* grad_t) {
  for (int64_t step = thread_index(); step < p.steps; step += thread_count()) {
    double sum = 0.0;
    for (int64_t row = 0; row < p.rows; ++row) sum += steps[step * p.rows + row].sums.u;
    grad_t[step] = (float)sum;
  }
}

// The part of each segment's gradient that comes through angle and norms.
__global__ void __launch_bounds__(kThreads)
    arc_gradient_kernel(gdl_path p, const StepGradient* steps, const Arc* arcs, ArcGradient* gradients) {
  for (int64_t i = thread_index(); i < (p.count - 1) * p.rows; i += thread_count()) {
    double omega = 0.0, norm_a = 0.0, norm_b = 0.0;
    for (int64_t k = i % p.rows; k < p.steps * p.rows; k += p.rows) {
      if (steps[k].weights.start != i) continue;
      omega += steps[k].sums.omega;
      norm_a += steps[k].sums.norm_a;
      norm_b += steps[k].sums.norm_b;
    }
    gradients[i] = arc_gradient(arcs[i], omega, norm_a, norm_b);
  }
}

// Each element of a keyframe gathers from the segment that ends and the segment that begins in it.
template <class Storage>
__global__ void __launch_bounds__(kThreads)
    gather_kernel(gdl_path p, const typename Storage::T* grad_out, const typename Storage::T* keyframes,
                  const StepGradient* steps, const ArcGradient* gradients, typename Storage::T* grad_keyframes) {
  const int64_t keyframe_size = p.rows * p.cols;
  for (int64_t e = thread_index(); e < p.count * keyframe_size; e += thread_count()) {
    const int64_t i = e / p.cols, row = i % p.rows, ends = i - p.rows;  // segment `ends` ends here, segment i begins
    const bool has_end = i >= p.rows, has_begin = i < (p.count - 1) * p.rows;
    float sum = 0.0f;
    for (int64_t k = row; k < p.steps * p.rows; k += p.rows) {
      const Weights w = steps[k].weights;
      if (w.start != i && w.start != ends) continue;
      sum = Scalar::fma(w.start == i ? w.a : w.b, Storage::load(grad_out + k * p.cols + (e - i * p.cols)), sum);
    }
    const float here = Storage::load(keyframes + e);
    if (has_end) {
      const float before = Storage::load(keyframes + e - keyframe_size);
      sum = Scalar::fma((float)gradients[ends].bb, here, Scalar::fma((float)gradients[ends].ab, before, sum));
    }
    if (has_begin) {
      const float after = Storage::load(keyframes + e + keyframe_size);
      sum = Scalar::fma((float)gradients[i].aa, here, Scalar::fma((float)gradients[i].ab, after, sum));
    }
    Storage::store(grad_keyframes + e, sum);
  }
}

template <class Storage> struct PathBackward {
  typedef typename Storage::T T;

  static int run(const gdl_path_backward_args& args, const gdl_cuda_call& call) {
    const cudaStream_t stream = stream_of(call);
    const gdl_path p = args.path;
    if (!valid(p)) return GDL_BAD_ARGUMENT;
    const int64_t segments = (p.count - 1) * p.rows, moments = p.steps * p.rows;
    Arc* arcs = static_cast<Arc*>(call.scratch);
    ArcGradient* gradients = reinterpret_cast<ArcGradient*>(arcs + segments);
    StepGradient* steps = reinterpret_cast<StepGradient*>(gradients + segments);
    const T *grad_out = static_cast<const T*>(args.grad_out), *keyframes = static_cast<const T*>(args.keyframes);
    int status = find_arcs<Storage>(p, keyframes, arcs, stream);
    if (status != GDL_OK) return status;
    project_kernel<Storage><<<blocks_for(moments, kThreads / kWarp), kThreads, 0, stream>>>(p, grad_out, keyframes, args.t, arcs, steps);
    grad_t_kernel<<<blocks_for(p.steps, kThreads), kThreads, 0, stream>>>(p, steps, args.grad_t);
    arc_gradient_kernel<<<blocks_for(segments, kThreads), kThreads, 0, stream>>>(p, steps, arcs, gradients);
    gather_kernel<Storage><<<blocks_for(segments * p.cols, kThreads), kThreads, 0, stream>>>(
        p, grad_out, keyframes, steps, gradients, static_cast<T*>(args.grad_keyframes));
    return launched();
  }
};

}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_path_forward_scratch(const gdl_path_forward_args* args) {
  const gdl_path* path = &args->path;
  return (path->count - 1) * path->rows * (int64_t)sizeof(gdl::Arc) +
         path->steps * path->rows * (int64_t)sizeof(gdl::cuda::Weights);
}

int64_t gdl_cuda_path_backward_scratch(const gdl_path_backward_args* args) {
  const gdl_path* path = &args->path;
  return (path->count - 1) * path->rows * (int64_t)(sizeof(gdl::Arc) + sizeof(gdl::ArcGradient)) +
         path->steps * path->rows * (int64_t)sizeof(gdl::cuda::StepGradient);
}

int gdl_cuda_path_forward(const gdl_path_forward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::PathForward>(*args, *call);
}

int gdl_cuda_path_backward(const gdl_path_backward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::PathBackward>(*args, *call);
}
