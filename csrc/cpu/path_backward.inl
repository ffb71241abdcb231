// Lines through keyframes: the gradients of keyframes and times.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

// <g, p> for every keyframe of a segment
template <class Storage, int kPoints> struct Project {
  typedef typename Storage::T T;
  const T* g;
  const T* points[kPoints];
  F* sums;
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F v = load<Storage, kMove>(g + i, count);
    for (int j = 0; j < kPoints; ++j) sums[j] = S::fma(v, load<Storage, kMove>(points[j] + i, count), sums[j]);
  }
};

// sums += weight * x
template <class Storage> struct AddScaled {
  const typename Storage::T* x;
  float* sums;
  F weight;
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F v = S::fma(weight, load<Storage, kMove>(x + i, count), S::load(sums + i));
    S::store(sums + i, v);
  }
};

struct StepGradient {
  float weights[kMaxPoints];
  PathSums sums;
};

// The steps of each segment, in order: steps order[first[s]] up to order[first[s + 1]] lie on segment s.
struct StepsOfSegments {
  Scratch<int64_t> first, order;

  StepsOfSegments(const gdl_path& p, const float* t) : first(segments_of(p) + 2), order(p.steps) {
    if (!first.data || !order.data) return;
    const int64_t segments = segments_of(p);
    for (int64_t s = 0; s < segments + 2; ++s) first.data[s] = 0;
    for (int64_t i = 0; i < p.steps; ++i) ++first.data[find_segment(t[i], p).index + 2];
    for (int64_t s = 1; s < segments + 2; ++s) first.data[s] += first.data[s - 1];
    for (int64_t i = 0; i < p.steps; ++i) order.data[first.data[find_segment(t[i], p).index + 1]++] = i;
  }
  bool ok() const { return first.data && order.data; }
};

template <class Storage, int kPoints> struct PathBackwardTasks {
  typedef typename Storage::T T;
  enum { kPiece = 512 };  // columns whose float32 sums stay in the first-level cache

  const gdl_path_backward_args& args;
  const Arc* arcs;
  StepGradient* steps;
  const StepsOfSegments& on;

  void project_step(int64_t i) const {
    const gdl_path& p = args.path;
    const int64_t step = i / p.rows, row = i - step * p.rows;
    const Segment at = find_segment(args.t[step], p);
    F sums[kPoints];
    Project<Storage, kPoints> block = {static_cast<const T*>(args.grad_out) + i * p.cols, {}, sums};
    for (int j = 0; j < kPoints; ++j) {
      sums[j] = S::set(0.0f);
      block.points[j] = row_of<T>(p, args.keyframes, at.index, j, row);
    }
    for_each_block(p.cols, false, block);
    double along[kMaxPoints];
    for (int j = 0; j < kPoints; ++j) along[j] = (double)S::sum(sums[j]);
    find_step(at, row, along, steps[i]);
  }

  // `along`: the gradient projected on each keyframe of the segment.
  void find_step(const Segment& at, int64_t row, const double* along, StepGradient& step) const {
    const gdl_path& p = args.path;
    if (kPoints == 4) {
      double weights[kMaxPoints], slopes[kMaxPoints];
      spline_weights(p, at.index, at.u, weights);
      spline_slopes(p, at.index, at.u, slopes);
      step.sums = PathSums();
      for (int j = 0; j < kPoints; ++j) {
        step.weights[j] = (float)weights[j];
        step.sums.u += along[j] * slopes[j];
      }
      return;
    }
    const Arc arc = arc_of(p, arcs, at.index, row);
    const PathCoefficients weight = path_coefficients(arc, at.u);
    step.weights[0] = (float)weight.a;
    step.weights[1] = (float)weight.b;
    step.sums = path_sums(arc, at.u, along[0], along[1]);
  }

  void sum_over_rows() const {
    const gdl_path& p = args.path;
    for (int64_t step = 0; step < p.steps; ++step) {
      double sum = 0.0;
      for (int64_t row = 0; row < p.rows; ++row) sum += steps[step * p.rows + row].sums.u;
      args.grad_t[step] = (float)sum;
    }
  }

  struct Write {
    const float* sums;
    T* out;
    template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
      store<Storage, kMove>(out + i, S::load(sums + i), count);
    }
  };

  // A keyframe gathers from the segments that it is a point of, in a fixed order.
  void gather_keyframe(int64_t i) const {
    const gdl_path& p = args.path;
    const int64_t keyframe = i / p.rows, row = i - keyframe * p.rows;
    for (int64_t col = 0; col < p.cols; col += kPiece) {
      const int64_t count = smaller(kPiece, p.cols - col);
      float sums[kPiece + kLanes] = {};
      for (int point = kPoints - 1; point >= 0; --point) {
        const int64_t segment = segment_of(p, keyframe, point);
        if (segment >= 0) add_segment(segment, point, row, col, count, sums);
      }
      const Write write = {sums, static_cast<T*>(args.grad_keyframes) + i * p.cols + col};
      for_each_block(count, false, write);
    }
  }

  static void add(const T* x, double weight, int64_t count, float* sums) {
    const AddScaled<Storage> block = {x, sums, S::set((float)weight)};
    for_each_block(count, false, block);
  }

  void add_segment(int64_t segment, int point, int64_t row, int64_t col, int64_t count, float* sums) const {
    const gdl_path& p = args.path;
    double omega = 0.0, norm_a = 0.0, norm_b = 0.0;
    for (int64_t k = on.first.data[segment]; k < on.first.data[segment + 1]; ++k) {
      const int64_t i = on.order.data[k] * p.rows + row;
      add(static_cast<const T*>(args.grad_out) + i * p.cols + col, (double)steps[i].weights[point], count, sums);
      omega += steps[i].sums.omega;
      norm_a += steps[i].sums.norm_a;
      norm_b += steps[i].sums.norm_b;
    }
    const Arc arc = arc_of(p, arcs, segment, row);
    if (!arc.curved && !arc.scaled) return;
    const ArcGradient g = arc_gradient(arc, omega, norm_a, norm_b);
    add(row_of<T>(p, args.keyframes, segment, point, row) + col, point == 0 ? g.aa : g.bb, count, sums);
    add(row_of<T>(p, args.keyframes, segment, 1 - point, row) + col, g.ab, count, sums);
  }
};

template <class Storage> struct PathBackward {
  template <int kPoints>
  static void run_tasks(const PathBackwardTasks<Storage, kPoints>& tasks, gdl_parallel_for parallel_for) {
    const gdl_path& p = tasks.args.path;
    auto project = [&](int64_t i) { tasks.project_step(i); };
    auto gather = [&](int64_t i) { tasks.gather_keyframe(i); };
    parallel_tasks(parallel_for, p.steps * p.rows, grain_for(p.cols), project);
    tasks.sum_over_rows();
    parallel_tasks(parallel_for, p.count * p.rows, grain_for(p.cols * at_least_one(p.steps / p.count)), gather);
  }

  static int run(gdl_path_backward_args args, gdl_parallel_for parallel_for) {
    if (!valid(args.path)) return GDL_BAD_ARGUMENT;
    args.path = with_stride(args.path);
    const gdl_path& p = args.path;
    const Scratch<Arc> arcs(arc_count(p));
    const Scratch<StepGradient> steps(p.steps * p.rows);
    const StepsOfSegments on(p, args.t);
    if (!arcs.data || !steps.data || !on.ok()) return GDL_OUT_OF_MEMORY;
    find_arcs<Storage>(p, args.keyframes, arcs.data, parallel_for);
    if (points_of(p.mode) == 4) {
      run_tasks<4>({args, arcs.data, steps.data, on}, parallel_for);
    } else {
      run_tasks<2>({args, arcs.data, steps.data, on}, parallel_for);
    }
    return GDL_OK;
  }
};

int path_backward(const gdl_path_backward_args& args, gdl_parallel_for parallel_for) {
  return dispatch_dtype<PathBackward>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
