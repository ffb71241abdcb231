// The mathematics of mixtures of Gaussians (Bishop, "Mixture density networks", 1994), for every S of simd_*.h.
#pragma once
#include "math.h"

namespace gdl {

// The range log_std is clamped to, that of log_var halved: standard deviations from 3e-7 to 2.2e4.
constexpr float kLogStdMin = 0.5f * kLogVarMin, kLogStdMax = 0.5f * kLogVarMax;

// A responsibility below this is none: its gradients are zero, whatever they would be multiplied with.
constexpr float kLeastResponsibility = 1.17549435e-38f;

// The third word of the counters that choose components; the noise of randn has 0 there.
const uint32_t kComponentStream = 1;

template <class S> struct MdnMath {
  typedef typename S::F F;
  typedef typename S::U U;

  static GDL_INLINE F minus_infinity() { return S::from_bits(S::set_u(0xff800000u)); }

  // What is subtracted from numbers up to `top` before exp: finite, so that -inf gives exp(-inf) = 0 and not NaN.
  static GDL_INLINE F finite(F top) { return S::max(S::set(-3.40282347e38f), top); }

  // exp(x) for x <= 0, zero below -87; NaN passes.
  static GDL_INLINE F exp(F x) {
    F e, minus_one;
    Math<S>::exp_and_expm1(S::clamp(x, -87.0f, 0.0f), e, minus_one);
    return S::unless_less(x, S::set(-87.0f), e);
  }

  // ln of a sum of exponentials, which is 1 or more; NaN passes. A sum of zero gives some finite number.
  static GDL_INLINE F log(F sum) { return S::add(Math<S>::log(sum), S::sub(sum, sum)); }

  // How far the target is from the mean, in standard deviations.
  static GDL_INLINE void standardize(F target, F mean, F log_std, F& z, F& clamped, F& inverse_std) {
    clamped = S::clamp(log_std, kLogStdMin, kLogStdMax);
    F minus_one;
    Math<S>::exp_and_expm1(S::sub(S::set(0.0f), clamped), inverse_std, minus_one);
    z = S::mul(S::sub(target, mean), inverse_std);
  }

  static GDL_INLINE F draw(F mean, F log_std, F noise, F scale) {
    F std, minus_one;
    Math<S>::exp_and_expm1(S::clamp(log_std, kLogStdMin, kLogStdMax), std, minus_one);
    return S::fma(S::mul(std, scale), noise, mean);
  }

  // The number in (0, 1] that chooses the component of the row whose noise begins at the counter (low, high).
  static GDL_INLINE F uniform(U low, U high, const uint32_t* keys) {
    U x[4] = {low, high, S::set_u(kComponentStream), S::set_u(0)};
    S::template philox<Philox<S> >(x, keys);
    return S::fma(S::from_unsigned(x[0]), S::set(0x1p-32f), S::set(0x1p-33f));
  }
};

}  // namespace gdl
