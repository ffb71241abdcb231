// A "vector" of one lane: what a CUDA thread computes, and the building block of the portable 16-lane vector.
// Each float operation is one IEEE-754 operation rounded to nearest, so that CPU and CUDA agree bit for bit.
#pragma once
#include "philox.h"

namespace gdl {

struct Scalar {
  typedef float F;
  typedef uint32_t U;

  static GDL_INLINE F set(float x) { return x; }
  static GDL_INLINE U set_u(uint32_t x) { return x; }

#if defined(__CUDA_ARCH__)
  static GDL_INLINE F fma(F a, F b, F c) { return __fmaf_rn(a, b, c); }
  static GDL_INLINE F mul(F a, F b) { return __fmul_rn(a, b); }
  static GDL_INLINE F add(F a, F b) { return __fadd_rn(a, b); }
  static GDL_INLINE F sub(F a, F b) { return __fsub_rn(a, b); }
  static GDL_INLINE F div(F a, F b) { return __fdiv_rn(a, b); }
  // Rounded correctly for zeros and from 2^-100 up: the steps that __fsqrt_rn takes for such numbers, without its branch for
  // the others, around which the compiler can move nothing.
  static GDL_INLINE F sqrt(F a) {
    float inverse;
    asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(inverse) : "f"(fmaxf(a, 0x1p-100f)));
    const F root = mul(a, inverse);
    return fma(fma(-root, root, a), mul(inverse, 0.5f), root);
  }
  static GDL_INLINE U bits(F a) { return __float_as_uint(a); }
  static GDL_INLINE F from_bits(U a) { return __uint_as_float(a); }
  static GDL_INLINE F from_unsigned(U a) { return __uint2float_rn(a); }
  static GDL_INLINE F from_signed(U a) { return __int2float_rn((int)a); }
  static GDL_INLINE U mul_high(U a, U b) { return __umulhi(a, b); }
#else
  static GDL_INLINE F fma(F a, F b, F c) { return __builtin_fmaf(a, b, c); }
  static GDL_INLINE F mul(F a, F b) { return a * b; }
  static GDL_INLINE F add(F a, F b) { return a + b; }
  static GDL_INLINE F sub(F a, F b) { return a - b; }
  static GDL_INLINE F div(F a, F b) { return a / b; }
  static GDL_INLINE F sqrt(F a) { return __builtin_sqrtf(a); }
  static GDL_INLINE U bits(F a) {
    U u;
    memcpy(&u, &a, sizeof u);
    return u;
  }
  static GDL_INLINE F from_bits(U a) {
    F f;
    memcpy(&f, &a, sizeof f);
    return f;
  }
  static GDL_INLINE F from_unsigned(U a) { return (float)a; }
  static GDL_INLINE F from_signed(U a) { return (float)(int32_t)a; }
  static GDL_INLINE U mul_high(U a, U b) { return (U)(((uint64_t)a * b) >> 32); }
#endif

  static GDL_INLINE U add_u(U a, U b) { return a + b; }
  static GDL_INLINE U sub_u(U a, U b) { return a - b; }
  static GDL_INLINE U mul_low(U a, U b) { return a * b; }
  static GDL_INLINE U xor_u(U a, U b) { return a ^ b; }
  static GDL_INLINE U and_u(U a, U b) { return a & b; }
  template <int kBits> static GDL_INLINE U shift_left(U a) { return a << kBits; }
  template <int kBits> static GDL_INLINE U shift_right_signed(U a) { return (U)((int32_t)a >> kBits); }

  // Clamps to [low, high]; NaN passes through.
  static GDL_INLINE F clamp(F x, float low, float high) {
    x = x < low ? low : x;
    return x > high ? high : x;
  }

  // The larger one; b if either is NaN.
  static GDL_INLINE F max(F a, F b) { return a > b ? a : b; }
  // v, or zero where a < b.
  static GDL_INLINE F unless_less(F a, F b, F v) { return a < b ? 0.0f : v; }
  // v > 0 ? a : b, so b where v is NaN
  static GDL_INLINE F where_positive(F v, F a, F b) { return v > 0.0f ? a : b; }

  // (first, second) = bit 30 of `word` ? (s, c) : (c, s)
  static GDL_INLINE void swap_if_bit30(U word, F s, F c, F& first, F& second) {
    const bool swap = (word >> 30) & 1;
    first = swap ? s : c;
    second = swap ? c : s;
  }

  template <class Philox> static GDL_INLINE void philox(U (&x)[4], const uint32_t* keys) { Philox::rounds(x, keys); }
  template <class Philox>
  static GDL_INLINE void philox(U low, const PhiloxStart& start, const uint32_t* keys, U (&x)[4]) {
    Philox::rounds(low, start, keys, x);
  }
};

}  // namespace gdl
