// Lines through keyframes, straight or spherical, forward and backward.
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

// <g, a> and <g, b>
template <class Storage> struct Project {
  const typename Storage::T *g, *a, *b;
  F *ga, *gb;
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F v = load<Storage, kMove>(g + i, count);
    *ga = S::fma(v, load<Storage, kMove>(a + i, count), *ga);
    *gb = S::fma(v, load<Storage, kMove>(b + i, count), *gb);
  }
};

// kSteps points of one segment: out[k] = weight_a[k] * a + weight_b[k] * b. Several at once read the keyframes once.
template <class Storage, int kSteps> struct Blend {
  typedef typename Storage::T T;
  const T *a, *b;
  T* out;
  int64_t stride;  // from one step's row to the next step's
  F weight_a[kSteps], weight_b[kSteps];

  Blend(const T* a, const T* b, T* out, int64_t stride, const float* weights_a, const float* weights_b)
      : a(a), b(b), out(out), stride(stride) {
    for (int k = 0; k < kSteps; ++k) {
      weight_a[k] = S::set(weights_a[k]);
      weight_b[k] = S::set(weights_b[k]);
    }
  }
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F from = load<Storage, kMove>(a + i, count), to = load<Storage, kMove>(b + i, count);
    for (int k = 0; k < kSteps; ++k) {
      store<Storage, kMove>(out + k * stride + i, S::fma(weight_b[k], to, S::mul(weight_a[k], from)), count);
    }
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

inline bool valid(const gdl_path& p) {
  return p.count >= 2 && p.steps >= 0 && p.rows >= 0 && p.cols >= 0 && (p.mode == GDL_LERP || p.mode == GDL_SLERP);
}

// Pieces worth a thread's start, for tasks that touch `elements` numbers each.
inline int64_t grain_for(int64_t elements) { return at_least_one(16384 / at_least_one(elements)); }

// The arc of segment s in row r is arcs[s * rows + r].
template <class Storage>
void find_arcs(const gdl_path& p, const typename Storage::T* keyframes, Arc* arcs, gdl_parallel_for parallel_for) {
  auto task = [&](int64_t i) {
    const typename Storage::T* a = keyframes + i * p.cols;
    if (p.mode == GDL_LERP) {
      arcs[i] = flat_arc();
      return;
    }
    const Products dot = products<Storage>(a, a + p.rows * p.cols, p.cols);
    arcs[i] = make_arc((double)dot.aa, (double)dot.bb, (double)dot.ab, p.normalize != 0);
  };
  parallel_tasks(parallel_for, (p.count - 1) * p.rows, grain_for(p.cols), task);
}

template <class Storage> struct PathForward {
  typedef typename Storage::T T;
  enum { kGroup = 4 };  // steps that a task makes of one row

  const gdl_path_forward_args& args;
  const Arc* arcs;
  bool streamed;

  static GDL_INLINE void keep(const PathCoefficients& weight, float& a, float& b) {
    a = (float)weight.a;
    b = (float)weight.b;
  }

  // Steps first ... first + count on one segment, at positions u.
  void blend(int64_t segment, int64_t row, int64_t first, int64_t count, const double* u) const {
    const gdl_path& p = args.path;
    const Arc arc = arcs[segment * p.rows + row];
    float weights_a[kGroup], weights_b[kGroup];
    if (arc.curved && !arc.scaled) {
      for (int k = 0; k < kGroup; ++k) keep(arc_weights(arc, u[k]), weights_a[k], weights_b[k]);
    } else {
      for (int k = 0; k < count; ++k) keep(path_coefficients(arc, u[k]), weights_a[k], weights_b[k]);
    }
    const int64_t stride = p.rows * p.cols;
    const T* a = static_cast<const T*>(args.keyframes) + (segment * p.rows + row) * p.cols;
    const T* b = a + stride;
    T* out = static_cast<T*>(args.out) + (first * p.rows + row) * p.cols;
    const bool past_caches = streamed && aligned_for_streaming(out) && stride * (int64_t)sizeof(T) % 64 == 0;
    if (count == kGroup) {
      for_each_block(p.cols, past_caches, Blend<Storage, kGroup>(a, b, out, stride, weights_a, weights_b));
      return;
    }
    for (int64_t k = 0; k < count; ++k) {
      for_each_block(p.cols, past_caches,
                     Blend<Storage, 1>(a, b, out + k * stride, stride, weights_a + k, weights_b + k));
    }
  }

  void operator()(int64_t index) const {
    const gdl_path& p = args.path;
    const int64_t group = index / p.rows, row = index - group * p.rows;
    const int64_t end = smaller(p.steps, (group + 1) * kGroup);
    double u[kGroup] = {};
    int64_t first = group * kGroup, segment = find_segment(args.t[first], p.count).index;
    for (int64_t step = first; step < end; ++step) {
      const Segment here = find_segment(args.t[step], p.count);
      if (here.index != segment) {
        blend(segment, row, first, step - first, u);
        segment = here.index;
        first = step;
      }
      u[step - first] = here.u;
    }
    blend(segment, row, first, end - first, u);
  }

  static int run(const gdl_path_forward_args& args, gdl_parallel_for parallel_for) {
    const gdl_path& p = args.path;
    if (!valid(p)) return GDL_BAD_ARGUMENT;
    const Scratch<Arc> arcs((p.count - 1) * p.rows);
    if (!arcs.data) return GDL_OUT_OF_MEMORY;
    find_arcs<Storage>(p, static_cast<const T*>(args.keyframes), arcs.data, parallel_for);
    PathForward task = {args, arcs.data, p.steps * p.rows * p.cols * (int64_t)sizeof(T) > kStreamingBytes};
    parallel_tasks(parallel_for, ceil_div(p.steps, kGroup) * p.rows, grain_for(kGroup * p.cols), task);
    return GDL_OK;
  }
};

int path_forward(const gdl_path_forward_args& args, gdl_parallel_for parallel_for) {
  return dispatch_dtype<PathForward>(args, parallel_for);
}

// ---- backward --------------------------------------------------------------------------------------------------

struct StepGradient {
  float weight_a, weight_b;
  PathSums sums;
};

// The steps of each segment, in order: steps order[first[s]] up to order[first[s + 1]] lie on segment s.
struct StepsOfSegments {
  Scratch<int64_t> first, order;

  StepsOfSegments(const gdl_path& p, const float* t) : first(p.count + 1), order(p.steps) {
    if (!first.data || !order.data) return;
    for (int64_t s = 0; s <= p.count; ++s) first.data[s] = 0;
    for (int64_t i = 0; i < p.steps; ++i) ++first.data[find_segment(t[i], p.count).index + 2];
    for (int64_t s = 1; s <= p.count; ++s) first.data[s] += first.data[s - 1];
    for (int64_t i = 0; i < p.steps; ++i) order.data[first.data[find_segment(t[i], p.count).index + 1]++] = i;
  }
  bool ok() const { return first.data && order.data; }
};

template <class Storage> struct PathBackward {
  typedef typename Storage::T T;
  enum { kPiece = 512 };  // columns whose float32 sums stay in the first-level cache

  static int run(const gdl_path_backward_args& args, gdl_parallel_for parallel_for) {
    const gdl_path p = args.path;
    if (!valid(p)) return GDL_BAD_ARGUMENT;
    const Scratch<Arc> arcs((p.count - 1) * p.rows);
    const Scratch<StepGradient> steps(p.steps * p.rows);
    const StepsOfSegments on(p, args.t);
    if (!arcs.data || !steps.data || !on.ok()) return GDL_OUT_OF_MEMORY;
    find_arcs<Storage>(p, static_cast<const T*>(args.keyframes), arcs.data, parallel_for);
    project_steps(args, arcs.data, steps.data, parallel_for);
    sum_over_rows(args, steps.data);
    gather_keyframes(args, arcs.data, steps.data, on, parallel_for);
    return GDL_OK;
  }

  static void project_steps(const gdl_path_backward_args& args, const Arc* arcs, StepGradient* steps,
                            gdl_parallel_for parallel_for) {
    const gdl_path p = args.path;
    auto task = [&](int64_t i) {
      const int64_t step = i / p.rows, row = i - step * p.rows;
      const Segment segment = find_segment(args.t[step], p.count);
      const int64_t start = segment.index * p.rows + row;
      const T* a = static_cast<const T*>(args.keyframes) + start * p.cols;
      F ga = S::set(0.0f), gb = ga;
      const Project<Storage> block = {static_cast<const T*>(args.grad_out) + i * p.cols, a, a + p.rows * p.cols, &ga, &gb};
      for_each_block(p.cols, false, block);
      const PathCoefficients weight = path_coefficients(arcs[start], segment.u);
      steps[i].weight_a = (float)weight.a;
      steps[i].weight_b = (float)weight.b;
      steps[i].sums = path_sums(arcs[start], segment.u, (double)S::sum(ga), (double)S::sum(gb));
    };
    parallel_tasks(parallel_for, p.steps * p.rows, grain_for(p.cols), task);
  }

  static void sum_over_rows(const gdl_path_backward_args& args, const StepGradient* steps) {
    const gdl_path p = args.path;
    for (int64_t step = 0; step < p.steps; ++step) {
      double sum = 0.0;
      for (int64_t row = 0; row < p.rows; ++row) sum += steps[step * p.rows + row].sums.u;
      args.grad_t[step] = (float)sum;
    }
  }

  // Each keyframe gathers from the segment that begins and the segment that ends in it, in a fixed order.
  static void gather_keyframes(const gdl_path_backward_args& args, const Arc* arcs, const StepGradient* steps,
                               const StepsOfSegments& on, gdl_parallel_for parallel_for) {
    const gdl_path p = args.path;
    auto task = [&](int64_t i) {
      const int64_t keyframe = i / p.rows, row = i - keyframe * p.rows;
      for (int64_t col = 0; col < p.cols; col += kPiece) {
        const int64_t count = smaller(kPiece, p.cols - col);
        float sums[kPiece + kLanes] = {};
        if (keyframe > 0) add_segment(args, arcs, steps, on, keyframe - 1, row, false, col, count, sums);
        if (keyframe + 1 < p.count) add_segment(args, arcs, steps, on, keyframe, row, true, col, count, sums);
        T* out = static_cast<T*>(args.grad_keyframes) + i * p.cols + col;
        const Write write = {sums, out};
        for_each_block(count, false, write);
      }
    };
    parallel_tasks(parallel_for, p.count * p.rows, grain_for(p.cols * at_least_one(p.steps / p.count)), task);
  }

  struct Write {
    const float* sums;
    T* out;
    template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
      store<Storage, kMove>(out + i, S::load(sums + i), count);
    }
  };

  static void add(const T* x, double weight, int64_t count, float* sums) {
    const AddScaled<Storage> block = {x, sums, S::set((float)weight)};
    for_each_block(count, false, block);
  }

  static void add_segment(const gdl_path_backward_args& args, const Arc* arcs, const StepGradient* steps,
                          const StepsOfSegments& on, int64_t segment, int64_t row, bool is_start, int64_t col,
                          int64_t count, float* sums) {
    const gdl_path p = args.path;
    double omega = 0.0, norm_a = 0.0, norm_b = 0.0;
    for (int64_t k = on.first.data[segment]; k < on.first.data[segment + 1]; ++k) {
      const int64_t i = on.order.data[k] * p.rows + row;
      add(static_cast<const T*>(args.grad_out) + i * p.cols + col,
          (double)(is_start ? steps[i].weight_a : steps[i].weight_b), count, sums);
      omega += steps[i].sums.omega;
      norm_a += steps[i].sums.norm_a;
      norm_b += steps[i].sums.norm_b;
    }
    const int64_t start = segment * p.rows + row;
    const ArcGradient g = arc_gradient(arcs[start], omega, norm_a, norm_b);
    const T* a = static_cast<const T*>(args.keyframes) + start * p.cols + col;
    const T* b = a + p.rows * p.cols;
    if (!arcs[start].curved && !arcs[start].scaled) return;
    add(is_start ? a : b, is_start ? g.aa : g.bb, count, sums);
    add(is_start ? b : a, g.ab, count, sums);
  }
};

int path_backward(const gdl_path_backward_args& args, gdl_parallel_for parallel_for) {
  return dispatch_dtype<PathBackward>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
