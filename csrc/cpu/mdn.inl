// Mixtures of Gaussians (Bishop 1994, "Mixture density networks"): negative log-likelihood, its gradients, and samples.
// A task takes sixteen rows, and what belongs to a row as a whole lies in its lane. Inside a row the sixteen lanes go
// along the dimensions where these are many, else along the rows too.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

typedef MdnMath<S> Mdn;

enum { kFewComponents = 32 };  // up to here what a task keeps lies on the stack

inline bool valid(const gdl_mixture& m) { return m.rows >= 0 && m.components >= 1 && m.cols >= 1; }

// A number of each of sixteen rows that lie `stride` apart. Behind the last of `count` rows it is repeated.
template <class Storage, bool kAll> GDL_INLINE F gather(const typename Storage::T* p, int64_t stride, int64_t count) {
  typename Storage::T block[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) block[i] = p[(kAll || i < count ? i : count - 1) * stride];
  return Storage::load(block);
}

template <class Storage, bool kAll>
GDL_INLINE void scatter(typename Storage::T* p, int64_t stride, int64_t count, F v) {
  typename Storage::T block[kLanes];
  Storage::store(block, v);
  for (int64_t i = 0; i < (kAll ? (int64_t)kLanes : count); ++i) p[i * stride] = block[i];
}

// ---- likelihood ------------------------------------------------------------------------------------------------

// Adds up log N(target; mean, exp(log_std)) over the dimensions, without its constant.
template <class Storage> struct LogDensity {
  const typename Storage::T *target, *mean, *log_std;
  F* sum;
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    F z, clamped, inverse_std;
    Mdn::standardize(load<Storage, kMove>(target + i, count), load<Storage, kMove>(mean + i, count),
                     load<Storage, kMove>(log_std + i, count), z, clamped, inverse_std);
    *sum = S::fma(S::mul(S::set(-0.5f), z), z, S::sub(*sum, clamped));  // lanes behind the row add nothing
  }
};

// The gradients of one row; `weight` is its responsibilities times the gradient that comes in.
template <class Storage> struct GradientBlock {
  typedef typename Storage::T T;
  const T *target, *mean, *log_std;
  const float *responsibility, *weight;  // of component k at k * kLanes
  int64_t components, cols;
  T *grad_mean, *grad_log_std, *grad_target;

  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F here = load<Storage, kMove>(target + i, count), zero = S::set(0.0f);
    F to_target = zero;
    for (int64_t k = 0; k < components; ++k) {
      const int64_t at = k * cols + i;
      if (responsibility[k * kLanes] < kLeastResponsibility) {
        store<Storage, kMove>(grad_mean + at, zero, count);
        store<Storage, kMove>(grad_log_std + at, zero, count);
        continue;
      }
      F z, clamped, inverse_std;
      Mdn::standardize(here, load<Storage, kMove>(mean + at, count), load<Storage, kMove>(log_std + at, count), z, clamped,
                       inverse_std);
      const F w = S::set(weight[k * kLanes]), pull = S::mul(w, z), force = S::mul(pull, inverse_std);
      to_target = S::add(to_target, force);
      store<Storage, kMove>(grad_mean + at, S::sub(zero, force), count);
      store<Storage, kMove>(grad_log_std + at, S::fma(S::sub(zero, pull), z, w), count);
    }
    store<Storage, kMove>(grad_target + i, to_target, count);
  }
};

// Up to sixteen rows. Both buffers hold sixteen lanes for each component.
template <class Storage, bool kAll> struct MixtureRows {
  typedef typename Storage::T T;
  const gdl_mixture& mixture;
  const T *logits, *mean, *log_std, *target;  // of the first row
  int64_t row, count;
  float *weight, *density;
  F total, joint;  // the sums by which the weights and the densities are to be divided

  MixtureRows(const gdl_mixture& m, const void* targets, int64_t row, int64_t count, float* buffer)
      : mixture(m),
        logits(static_cast<const T*>(m.logits) + row * m.components),
        mean(static_cast<const T*>(m.mean) + row * m.components * m.cols),
        log_std(static_cast<const T*>(m.log_std) + row * m.components * m.cols),
        target(static_cast<const T*>(targets) + row * m.cols),
        row(row),
        count(count),
        weight(buffer),
        density(buffer + m.components * kLanes) {}

  bool narrow() const { return mixture.cols < kLanes; }

  void find_densities() {
    const int64_t cols = mixture.cols, stride = mixture.components * cols;
    if (!narrow()) {
      for (int64_t k = 0; k < mixture.components; ++k) {
        for (int64_t r = 0; r < kLanes; ++r) {
          F sum = S::set(0.0f);
          const int64_t at = r * stride + k * cols;
          if (r < count) for_each_block(cols, false, LogDensity<Storage>{target + r * cols, mean + at, log_std + at, &sum});
          density[k * kLanes + r] = S::sum(sum);
        }
      }
      return;
    }
    F targets[kLanes];
    for (int64_t d = 0; d < cols; ++d) targets[d] = gather<Storage, kAll>(target + d, cols, count);
    for (int64_t k = 0; k < mixture.components; ++k) {
      F sum = S::set(0.0f);
      for (int64_t d = 0; d < cols; ++d) {
        F z, clamped, inverse_std;
        Mdn::standardize(targets[d], gather<Storage, kAll>(mean + k * cols + d, stride, count),
                         gather<Storage, kAll>(log_std + k * cols + d, stride, count), z, clamped, inverse_std);
        sum = S::fma(S::mul(S::set(-0.5f), z), z, S::sub(sum, clamped));
      }
      S::store(density + k * kLanes, sum);
    }
  }

  // Returns the negative log-likelihood. Leaves exp(logit) and exp(logit) * density, each over its largest, behind.
  F mix() {
    find_densities();
    const int64_t components = mixture.components;
    F top = Mdn::minus_infinity(), best = top;
    for (int64_t k = 0; k < components; ++k) {
      const F logit = gather<Storage, kAll>(logits + k, components, count);
      S::store(weight + k * kLanes, logit);
      top = S::max(top, logit);
    }
    const F finite_top = Mdn::finite(top);
    total = joint = S::set(0.0f);
    for (int64_t k = 0; k < components; ++k) {
      const F logit = S::sub(S::load(weight + k * kLanes), finite_top), e = Mdn::exp(logit);
      const F log_joint = S::add(logit, S::load(density + k * kLanes));
      total = S::add(total, e);
      best = S::max(best, log_joint);
      S::store(weight + k * kLanes, e);
      S::store(density + k * kLanes, log_joint);
    }
    const F finite_best = Mdn::finite(best);
    for (int64_t k = 0; k < components; ++k) {
      const F e = Mdn::exp(S::sub(S::load(density + k * kLanes), finite_best));
      joint = S::add(joint, e);
      S::store(density + k * kLanes, e);
    }
    const F constant = S::set((float)(0.91893853320467274178 * (double)mixture.cols));  // ln(2 pi) / 2
    return S::add(S::sub(S::sub(Mdn::log(total), Mdn::log(joint)), best), constant);
  }

  // Makes responsibilities of the densities, and responsibilities times the incoming gradient of the weights.
  void find_responsibilities(F grad, T* grad_logits) {
    const F one = S::set(1.0f), scale = S::div(one, S::max(one, total)), scale_joint = S::div(one, S::max(one, joint));
    for (int64_t k = 0; k < mixture.components; ++k) {
      const F prior = S::mul(S::load(weight + k * kLanes), scale), r = S::mul(S::load(density + k * kLanes), scale_joint);
      scatter<Storage, kAll>(grad_logits + k, mixture.components, count, S::mul(grad, S::sub(prior, r)));
      S::store(weight + k * kLanes, S::mul(grad, r));
      S::store(density + k * kLanes, r);
    }
  }

  void find_gradients(T* grad_mean, T* grad_log_std, T* grad_target) const {
    const int64_t components = mixture.components, cols = mixture.cols, stride = components * cols;
    if (!narrow()) {
      for (int64_t r = 0; r < count; ++r) {
        const int64_t at = r * stride, d = r * cols;
        const GradientBlock<Storage> block = {target + d,   mean + at,  log_std + at, density + r,
                                              weight + r,   components, cols,         grad_mean + at,
                                              grad_log_std + at, grad_target + d};
        for_each_block(cols, false, block);
      }
      return;
    }
    const F zero = S::set(0.0f);
    F targets[kLanes], to_target[kLanes];
    for (int64_t d = 0; d < cols; ++d) {
      targets[d] = gather<Storage, kAll>(target + d, cols, count);
      to_target[d] = zero;
    }
    for (int64_t k = 0; k < components; ++k) {
      const F r = S::load(density + k * kLanes), w = S::load(weight + k * kLanes), least = S::set(kLeastResponsibility);
      for (int64_t d = 0; d < cols; ++d) {
        const int64_t at = k * cols + d;
        F z, clamped, inverse_std;
        Mdn::standardize(targets[d], gather<Storage, kAll>(mean + at, stride, count),
                         gather<Storage, kAll>(log_std + at, stride, count), z, clamped, inverse_std);
        const F pull = S::mul(w, z), force = S::unless_less(r, least, S::mul(pull, inverse_std));
        const F spread = S::unless_less(r, least, S::fma(S::sub(zero, pull), z, w));
        to_target[d] = S::add(to_target[d], force);
        scatter<Storage, kAll>(grad_mean + at, stride, count, S::sub(zero, force));
        scatter<Storage, kAll>(grad_log_std + at, stride, count, spread);
      }
    }
    for (int64_t d = 0; d < cols; ++d) scatter<Storage, kAll>(grad_target + d, cols, count, to_target[d]);
  }
};

// Calls task.run<kAll>(row, count, buffer) for each sixteen rows, with a buffer of two vectors for each component.
template <class Task> int for_each_sixteen_rows(const gdl_mixture& m, gdl_parallel_for parallel_for, const Task& task) {
  const int64_t blocks = ceil_div(m.rows, kLanes), size = 2 * m.components * kLanes;
  const bool few = m.components <= kFewComponents;
  const Scratch<float> scratch(few ? 0 : blocks * size);
  if (!scratch.data) return GDL_OUT_OF_MEMORY;
  auto body = [&](int64_t block) {
    float stack[2 * kFewComponents * kLanes];
    float* buffer = few ? stack : scratch.data + block * size;
    const int64_t row = block * kLanes, count = smaller(kLanes, m.rows - row);
    if (count == kLanes) {
      task.template run<true>(row, count, buffer);
    } else {
      task.template run<false>(row, count, buffer);
    }
  };
  parallel_tasks(parallel_for, blocks, at_least_one(16384 / (kLanes * m.components * m.cols)), body);
  return GDL_OK;
}

template <class Storage> struct MdnNllForward {
  const gdl_mdn_nll_forward_args& args;

  template <bool kAll> void run(int64_t row, int64_t count, float* buffer) const {
    MixtureRows<Storage, kAll> rows(args.mixture, args.target, row, count, buffer);
    store<Float32, kAll ? kWhole : kPartial>(args.nll + row, rows.mix(), count);
  }
  static int run(const gdl_mdn_nll_forward_args& args, gdl_parallel_for parallel_for) {
    return for_each_sixteen_rows(args.mixture, parallel_for, MdnNllForward{args});
  }
};

int mdn_nll_forward(const gdl_mdn_nll_forward_args& args, gdl_parallel_for parallel_for) {
  if (!valid(args.mixture)) return GDL_BAD_ARGUMENT;
  return dispatch_dtype<MdnNllForward>(args, parallel_for);
}

template <class Storage> struct MdnNllBackward {
  typedef typename Storage::T T;
  const gdl_mdn_nll_backward_args& args;

  template <bool kAll> void run(int64_t row, int64_t count, float* buffer) const {
    const int64_t components = args.mixture.components, cols = args.mixture.cols, start = row * components * cols;
    MixtureRows<Storage, kAll> rows(args.mixture, args.target, row, count, buffer);
    rows.mix();
    rows.find_responsibilities(load<Float32, kAll ? kWhole : kPartial>(args.grad_nll + row, count),
                               static_cast<T*>(args.grad_logits) + row * components);
    rows.find_gradients(static_cast<T*>(args.grad_mean) + start, static_cast<T*>(args.grad_log_std) + start,
                        static_cast<T*>(args.grad_target) + row * cols);
  }
  static int run(const gdl_mdn_nll_backward_args& args, gdl_parallel_for parallel_for) {
    return for_each_sixteen_rows(args.mixture, parallel_for, MdnNllBackward{args});
  }
};

int mdn_nll_backward(const gdl_mdn_nll_backward_args& args, gdl_parallel_for parallel_for) {
  if (!valid(args.mixture)) return GDL_BAD_ARGUMENT;
  return dispatch_dtype<MdnNllBackward>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
