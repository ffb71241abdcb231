// The mathematics of the kernels, written once for every instruction set and for CUDA: S is one of the simd_*.h types.
// Only + - * fma sqrt and integer operations, each rounded to nearest, so every device computes the same bits.
// The constants below are part of the noise contract (RNG_VERSION): a changed bit is a new version.
#pragma once
#include "philox.h"

namespace gdl {

// The range log_var is clamped to: exp(-15) to exp(10) for the standard deviation, finite in float16 products too.
constexpr float kLogVarMin = -30.0f, kLogVarMax = 20.0f;

template <class S> struct Math {
  typedef typename S::F F;
  typedef typename S::U U;

  // ln(u) for normal u > 0; other u, NaN too, give some finite number. Cephes logf (S. Moshier): polynomial in m,
  // u = 2^e (1 + m), 1 + m in [sqrt(1/2), sqrt(2)).
  static GDL_INLINE F log(F u) {
    const U bits = S::bits(u);
    const U exponent = S::template shift_right_signed<23>(S::sub_u(bits, S::set_u(0x3f3504f3u)));
    const F m = S::sub(S::from_bits(S::sub_u(bits, S::template shift_left<23>(exponent))), S::set(1.0f));
    const F e = S::from_signed(exponent);
    const F m2 = S::mul(m, m);
    F y = S::set(7.0376836292e-2f);
    y = S::fma(y, m, S::set(-1.1514610310e-1f));
    y = S::fma(y, m, S::set(1.1676998740e-1f));
    y = S::fma(y, m, S::set(-1.2420140846e-1f));
    y = S::fma(y, m, S::set(1.4249322787e-1f));
    y = S::fma(y, m, S::set(-1.6668057665e-1f));
    y = S::fma(y, m, S::set(2.0000714765e-1f));
    y = S::fma(y, m, S::set(-2.4999993993e-1f));
    y = S::fma(y, m, S::set(3.3333331174e-1f));
    y = S::mul(S::mul(y, m), m2);
    y = S::fma(e, S::set(-2.12194440e-4f), y);  // ln 2 in two parts: 0.693359375 - 2.12194440e-4
    y = S::fma(m2, S::set(-0.5f), y);
    return S::fma(e, S::set(0.693359375f), S::add(m, y));
  }

  // The number of [0, 1) that the top kBits <= 24 bits of a word make; exact.
  template <int kBits> static GDL_INLINE F unit(U word) {
    const U flipped = S::xor_u(word, S::set_u(0x80000000u));  // conversions are signed
    const F x = S::from_signed(S::template shift_right_signed<32 - kBits>(flipped));
    return S::fma(x, S::set(1.0f / (float)(1u << kBits)), S::set(0.5f));
  }

  // The radius of Box and Muller: sqrt(-2 ln u) with u = (word + 1/2) / 2^32.
  static GDL_INLINE F radius(U word) {
    const F u = S::fma(S::from_unsigned(word), S::set(0x1p-32f), S::set(0x1p-33f));
    return S::sqrt(S::mul(S::set(-2.0f), log(u)));
  }

  // Cosine and sine of 2 pi word / 2^32. The top two bits are the quadrant and the other thirty the angle from its
  // middle line, in [-pi/4, pi/4): no range reduction. Polynomials of cephes sinf and cosf.
  static GDL_INLINE void cos_sin(U word, F& cosine, F& sine) {
    const F t = S::mul(S::from_signed(S::template shift_left<2>(word)), S::set(3.6572952e-10f));  // pi/4 / 2^31
    const F t2 = S::mul(t, t);
    F s = S::fma(t2, S::set(-1.9515295891e-4f), S::set(8.3321608736e-3f));
    s = S::fma(s, t2, S::set(-1.6666654611e-1f));
    s = S::fma(S::mul(s, t2), t, t);
    F c = S::fma(t2, S::set(2.443315711809948e-5f), S::set(-1.388731625493765e-3f));
    c = S::fma(c, t2, S::set(4.166664568298827e-2f));
    c = S::fma(c, t2, S::set(-0.5f));
    c = S::fma(c, t2, S::set(1.0f));
    F x, y;
    S::swap_if_bit30(word, s, c, x, y);
    const U sign = S::set_u(0x80000000u);
    const U flip_x = S::and_u(S::add_u(word, S::set_u(0x40000000u)), sign);  // quadrants 1 and 2
    const U flip_y = S::and_u(word, sign);                                   // quadrants 2 and 3
    cosine = S::from_bits(S::xor_u(S::bits(x), flip_x));
    sine = S::from_bits(S::xor_u(S::bits(y), flip_y));
  }

  // Four standard normals from each counter (low, high, 0, 0): words (0, 1) and (2, 3) make one pair each.
  static GDL_INLINE void normals(U counter_low, U counter_high, const uint32_t* keys, F (&out)[4]) {
    U x[4] = {counter_low, counter_high, S::set_u(0), S::set_u(0)};
    S::template philox<Philox<S> >(x, keys);
    normals_of(x, out);
  }
  // The same, where all counters have the high word that `start` was made of.
  static GDL_INLINE void normals(U counter_low, const PhiloxStart& start, const uint32_t* keys, F (&out)[4]) {
    U x[4];
    S::template philox<Philox<S> >(counter_low, start, keys, x);
    normals_of(x, out);
  }
  static GDL_INLINE void normals_of(const U (&x)[4], F (&out)[4]) {
    for (int pair = 0; pair < 4; pair += 2) {
      const F r = radius(x[pair]);
      F c, s;
      cos_sin(x[pair + 1], c, s);
      out[pair] = S::mul(r, c);
      out[pair + 1] = S::mul(r, s);
    }
  }

  // Four uniform numbers of [0, 1) from each counter, of kBits bits.
  template <int kBits>
  static GDL_INLINE void units(U counter_low, U counter_high, const uint32_t* keys, F (&out)[4]) {
    U x[4] = {counter_low, counter_high, S::set_u(0), S::set_u(0)};
    S::template philox<Philox<S> >(x, keys);
    for (int i = 0; i < 4; ++i) out[i] = unit<kBits>(x[i]);
  }
  template <int kBits>
  static GDL_INLINE void units(U counter_low, const PhiloxStart& start, const uint32_t* keys, F (&out)[4]) {
    U x[4];
    S::template philox<Philox<S> >(counter_low, start, keys, x);
    for (int i = 0; i < 4; ++i) out[i] = unit<kBits>(x[i]);
  }

  // exp(x) and exp(x) - 1 for |x| < 88, each with a relative error near 1e-7 (NaN gives NaN). Cephes expf.
  static GDL_INLINE void exp_and_expm1(F x, F& exponential, F& minus_one) {
    const float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer kept in the low mantissa bits
    const F shifted = S::fma(x, S::set(1.44269504088896341f), S::set(kRound));
    const F n = S::sub(shifted, S::set(kRound));
    F r = S::fma(n, S::set(-0.693359375f), x);
    r = S::fma(n, S::set(2.12194440e-4f), r);
    F p = S::set(1.9875691500e-4f);
    p = S::fma(p, r, S::set(1.3981999507e-3f));
    p = S::fma(p, r, S::set(8.3334519073e-3f));
    p = S::fma(p, r, S::set(4.1665795894e-2f));
    p = S::fma(p, r, S::set(1.6666665459e-1f));
    p = S::fma(p, r, S::set(5.0000001201e-1f));
    p = S::fma(p, S::mul(r, r), r);  // exp(r) - 1
    const U biased = S::add_u(S::bits(shifted), S::set_u(127u - 0x4B400000u));
    const F scale = S::from_bits(S::template shift_left<23>(biased));  // 2^n
    exponential = S::fma(scale, p, scale);
    minus_one = S::fma(scale, p, S::sub(scale, S::set(1.0f)));
  }

  // What both passes need of log_var: its clamped value, exp(log_var / 2) and exp(log_var) - 1.
  static GDL_INLINE void variance_terms(F log_var, F& clamped, F& std, F& variance_minus_one) {
    clamped = S::clamp(log_var, kLogVarMin, kLogVarMax);
    F std_minus_one;
    exp_and_expm1(S::mul(clamped, S::set(0.5f)), std, std_minus_one);
    variance_minus_one = S::mul(std_minus_one, S::add(std_minus_one, S::set(2.0f)));  // (s - 1)(s + 1), no cancellation
  }

  // One element's share of KL(N(mean, exp(log_var)) || N(0, 1)): Kingma and Welling 2013, appendix B.
  static GDL_INLINE F kl_term(F mean, F clamped, F variance_minus_one) {
    return S::mul(S::fma(mean, mean, S::sub(variance_minus_one, clamped)), S::set(0.5f));
  }
};

}  // namespace gdl
