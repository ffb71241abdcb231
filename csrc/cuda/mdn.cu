// Mixtures of Gaussians: negative log-likelihood, its gradients, and samples.
#include "mdn.h"

#include "common.cuh"
#include "gdl/mdn_math.h"

namespace gdl {
namespace cuda {

typedef MdnMath<Scalar> Mdn;

// A row's logits over their largest, and the sum of their exponentials.
template <class Storage> struct Prior {
  const typename Storage::T* logits;
  float top, total;

  __device__ Prior(const gdl_mixture& m, int64_t row)
      : logits(static_cast<const typename Storage::T*>(m.logits) + row * m.components), top(Mdn::minus_infinity()), total(0.0f) {
#pragma unroll 1
    for (int64_t k = 0; k < m.components; ++k) top = Scalar::max(top, Storage::load(logits + k));
    top = Mdn::finite(top);
#pragma unroll 1
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

// log N(target; component k) of a row without its constant, in every thread of the group.
template <class Storage>
__device__ float log_density(const gdl_mixture& m, const void* target, int64_t row, int64_t k, int group, int lane) {
  typedef typename Storage::T T;
  const T* here = static_cast<const T*>(target) + row * m.cols;
  const int64_t start = (row * m.components + k) * m.cols;
  float sum = 0.0f;
  for (int64_t d = lane; d < m.cols; d += group) {
    float z, clamped, inverse_std;
    Mdn::standardize(Storage::load(here + d), Storage::load(static_cast<const T*>(m.mean) + start + d),
                     Storage::load(static_cast<const T*>(m.log_std) + start + d), z, clamped, inverse_std);
    sum = Scalar::fma(Scalar::mul(-0.5f, z), z, Scalar::sub(sum, clamped));
  }
  return group > 1 ? __shfl_sync(0xFFFFFFFFu, warp_sum(sum), 0) : sum;
}

template <class Storage> __device__ void mdn_nll(const MdnNll& p) {
  const gdl_mixture& m = p.mixture;
  const int group = p.group, lane = (int)threadIdx.x & (group - 1);
  const int64_t groups = groups_in(thread_count(), group);
  for (int64_t row = groups_in(thread_index(), group); row < m.rows; row += groups) {
    const Prior<Storage> prior(m, row);
    Joint joint;
#pragma unroll 1
    for (int64_t k = 0; k < m.components; ++k) {
      joint.add(Scalar::add(prior[k], log_density<Storage>(m, p.target, row, k, group, lane)));
    }
    if (lane != 0) continue;
    const float logs = Scalar::sub(Mdn::log(prior.total), Mdn::log(joint.total));
    p.nll[row] = Scalar::add(Scalar::sub(logs, joint.best), p.constant);
  }
}

template <class Storage> __device__ void mdn_nll_backward(const MdnNllBackward& p) {
  typedef typename Storage::T T;
  const gdl_mdn_nll_backward_args& a = p.args;
  const gdl_mixture& m = a.mixture;
  const int group = p.group, first = (int)threadIdx.x & (group - 1);
  const int64_t groups = groups_in(thread_count(), group);
  for (int64_t row = groups_in(thread_index(), group); row < m.rows; row += groups) {
    const Prior<Storage> prior(m, row);
    Joint joint;
    float* density = p.densities + row * m.components;
#pragma unroll 1
    for (int64_t k = 0; k < m.components; ++k) {
      const float log_joint = Scalar::add(prior[k], log_density<Storage>(m, a.target, row, k, group, first));
      joint.add(log_joint);
      if (first == 0) density[k] = log_joint;
    }
    const float grad = a.grad_nll[row], best = Mdn::finite(joint.best);
    const float scale = Scalar::div(1.0f, Scalar::max(1.0f, prior.total));
    const float scale_joint = Scalar::div(1.0f, Scalar::max(1.0f, joint.total));
    T* grad_logits = static_cast<T*>(a.grad_logits) + row * m.components;
#pragma unroll 1
    for (int64_t k = 0; first == 0 && k < m.components; ++k) {
      const float weight = Scalar::mul(Mdn::exp(prior[k]), scale);
      density[k] = Scalar::mul(Mdn::exp(Scalar::sub(density[k], best)), scale_joint);
      Storage::store(grad_logits + k, Scalar::mul(grad, Scalar::sub(weight, density[k])));
    }
    if (group > 1) __syncwarp();
    for (int64_t d = first; d < m.cols; d += group) {
      const float target = Storage::load(static_cast<const T*>(a.target) + row * m.cols + d);
      float to_target = 0.0f;
#pragma unroll 1
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

// ---- samples ---------------------------------------------------------------------------------------------------------

// The component of each row by inverse CDF, in the order of the CPU's sums.
template <class Storage> __device__ void mdn_choose(const MdnChoose& p) {
  const gdl_mixture& m = p.mixture;
  Generator<true> generator(p.key);
  const bool greedy = p.temperature == 0.0f;
  const float divisor = greedy ? 1.0f : p.temperature;
  for (int64_t row = thread_index(); row < m.rows; row += thread_count()) {
    const Prior<Storage> prior(m, row);
    float total = 0.0f;
#pragma unroll 1
    for (int64_t k = 0; k < m.components; ++k) total = Scalar::add(total, Mdn::exp(Scalar::div(prior[k], divisor)));
    const uint64_t counter = generator.offset + (uint64_t)row * (uint64_t)p.counters_per_row;
    const float uniform = Mdn::uniform((uint32_t)counter, (uint32_t)(counter >> 32), generator.words);
    const float threshold = greedy ? 0.0f : Scalar::mul(uniform, total);
    float reached = greedy ? Mdn::minus_infinity() : 0.0f;
    int64_t below = 0;
#pragma unroll 1
    for (int64_t k = 0; k < m.components; ++k) {
      const float logit = Scalar::div(prior[k], divisor);
      reached = greedy ? Scalar::max(reached, logit) : Scalar::add(reached, Mdn::exp(logit));
      below += reached < threshold;
    }
    p.component[row] = total >= 1.0f ? below : 0;
    p.totals[row] = total;
  }
}

template <class Storage> __device__ void mdn_draw(const MdnDraw& p) {
  const gdl_mixture& m = p.mixture;
  Generator<true> generator(p.key);
  for (int64_t quad = thread_index(); quad < p.quads.count; quad += thread_count()) {
    int size;
    const int64_t to = p.quads.element<false>(quad, size), row = p.quads.row(quad);
    const int64_t from = (row * m.components + p.component[row]) * m.cols + (to - row * m.cols);
    float mean[4], log_std[4], noise[4];
    load_quad<Storage, false>(element<Storage>(m.mean, from), size, mean);
    load_quad<Storage, false>(element<Storage>(m.log_std, from), size, log_std);
    generator(p.quads, quad, noise);
    const bool drawn = p.totals[row] >= 1.0f;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      mean[j] = drawn ? Mdn::draw(mean[j], log_std[j], noise[j], p.scale) : Scalar::from_bits(0x7FC00000u);
    }
    store_quad<Storage, false>(element<Storage>(p.x, to), size, mean);
  }
}

GDL_MDN_KERNELS(GDL_DEFINE_KERNEL)

}  // namespace cuda
}  // namespace gdl
