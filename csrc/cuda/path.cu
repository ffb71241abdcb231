// Lines through keyframes, straight or spherical, forward and backward.
#include "common.cuh"
#include "gdl/path_math.h"

namespace gdl {
namespace cuda {

inline int64_t arc_count(const gdl_path& p) { return p.mode == GDL_SLERP ? segments_of(p) * p.rows : 0; }

__device__ inline Arc arc_of(const gdl_path& p, const Arc* arcs, int64_t segment, int64_t row) {
  return p.mode == GDL_SLERP ? arcs[segment * p.rows + row] : flat_arc();
}

// Where a row of keyframe number `point` of a segment begins.
__device__ inline int64_t row_of(const gdl_path& p, int64_t segment, int point, int64_t row) {
  return keyframe_of(p, segment, point) * p.stride + row * p.cols;
}

// The arc of segment s in row r is arcs[s * rows + r]; a warp finds it.
template <class Storage>
__global__ void __launch_bounds__(kThreads) arcs_kernel(gdl_path p, const typename Storage::T* keyframes, Arc* arcs) {
  const int64_t count = segments_of(p) * p.rows, groups = thread_count() / kWarp;
  for (int64_t i = thread_index() / kWarp; i < count; i += groups) {
    const int64_t segment = i / p.rows;
    const int64_t row = i - segment * p.rows;
    const typename Storage::T *a = keyframes + row_of(p, segment, 0, row), *b = keyframes + row_of(p, segment, 1, row);
    float aa = 0.0f, bb = 0.0f, ab = 0.0f;
    for (int64_t j = threadIdx.x % kWarp; j < p.cols; j += kWarp) {
      const float x = Storage::load(a + j), y = Storage::load(b + j);
      aa = Scalar::fma(x, x, aa);
      bb = Scalar::fma(y, y, bb);
      ab = Scalar::fma(x, y, ab);
    }
    aa = group_sum<kWarp>(aa);
    bb = group_sum<kWarp>(bb);
    ab = group_sum<kWarp>(ab);
    if (threadIdx.x % kWarp == 0) arcs[i] = make_arc((double)aa, (double)bb, (double)ab, p.normalize != 0);
  }
}

template <class Storage>
int find_arcs(const gdl_path& p, const typename Storage::T* keyframes, Arc* arcs, cudaStream_t stream) {
  if (arc_count(p) == 0) return GDL_OK;
  arcs_kernel<Storage><<<blocks_for(arc_count(p), kThreads / kWarp), kThreads, 0, stream>>>(p, keyframes, arcs);
  return launched();
}

// What a point of one step and row is made of: weights, and where the rows of its keyframes begin.
struct Weights {
  float weights[kMaxPoints];
  int64_t starts[kMaxPoints];
};

__device__ inline void find_weights(const gdl_path& p, const Segment& at, int64_t row, const Arc* arcs, Weights& w) {
  if (p.mode == GDL_CATMULL_ROM) {
    double weights[kMaxPoints];
    spline_weights(p, at.index, at.u, weights);
    for (int j = 0; j < kMaxPoints; ++j) w.weights[j] = (float)weights[j];
  } else {
    const PathCoefficients k = path_coefficients(arc_of(p, arcs, at.index, row), at.u);
    w.weights[0] = (float)k.a;
    w.weights[1] = (float)k.b;
  }
  for (int j = 0; j < points_of(p.mode); ++j) w.starts[j] = row_of(p, at.index, j, row);
}

__global__ void __launch_bounds__(kThreads) weights_kernel(gdl_path p, const float* t, const Arc* arcs, Weights* weights) {
  for (int64_t i = thread_index(); i < p.steps * p.rows; i += thread_count()) {
    const int64_t step = i / p.rows;
    find_weights(p, find_segment(t[step], p), i - step * p.rows, arcs, weights[i]);
  }
}

template <class Storage, int kPoints, bool kAligned>
__global__ void __launch_bounds__(kThreads)
    blend_kernel(gdl_path p, Quads quads, const typename Storage::T* keyframes, const Weights* weights, typename Storage::T* out) {
  for (int64_t quad = thread_index(); quad < quads.count; quad += thread_count()) {
    int size;
    const int64_t at = quads.element<kAligned>(quad, size), row = quads.row(quad), col = at - row * p.cols;
    const Weights& w = weights[row];
    float sum[4], next[4];
    load_quad<Storage, kAligned>(keyframes + w.starts[0] + col, size, sum);
#pragma unroll
    for (int j = 0; j < 4; ++j) sum[j] = Scalar::mul(w.weights[0], sum[j]);
#pragma unroll
    for (int point = 1; point < kPoints; ++point) {
      load_quad<Storage, kAligned>(keyframes + w.starts[point] + col, size, next);
#pragma unroll
      for (int j = 0; j < 4; ++j) sum[j] = Scalar::fma(w.weights[point], next[j], sum[j]);
    }
    store_quad<Storage, kAligned>(out + at, size, sum);
  }
}

inline bool valid(const gdl_path& p) {
  return p.count >= 2 && p.steps >= 0 && p.rows >= 0 && p.cols >= 0 && p.mode >= GDL_LERP &&
         p.mode <= GDL_CATMULL_ROM;
}

template <class Storage> struct PathForward {
  typedef typename Storage::T T;

  template <int kPoints>
  static int blend(const gdl_path_forward_args& args, const Weights* weights, cudaStream_t stream) {
    const gdl_path& p = args.path;
    const Quads quads(p.steps * p.rows, p.cols);
    const T* keyframes = static_cast<const T*>(args.keyframes);
    T* out = static_cast<T*>(args.out);
    const unsigned blocks = blocks_for(quads.count, kThreads);
    if (quads.whole() && p.stride % 4 == 0 && aligned<Storage>(keyframes) && aligned<Storage>(out)) {
      blend_kernel<Storage, kPoints, true><<<blocks, kThreads, 0, stream>>>(p, quads, keyframes, weights, out);
    } else {
      blend_kernel<Storage, kPoints, false><<<blocks, kThreads, 0, stream>>>(p, quads, keyframes, weights, out);
    }
    return launched();
  }

  static int run(gdl_path_forward_args args, const gdl_cuda_call& call) {
    if (!valid(args.path)) return GDL_BAD_ARGUMENT;
    args.path = with_stride(args.path);
    const cudaStream_t stream = stream_of(call);
    const gdl_path& p = args.path;
    if (p.steps * p.rows * p.cols == 0) return GDL_OK;
    Arc* arcs = static_cast<Arc*>(call.scratch);
    Weights* weights = reinterpret_cast<Weights*>(arcs + arc_count(p));
    int status = find_arcs<Storage>(p, static_cast<const T*>(args.keyframes), arcs, stream);
    if (status != GDL_OK) return status;
    weights_kernel<<<blocks_for(p.steps * p.rows, kThreads), kThreads, 0, stream>>>(p, args.t, arcs, weights);
    status = launched();
    if (status != GDL_OK) return status;
    return points_of(p.mode) == 4 ? blend<4>(args, weights, stream) : blend<2>(args, weights, stream);
  }
};

// ---- backward ------------------------------------------------------------------------------------------------------

struct StepGradient {
  int64_t segment;
  float weights[kMaxPoints];
  PathSums sums;
};

// `along`: the gradient projected on each keyframe of the segment.
__device__ inline void find_step(const gdl_path& p, const Segment& at, int64_t row, const Arc* arcs,
                                 const float (&along)[kMaxPoints], StepGradient& step) {
  Weights w;
  find_weights(p, at, row, arcs, w);
  step.segment = at.index;
  for (int j = 0; j < points_of(p.mode); ++j) step.weights[j] = w.weights[j];
  if (p.mode == GDL_CATMULL_ROM) {
    double slopes[kMaxPoints], sum = 0.0;
    spline_slopes(p, at.index, at.u, slopes);
    for (int j = 0; j < kMaxPoints; ++j) sum += (double)along[j] * slopes[j];
    step.sums = {sum, 0.0, 0.0, 0.0};
  } else {
    step.sums = path_sums(arc_of(p, arcs, at.index, row), at.u, (double)along[0], (double)along[1]);
  }
}

// A warp projects the gradient of one step and row on the keyframes of its segment.
template <class Storage, int kPoints>
__global__ void __launch_bounds__(kThreads)
    project_kernel(gdl_path p, const typename Storage::T* grad_out, const typename Storage::T* keyframes, const float* t,
                   const Arc* arcs, StepGradient* steps) {
  const int64_t groups = thread_count() / kWarp;
  for (int64_t i = thread_index() / kWarp; i < p.steps * p.rows; i += groups) {
    const int64_t step = i / p.rows, row = i - step * p.rows;
    const Segment at = find_segment(t[step], p);
    const typename Storage::T* g = grad_out + i * p.cols;
    float along[kMaxPoints] = {};
#pragma unroll
    for (int point = 0; point < kPoints; ++point) {
      const typename Storage::T* x = keyframes + row_of(p, at.index, point, row);
      for (int64_t j = threadIdx.x % kWarp; j < p.cols; j += kWarp) {
        along[point] = Scalar::fma(Storage::load(g + j), Storage::load(x + j), along[point]);
      }
      along[point] = group_sum<kWarp>(along[point]);
    }
    if (threadIdx.x % kWarp == 0) find_step(p, at, row, arcs, along, steps[i]);
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
  for (int64_t i = thread_index(); i < segments_of(p) * p.rows; i += thread_count()) {
    double omega = 0.0, norm_a = 0.0, norm_b = 0.0;
    for (int64_t k = i % p.rows; k < p.steps * p.rows; k += p.rows) {
      if (steps[k].segment != i / p.rows) continue;
      omega += steps[k].sums.omega;
      norm_a += steps[k].sums.norm_a;
      norm_b += steps[k].sums.norm_b;
    }
    gradients[i] = arc_gradient(arcs[i], omega, norm_a, norm_b);
  }
}

// Each element of a keyframe gathers from the segments that it is a point of, in a fixed order.
template <class Storage, int kPoints>
__global__ void __launch_bounds__(kThreads)
    gather_kernel(gdl_path p, const typename Storage::T* grad_out, const typename Storage::T* keyframes,
                  const StepGradient* steps, const ArcGradient* gradients, typename Storage::T* grad_keyframes) {
  for (int64_t e = thread_index(); e < p.count * p.rows * p.cols; e += thread_count()) {
    const int64_t i = e / p.cols, col = e - i * p.cols, keyframe = i / p.rows, row = i - keyframe * p.rows;
    float sum = 0.0f;
    for (int point = kPoints - 1; point >= 0; --point) {
      const int64_t segment = segment_of(p, keyframe, point);
      if (segment < 0) continue;
      for (int64_t k = row; k < p.steps * p.rows; k += p.rows) {
        if (steps[k].segment == segment) {
          sum = Scalar::fma(steps[k].weights[point], Storage::load(grad_out + k * p.cols + col), sum);
        }
      }
      if (p.mode != GDL_SLERP) continue;
      const ArcGradient g = gradients[segment * p.rows + row];
      const float other = Storage::load(keyframes + row_of(p, segment, 1 - point, row) + col);
      sum = Scalar::fma((float)(point == 0 ? g.aa : g.bb), Storage::load(keyframes + e), sum);
      sum = Scalar::fma((float)g.ab, other, sum);
    }
    Storage::store(grad_keyframes + e, sum);
  }
}

template <class Storage> struct PathBackward {
  typedef typename Storage::T T;

  template <int kPoints>
  static int run_points(const gdl_path_backward_args& args, const gdl_cuda_call& call) {
    const cudaStream_t stream = stream_of(call);
    const gdl_path& p = args.path;
    const int64_t moments = p.steps * p.rows;
    Arc* arcs = static_cast<Arc*>(call.scratch);
    ArcGradient* gradients = reinterpret_cast<ArcGradient*>(arcs + arc_count(p));
    StepGradient* steps = reinterpret_cast<StepGradient*>(gradients + arc_count(p));
    const T *grad_out = static_cast<const T*>(args.grad_out), *keyframes = static_cast<const T*>(args.keyframes);
    const int status = find_arcs<Storage>(p, keyframes, arcs, stream);
    if (status != GDL_OK) return status;
    project_kernel<Storage, kPoints>
        <<<blocks_for(moments, kThreads / kWarp), kThreads, 0, stream>>>(p, grad_out, keyframes, args.t, arcs, steps);
    grad_t_kernel<<<blocks_for(p.steps, kThreads), kThreads, 0, stream>>>(p, steps, args.grad_t);
    if (p.mode == GDL_SLERP) {
      arc_gradient_kernel<<<blocks_for(arc_count(p), kThreads), kThreads, 0, stream>>>(p, steps, arcs, gradients);
    }
    gather_kernel<Storage, kPoints><<<blocks_for(p.count * p.rows * p.cols, kThreads), kThreads, 0, stream>>>(
        p, grad_out, keyframes, steps, gradients, static_cast<T*>(args.grad_keyframes));
    return launched();
  }

  static int run(gdl_path_backward_args args, const gdl_cuda_call& call) {
    if (!valid(args.path)) return GDL_BAD_ARGUMENT;
    args.path = with_stride(args.path);
    return points_of(args.path.mode) == 4 ? run_points<4>(args, call) : run_points<2>(args, call);
  }
};

}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_path_forward_scratch(const gdl_path_forward_args* args) {
  const gdl_path& p = args->path;
  return gdl::cuda::arc_count(p) * (int64_t)sizeof(gdl::Arc) + p.steps * p.rows * (int64_t)sizeof(gdl::cuda::Weights);
}

int64_t gdl_cuda_path_backward_scratch(const gdl_path_backward_args* args) {
  const gdl_path& p = args->path;
  return gdl::cuda::arc_count(p) * (int64_t)(sizeof(gdl::Arc) + sizeof(gdl::ArcGradient)) +
         p.steps * p.rows * (int64_t)sizeof(gdl::cuda::StepGradient);
}

int gdl_cuda_path_forward(const gdl_path_forward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::PathForward>(*args, *call);
}

int gdl_cuda_path_backward(const gdl_path_backward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::PathBackward>(*args, *call);
}
