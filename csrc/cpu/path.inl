// Lines through keyframes, straight, spherical or smooth: the points.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

struct Products {
  float aa, bb, ab;
};

// <x, x>, <y, y> and <x, y>; each lane keeps its own sums, then halving.
template <class Storage> struct Accumulate {
  const typename Storage::T *x, *y;
  F *xx, *yy, *xy;
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F a = load<Storage, kMove>(x + i, count), b = load<Storage, kMove>(y + i, count);
    *xx = S::fma(a, a, *xx);
    *yy = S::fma(b, b, *yy);
    *xy = S::fma(a, b, *xy);
  }
};

template <class Storage> Products products(const typename Storage::T* x, const typename Storage::T* y, int64_t n) {
  F xx = S::set(0.0f), yy = xx, xy = xx;
  const Accumulate<Storage> block = {x, y, &xx, &yy, &xy};
  for_each_block(n, false, block);
  const Products p = {S::sum(xx), S::sum(yy), S::sum(xy)};
  return p;
}

// kSteps points of one segment, each a weighted sum of the same keyframes. Several at once read the keyframes once.
template <class Storage, int kPoints, int kSteps> struct Blend {
  typedef typename Storage::T T;
  const T* points[kPoints];
  T* out;
  int64_t stride;  // from one step's row to the next step's
  F weights[kSteps][kPoints];

  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    F from[kPoints];
    for (int j = 0; j < kPoints; ++j) from[j] = load<Storage, kMove>(points[j] + i, count);
    for (int k = 0; k < kSteps; ++k) {
      F v = S::mul(weights[k][0], from[0]);
      for (int j = 1; j < kPoints; ++j) v = S::fma(weights[k][j], from[j], v);
      store<Storage, kMove>(out + k * stride + i, v, count);
    }
  }
};

inline bool valid(const gdl_path& p) {
  return p.count >= 2 && p.steps >= 0 && p.rows >= 0 && p.cols >= 0 && p.mode >= GDL_LERP && p.mode <= GDL_CATMULL_ROM;
}

template <class T> const T* row_of(const gdl_path& p, const void* keyframes, int64_t segment, int point, int64_t row) {
  return static_cast<const T*>(keyframes) + keyframe_of(p, segment, point) * p.stride + row * p.cols;
}

// The arc of segment s in row r is arcs[s * rows + r]; only spherical lines have arcs.
inline int64_t arc_count(const gdl_path& p) { return p.mode == GDL_SLERP ? segments_of(p) * p.rows : 0; }

template <class Storage>
void find_arcs(const gdl_path& p, const void* keyframes, Arc* arcs, gdl_parallel_for parallel_for) {
  typedef typename Storage::T T;
  auto task = [&](int64_t i) {
    const int64_t segment = i / p.rows, row = i - segment * p.rows;
    const Products dot = products<Storage>(row_of<T>(p, keyframes, segment, 0, row), row_of<T>(p, keyframes, segment, 1, row), p.cols);
    arcs[i] = make_arc((double)dot.aa, (double)dot.bb, (double)dot.ab, p.normalize != 0);
  };
  parallel_tasks(parallel_for, arc_count(p), grain_for(p.cols), task);
}

inline Arc arc_of(const gdl_path& p, const Arc* arcs, int64_t segment, int64_t row) {
  return p.mode == GDL_SLERP ? arcs[segment * p.rows + row] : flat_arc();
}

template <class Storage, int kPoints> struct PathForwardTask {
  typedef typename Storage::T T;
  enum { kGroup = 4 };  // steps that a task makes of one row
  typedef double Weights[kGroup][kMaxPoints];

  const gdl_path_forward_args& args;
  const Arc* arcs;
  bool streamed;

  void find_weights(int64_t segment, int64_t row, int64_t count, const double* u, Weights& weights) const {
    const gdl_path& p = args.path;
    if (kPoints == 4) {
      for (int k = 0; k < count; ++k) spline_weights(p, segment, u[k], weights[k]);
      return;
    }
    const Arc arc = arc_of(p, arcs, segment, row);
    if (arc.curved && !arc.scaled) {
      double a[kGroup], b[kGroup];
      for (int k = 0; k < kGroup; ++k) {  // the same work for one step as for four, but in vectors
        const PathCoefficients weight = arc_weights(arc, u[k]);
        a[k] = weight.a;
        b[k] = weight.b;
      }
      for (int k = 0; k < kGroup; ++k) {
        weights[k][0] = a[k];
        weights[k][1] = b[k];
      }
      return;
    }
    for (int k = 0; k < count; ++k) {
      const PathCoefficients weight = path_coefficients(arc, u[k]);
      weights[k][0] = weight.a;
      weights[k][1] = weight.b;
    }
  }

  template <int kSteps>
  void write(int64_t segment, int64_t row, int64_t step, const double (*weights)[kMaxPoints]) const {
    const gdl_path& p = args.path;
    Blend<Storage, kPoints, kSteps> block;
    for (int j = 0; j < kPoints; ++j) block.points[j] = row_of<T>(p, args.keyframes, segment, j, row);
    block.out = static_cast<T*>(args.out) + (step * p.rows + row) * p.cols;
    block.stride = p.rows * p.cols;
    for (int k = 0; k < kSteps; ++k) {
      for (int j = 0; j < kPoints; ++j) block.weights[k][j] = S::set((float)weights[k][j]);
    }
    const bool whole_lines = kSteps == 1 || block.stride * (int64_t)sizeof(T) % 64 == 0;
    for_each_block(p.cols, streamed && whole_lines && aligned_for_streaming(block.out), block);
  }

  // Steps first ... first + count on one segment, at positions u.
  void blend(int64_t segment, int64_t row, int64_t first, int64_t count, const double* u) const {
    Weights weights;
    find_weights(segment, row, count, u, weights);
    if (count == kGroup) {
      write<kGroup>(segment, row, first, weights);
    } else {
      for (int64_t k = 0; k < count; ++k) write<1>(segment, row, first + k, weights + k);
    }
  }

  void operator()(int64_t index) const {
    const gdl_path& p = args.path;
    const int64_t group = index / p.rows, row = index - group * p.rows;
    const int64_t end = smaller(p.steps, (group + 1) * kGroup);
    double u[kGroup] = {};
    int64_t first = group * kGroup, segment = find_segment(args.t[first], p).index;
    for (int64_t step = first; step < end; ++step) {
      const Segment here = find_segment(args.t[step], p);
      if (here.index != segment) {
        blend(segment, row, first, step - first, u);
        segment = here.index;
        first = step;
      }
      u[step - first] = here.u;
    }
    blend(segment, row, first, end - first, u);
  }
};

template <class Storage> struct PathForward {
  template <int kPoints>
  static void run_tasks(const gdl_path_forward_args& args, const Arc* arcs, gdl_parallel_for parallel_for) {
    typedef PathForwardTask<Storage, kPoints> Task;
    const gdl_path& p = args.path;
    Task task = {args, arcs, p.steps * p.rows * p.cols * (int64_t)sizeof(typename Storage::T) > kStreamingBytes};
    parallel_tasks(parallel_for, ceil_div(p.steps, Task::kGroup) * p.rows, grain_for(Task::kGroup * p.cols), task);
  }

  static int run(gdl_path_forward_args args, gdl_parallel_for parallel_for) {
    if (!valid(args.path)) return GDL_BAD_ARGUMENT;
    args.path = with_stride(args.path);
    const Scratch<Arc> arcs(arc_count(args.path));
    if (!arcs.data) return GDL_OUT_OF_MEMORY;
    find_arcs<Storage>(args.path, args.keyframes, arcs.data, parallel_for);
    if (points_of(args.path.mode) == 4) {
      run_tasks<4>(args, arcs.data, parallel_for);
    } else {
      run_tasks<2>(args, arcs.data, parallel_for);
    }
    return GDL_OK;
  }
};

int path_forward(const gdl_path_forward_args& args, gdl_parallel_for parallel_for) {
  return dispatch_dtype<PathForward>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
