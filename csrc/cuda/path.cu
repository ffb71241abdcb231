// Lines through keyframes, straight or spherical, forward and backward.
#include "path.h"

#include "common.cuh"

namespace gdl {
namespace cuda {

__device__ inline Arc arc_of(const gdl_path& p, const Arc* arcs, int64_t segment, int64_t row) {
  return p.mode == GDL_SLERP ? arcs[segment * p.rows + row] : flat_arc();
}

// Where a row of keyframe number `point` of a segment begins.
__device__ inline int64_t row_of(const gdl_path& p, int64_t segment, int point, int64_t row) {
  return keyframe_of(p, segment, point) * p.stride + row * p.cols;
}

// A warp finds an arc.
template <class Storage> __device__ void path_arcs(const PathArcs& a) {
  const gdl_path& p = a.path;
  const int64_t count = segments_of(p) * p.rows, groups = thread_count() / kWarp;
  for (int64_t i = thread_index() / kWarp; i < count; i += groups) {
    const int64_t segment = quotient(i, p.rows), row = i - segment * p.rows;
    const int64_t from_a = row_of(p, segment, 0, row), from_b = row_of(p, segment, 1, row);
    float aa = 0.0f, bb = 0.0f, ab = 0.0f;
    for (int64_t j = threadIdx.x % kWarp; j < p.cols; j += kWarp) {
      const float x = Storage::load(element<Storage>(a.keyframes, from_a + j));
      const float y = Storage::load(element<Storage>(a.keyframes, from_b + j));
      aa = Scalar::fma(x, x, aa);
      bb = Scalar::fma(y, y, bb);
      ab = Scalar::fma(x, y, ab);
    }
    aa = warp_sum(aa);
    bb = warp_sum(bb);
    ab = warp_sum(ab);
    if (threadIdx.x % kWarp == 0) a.arcs[i] = make_arc((double)aa, (double)bb, (double)ab, p.normalize != 0);
  }
}

__device__ inline void find_weights(const gdl_path& p, const Segment& at, int64_t row, const Arc* arcs, float (&w)[kMaxPoints]) {
  if (p.mode == GDL_CATMULL_ROM) {
    double weights[kMaxPoints];
    spline_weights(p, at.index, at.u, weights);
    for (int j = 0; j < kMaxPoints; ++j) w[j] = (float)weights[j];
  } else {
    const PathCoefficients k = path_coefficients(arc_of(p, arcs, at.index, row), at.u);
    w[0] = (float)k.a;
    w[1] = (float)k.b;
  }
}

template <class> __device__ void path_weights(const PathWeights& a) {
  const gdl_path& p = a.path;
  for (int64_t i = thread_index(); i < p.steps * p.rows; i += thread_count()) {
    const int64_t step = quotient(i, p.rows), row = i - step * p.rows;
    const Segment at = find_segment(a.t[step], p);
    find_weights(p, at, row, a.arcs, a.weights[i].weights);
    for (int j = 0; j < points_of(p.mode); ++j) a.weights[i].starts[j] = row_of(p, at.index, j, row);
  }
}

template <class Storage, bool kWhole, int kPoints> __device__ void path_blend(const PathBlend& a) {
  for (int64_t quad = thread_index(); quad < a.quads.count; quad += thread_count()) {
    int size;
    const int64_t at = a.quads.element<kWhole>(quad, size), row = a.quads.row(quad), col = at - row * a.path.cols;
    const Weights& w = a.weights[row];
    float sum[4], next[4];
    load_quad<Storage, kWhole>(element<Storage>(a.keyframes, w.starts[0] + col), size, sum);
#pragma unroll
    for (int j = 0; j < 4; ++j) sum[j] = Scalar::mul(w.weights[0], sum[j]);
#pragma unroll
    for (int point = 1; point < kPoints; ++point) {
      load_quad<Storage, kWhole>(element<Storage>(a.keyframes, w.starts[point] + col), size, next);
#pragma unroll
      for (int j = 0; j < 4; ++j) sum[j] = Scalar::fma(w.weights[point], next[j], sum[j]);
    }
    store_quad<Storage, kWhole>(element<Storage>(a.out, at), size, sum);
  }
}

// ---- backward --------------------------------------------------------------------------------------------------------

template <class> __device__ void path_segments(const PathBackward& a) {
  for (int64_t step = thread_index(); step < a.path.steps; step += thread_count()) {
    a.segments[step] = find_segment(a.t[step], a.path).index;
  }
}

// Sorts the steps by their segments and keeps their order otherwise: one block, in which a warp takes a segment.
template <class> __device__ void path_order(const PathBackward& a) {
  const int64_t segments = segments_of(a.path), steps = a.path.steps;
  const int lane = threadIdx.x % kWarp, warp = threadIdx.x / kWarp;
  for (int64_t s = warp; s < segments; s += kThreads / kWarp) {
    int64_t count = 0;
    for (int64_t from = 0; from < steps; from += kWarp) {
      count += __popc(__ballot_sync(0xFFFFFFFFu, from + lane < steps && a.segments[from + lane] == s));
    }
    if (lane == 0) a.first[s + 1] = count;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    a.first[0] = 0;
    for (int64_t s = 0; s < segments; ++s) a.first[s + 1] += a.first[s];
  }
  __syncthreads();
  for (int64_t s = warp; s < segments; s += kThreads / kWarp) {
    int64_t next = a.first[s];
    for (int64_t from = 0; from < steps; from += kWarp) {
      const bool here = from + lane < steps && a.segments[from + lane] == s;
      const uint32_t all = __ballot_sync(0xFFFFFFFFu, here);
      if (here) a.order[next + __popc(all & ((1u << lane) - 1u))] = from + lane;
      next += __popc(all);
    }
  }
}

// A warp projects the gradient of one step and row on the keyframes of its segment.
template <class Storage> __device__ void path_project(const PathBackward& a) {
  const gdl_path& p = a.path;
  const int64_t groups = thread_count() / kWarp;
  for (int64_t i = thread_index() / kWarp; i < p.steps * p.rows; i += groups) {
    const int64_t step = quotient(i, p.rows), row = i - step * p.rows;
    for (int point = 0; point < points_of(p.mode); ++point) {
      const int64_t from = row_of(p, a.segments[step], point, row);
      float along = 0.0f;
      for (int64_t j = threadIdx.x % kWarp; j < p.cols; j += kWarp) {
        along = Scalar::fma(Storage::load(element<Storage>(a.grad_out, i * p.cols + j)),
                            Storage::load(element<Storage>(a.keyframes, from + j)), along);
      }
      along = warp_sum(along);
      if (threadIdx.x % kWarp == 0) a.steps[i].weights[point] = along;
    }
  }
}

// What each step and row adds to the gradients, from those projections.
template <class> __device__ void path_steps(const PathBackward& a) {
  const gdl_path& p = a.path;
  for (int64_t i = thread_index(); i < p.steps * p.rows; i += thread_count()) {
    const int64_t step = quotient(i, p.rows), row = i - step * p.rows;
    const Segment at = find_segment(a.t[step], p);
    StepGradient& s = a.steps[i];
    if (p.mode == GDL_CATMULL_ROM) {
      double slopes[kMaxPoints], sum = 0.0;
      spline_slopes(p, at.index, at.u, slopes);
      for (int j = 0; j < kMaxPoints; ++j) sum += (double)s.weights[j] * slopes[j];
      s.sums = {sum, 0.0, 0.0, 0.0};
    } else {
      s.sums = path_sums(arc_of(p, a.arcs, at.index, row), at.u, (double)s.weights[0], (double)s.weights[1]);
    }
    find_weights(p, at, row, a.arcs, s.weights);
  }
}

template <class> __device__ void path_grad_t(const PathBackward& a) {
  const gdl_path& p = a.path;
  for (int64_t step = thread_index(); step < p.steps; step += thread_count()) {
    double sum = 0.0;
    for (int64_t row = 0; row < p.rows; ++row) sum += a.steps[step * p.rows + row].sums.u;
    a.grad_t[step] = (float)sum;
  }
}

// The part of each segment's gradient that comes through angle and norms.
template <class> __device__ void path_arc_gradient(const PathBackward& a) {
  const gdl_path& p = a.path;
  for (int64_t i = thread_index(); i < segments_of(p) * p.rows; i += thread_count()) {
    const int64_t segment = quotient(i, p.rows), row = i - segment * p.rows;
    double omega = 0.0, norm_a = 0.0, norm_b = 0.0;
    for (int64_t k = a.first[segment]; k < a.first[segment + 1]; ++k) {
      const PathSums& sums = a.steps[a.order[k] * p.rows + row].sums;
      omega += sums.omega;
      norm_a += sums.norm_a;
      norm_b += sums.norm_b;
    }
    a.gradients[i] = arc_gradient(a.arcs[i], omega, norm_a, norm_b);
  }
}

template <class Storage, bool kWhole>
__device__ void add_scaled(const void* array, int64_t at, int size, float weight, float (&sum)[4]) {
  float next[4];
  load_quad<Storage, kWhole>(element<Storage>(array, at), size, next);
#pragma unroll
  for (int j = 0; j < 4; ++j) sum[j] = Scalar::fma(weight, next[j], sum[j]);
}

// Each quad of a keyframe gathers from the segments that it is a point of, in a fixed order.
template <class Storage, bool kWhole> __device__ void path_gather(const PathBackward& a) {
  const gdl_path& p = a.path;
  for (int64_t quad = thread_index(); quad < a.quads.count; quad += thread_count()) {
    int size;
    const int64_t at = a.quads.element<kWhole>(quad, size), line = a.quads.row(quad), col = at - line * p.cols;
    const int64_t keyframe = quotient(line, p.rows), row = line - keyframe * p.rows;
    float sum[4] = {};
    for (int point = points_of(p.mode) - 1; point >= 0; --point) {
      const int64_t segment = segment_of(p, keyframe, point);
      if (segment < 0) continue;
      for (int64_t k = a.first[segment]; k < a.first[segment + 1]; ++k) {
        const int64_t i = a.order[k] * p.rows + row;
        add_scaled<Storage, kWhole>(a.grad_out, i * p.cols + col, size, a.steps[i].weights[point], sum);
      }
      const Arc arc = arc_of(p, a.arcs, segment, row);
      if (!arc.curved && !arc.scaled) continue;
      const ArcGradient g = a.gradients[segment * p.rows + row];
      add_scaled<Storage, kWhole>(a.keyframes, at, size, (float)(point == 0 ? g.aa : g.bb), sum);
      add_scaled<Storage, kWhole>(a.keyframes, row_of(p, segment, 1 - point, row) + col, size, (float)g.ab, sum);
    }
    store_quad<Storage, kWhole>(element<Storage>(a.grad_keyframes, at), size, sum);
  }
}

GDL_PATH_KERNELS(GDL_DEFINE_KERNEL)

}  // namespace cuda
}  // namespace gdl
