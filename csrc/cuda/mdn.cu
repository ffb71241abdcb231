// Mixtures of Gaussians: negative log-likelihood, its gradients, and samples.
#include "common.cuh"
#include "gdl/mdn_math.h"

namespace gdl {
namespace cuda {

typedef MdnMath<Scalar> Mdn;

enum { kNarrow = 8 };  // below so many dimensions a thread works on a row, else a warp

inline bool valid(const gdl_mixture& m) { return m.rows >= 0 && m.components >= 1 && m.cols >= 1; }

// A row's logits over their largest, and the sum of their exponentials.
template <class Storage> struct Prior {
  const typename Storage::T* logits;
  float top, total;

  __device__ Prior(const gdl_mixture& m, int64_t row)
      : logits(static_cast<const typename Storage::T*>(m.logits) + row * m.components), top(Mdn::minus_infinity()), total(0.0f) {
    for (int64_t k = 0; k < m.components; ++k) top = Scalar::max(top, Storage::load(logits + k));
    top = Mdn::finite(top);
    for (int64_t k = 0; k < m.components; ++k) total = Scalar::add(total, Mdn::exp((*this)[k]));
  }
  __device__ float operator[](int64_t k) const { return Scalar::sub(Storage::load(logits + k), top); }
};

// The largest of the joint log-densities of target and component, and the sum of their exponentials over it.
struct Joint {
  float best, total;

  __device__ Joint() : best(Mdn::minus_infinity()), total(0.0f) {}
  __device__ void add(float log_density) {
    const float before = Mdn::finite(best);
    best = Scalar::max(best, log_density);
    const float now = Mdn::finite(best);
    total = Scalar::fma(total, Mdn::exp(Scalar::sub(before, now)), Mdn::exp(Scalar::sub(log_density, now)));
  }
};

template <int kGroup> __device__ int64_t lane() { return kGroup == 1 ? 0 : threadIdx.x % kGroup; }

// log N(target; component k) of a row without its constant, in every thread of the group.
template <class Storage, int kGroup>
__device__ float log_density(const gdl_mixture& m, const void* target, int64_t row, int64_t k) {
  typedef typename Storage::T T;
  const T* here = static_cast<const T*>(target) + row * m.cols;
  const int64_t start = (row * m.components + k) * m.cols;
  float sum = 0.0f;
  for (int64_t d = lane<kGroup>(); d < m.cols; d += kGroup) {
    float z, clamped, inverse_std;
    Mdn::standardize(Storage::load(here + d), Storage::load(static_cast<const T*>(m.mean) + start + d),
                     Storage::load(static_cast<const T*>(m.log_std) + start + d), z, clamped, inverse_std);
    sum = Scalar::fma(Scalar::mul(-0.5f, z), z, Scalar::sub(sum, clamped));
  }
  sum = group_sum<kGroup>(sum);
  if constexpr (kGroup > 1) sum = __shfl_sync(0xFFFFFFFFu, sum, 0);
  return sum;
}

template <class Storage, int kGroup>
__global__ void __launch_bounds__(kThreads) nll_kernel(gdl_mixture m, const void* target, float constant, float* nll) {
  const int64_t groups = thread_count() / kGroup;
  for (int64_t row = thread_index() / kGroup; row < m.rows; row += groups) {
    const Prior<Storage> prior(m, row);
    Joint joint;
    for (int64_t k = 0; k < m.components; ++k) {
      joint.add(Scalar::add(prior[k], log_density<Storage, kGroup>(m, target, row, k)));
    }
    if (lane<kGroup>() != 0) continue;
    const float logs = Scalar::sub(Mdn::log(prior.total), Mdn::log(joint.total));
    nll[row] = Scalar::add(Scalar::sub(logs, joint.best), constant);
  }
}

template <class Storage> struct MdnNllForward {
  template <int kGroup> static int run_groups(const gdl_mdn_nll_forward_args& args, cudaStream_t stream) {
    const float constant = (float)(0.91893853320467274178 * (double)args.mixture.cols);  // ln(2 pi) / 2
    const unsigned blocks = blocks_for(args.mixture.rows, kThreads / kGroup);
    nll_kernel<Storage, kGroup><<<blocks, kThreads, 0, stream>>>(args.mixture, args.target, constant, args.nll);
    return launched();
  }
  static int run(const gdl_mdn_nll_forward_args& args, const gdl_cuda_call& call) {
    if (!valid(args.mixture)) return GDL_BAD_ARGUMENT;
    if (args.mixture.rows == 0) return GDL_OK;
    const cudaStream_t stream = stream_of(call);
    return args.mixture.cols < kNarrow ? run_groups<1>(args, stream) : run_groups<kWarp>(args, stream);
  }
};

// `densities` (rows, components) holds the joint log-densities on the way, then the responsibilities.
template <class Storage, int kGroup>
__global__ void __launch_bounds__(kThreads) nll_backward_kernel(gdl_mdn_nll_backward_args a, float* densities) {
  typedef typename Storage::T T;
  const gdl_mixture& m = a.mixture;
  const int64_t groups = thread_count() / kGroup, first = lane<kGroup>();
  for (int64_t row = thread_index() / kGroup; row < m.rows; row += groups) {
    const Prior<Storage> prior(m, row);
    Joint joint;
    float* density = densities + row * m.components;
    for (int64_t k = 0; k < m.components; ++k) {
      const float log_joint = Scalar::add(prior[k], log_density<Storage, kGroup>(m, a.target, row, k));
      joint.add(log_joint);
      if (first == 0) density[k] = log_joint;
    }
    const float grad = a.grad_nll[row], best = Mdn::finite(joint.best);
    const float scale = Scalar::div(1.0f, Scalar::max(1.0f, prior.total));
    const float scale_joint = Scalar::div(1.0f, Scalar::max(1.0f, joint.total));
    T* grad_logits = static_cast<T*>(a.grad_logits) + row * m.components;
    for (int64_t k = 0; first == 0 && k < m.components; ++k) {
      const float weight = Scalar::mul(Mdn::exp(prior[k]), scale);
      density[k] = Scalar::mul(Mdn::exp(Scalar::sub(density[k], best)), scale_joint);
      Storage::store(grad_logits + k, Scalar::mul(grad, Scalar::sub(weight, density[k])));
    }
    if constexpr (kGroup > 1) __syncwarp();
    for (int64_t d = first; d < m.cols; d += kGroup) {
      const float target = Storage::load(static_cast<const T*>(a.target) + row * m.cols + d);
      float to_target = 0.0f;
      for (int64_t k = 0; k < m.components; ++k) {
        const int64_t at = (row * m.components + k) * m.cols + d;
        const float r = density[k], w = Scalar::mul(grad, r), least = kLeastResponsibility;
        float z, clamped, inverse_std;
        Mdn::standardize(target, Storage::load(static_cast<const T*>(m.mean) + at),
                         Storage::load(static_cast<const T*>(m.log_std) + at), z, clamped, inverse_std);
        const float pull = Scalar::mul(w, z), force = Scalar::unless_less(r, least, Scalar::mul(pull, inverse_std));
        to_target = Scalar::add(to_target, force);
        Storage::store(static_cast<T*>(a.grad_mean) + at, Scalar::sub(0.0f, force));
        Storage::store(static_cast<T*>(a.grad_log_std) + at, Scalar::unless_less(r, least, Scalar::fma(-pull, z, w)));
      }
      Storage::store(static_cast<T*>(a.grad_target) + row * m.cols + d, to_target);
    }
  }
}

template <class Storage> struct MdnNllBackward {
  static int run(const gdl_mdn_nll_backward_args& args, const gdl_cuda_call& call) {
    const cudaStream_t stream = stream_of(call);
    if (!valid(args.mixture)) return GDL_BAD_ARGUMENT;
    const int64_t rows = args.mixture.rows;
    if (rows == 0) return GDL_OK;
    float* densities = static_cast<float*>(call.scratch);
    if (args.mixture.cols < kNarrow) {
      nll_backward_kernel<Storage, 1><<<blocks_for(rows, kThreads), kThreads, 0, stream>>>(args, densities);
    } else {
      nll_backward_kernel<Storage, kWarp><<<blocks_for(rows, kThreads / kWarp), kThreads, 0, stream>>>(args, densities);
    }
    return launched();
  }
};

// ---- samples -------------------------------------------------------------------------------------------------------

// The component of each row by inverse CDF, in the order of the CPU's sums. `totals` is 1 or more where a row has any.
template <class Storage>
__global__ void __launch_bounds__(kThreads)
    choose_kernel(gdl_mixture m, Key key, float temperature, int64_t counters_per_row, int64_t* component, float* totals) {
  const Generator generator(key);
  const bool greedy = temperature == 0.0f;
  const float divisor = greedy ? 1.0f : temperature;
  for (int64_t row = thread_index(); row < m.rows; row += thread_count()) {
    const Prior<Storage> prior(m, row);
    float total = 0.0f;
    for (int64_t k = 0; k < m.components; ++k) total = Scalar::add(total, Mdn::exp(Scalar::div(prior[k], divisor)));
    const uint64_t counter = generator.offset + (uint64_t)row * (uint64_t)counters_per_row;
    const float uniform = Mdn::uniform((uint32_t)counter, (uint32_t)(counter >> 32), generator.keys);
    const float threshold = greedy ? 0.0f : Scalar::mul(uniform, total);
    float reached = greedy ? Mdn::minus_infinity() : 0.0f;
    int64_t below = 0;
    for (int64_t k = 0; k < m.components; ++k) {
      const float logit = Scalar::div(prior[k], divisor);
      reached = greedy ? Scalar::max(reached, logit) : Scalar::add(reached, Mdn::exp(logit));
      below += reached < threshold;
    }
    component[row] = total >= 1.0f ? below : 0;
    totals[row] = total;
  }
}

template <class Storage>
__global__ void __launch_bounds__(kThreads)
    draw_kernel(gdl_mixture m, Quads quads, Key key, float scale, const int64_t* component, const float* totals,
                typename Storage::T* x) {
  typedef typename Storage::T T;
  const Generator generator(key);
  for (int64_t quad = thread_index(); quad < quads.count; quad += thread_count()) {
    int size;
    const int64_t to = quads.element<false>(quad, size), row = quads.row(quad);
    const int64_t from = (row * m.components + component[row]) * m.cols + (to - row * m.cols);
    float mean[4], log_std[4], noise[4];
    load_quad<Storage, false>(static_cast<const T*>(m.mean) + from, size, mean);
    load_quad<Storage, false>(static_cast<const T*>(m.log_std) + from, size, log_std);
    generator(quads, quad, noise);
    const bool drawn = totals[row] >= 1.0f;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      mean[j] = drawn ? Mdn::draw(mean[j], log_std[j], noise[j], scale) : __uint_as_float(0x7FC00000u);
    }
    store_quad<Storage, false>(x + to, size, mean);
  }
}

template <class Storage> struct MdnSample {
  static int run(const gdl_mdn_sample_args& args, const gdl_cuda_call& call) {
    const cudaStream_t stream = stream_of(call);
    const gdl_mixture m = args.mixture;
    if (!valid(m) || args.noise.rows != m.rows || args.noise.cols != m.cols || args.noise.row_keys) return GDL_BAD_ARGUMENT;
    if (!(args.temperature >= 0.0f) || args.temperature * 0.0f != 0.0f) return GDL_BAD_ARGUMENT;
    if (m.rows == 0) return GDL_OK;
    const Quads quads(m.rows, m.cols);
    const Key key = make_key(args.noise, call);
    float* totals = static_cast<float*>(call.scratch);
    choose_kernel<Storage><<<blocks_for(m.rows, kThreads), kThreads, 0, stream>>>(m, key, args.temperature, quads.per_row,
                                                                                 args.component, totals);
    const int status = launched();
    if (status != GDL_OK) return status;
    draw_kernel<Storage><<<blocks_for(quads.count, kThreads), kThreads, 0, stream>>>(
        m, quads, key, sqrtf(args.temperature), args.component, totals, static_cast<typename Storage::T*>(args.x));
    return launched();
  }
};

}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_mdn_nll_forward_scratch(const gdl_mdn_nll_forward_args*) { return 0; }

int64_t gdl_cuda_mdn_nll_backward_scratch(const gdl_mdn_nll_backward_args* args) {
  return args->mixture.rows * args->mixture.components * (int64_t)sizeof(float);
}

int64_t gdl_cuda_mdn_sample_scratch(const gdl_mdn_sample_args* args) { return args->mixture.rows * (int64_t)sizeof(float); }

int gdl_cuda_mdn_nll_forward(const gdl_mdn_nll_forward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::MdnNllForward>(*args, *call);
}

int gdl_cuda_mdn_nll_backward(const gdl_mdn_nll_backward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::MdnNllBackward>(*args, *call);
}

int gdl_cuda_mdn_sample(const gdl_mdn_sample_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::dispatch_dtype<gdl::cuda::MdnSample>(*args, *call);
}
