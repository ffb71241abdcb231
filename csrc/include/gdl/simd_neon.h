// Sixteen lanes as four 128-bit quarters (Advanced SIMD, which every aarch64 processor has).
#pragma once
#include <arm_neon.h>

#include "philox.h"
#include "simd_scalar.h"

namespace gdl {

struct Neon {
  struct F {
    float32x4_t a, b, c, d;
  };
  struct U {
    uint32x4_t a, b, c, d;
  };

// The same instruction for each quarter of one, two or three vectors.
#define GDL_EACH1(Result, f, x) Result{f(x.a), f(x.b), f(x.c), f(x.d)}
#define GDL_EACH2(Result, f, x, y) Result{f(x.a, y.a), f(x.b, y.b), f(x.c, y.c), f(x.d, y.d)}
#define GDL_EACH3(Result, f, x, y, z) \
  Result{f(x.a, y.a, z.a), f(x.b, y.b, z.b), f(x.c, y.c, z.c), f(x.d, y.d, z.d)}

  static GDL_INLINE F set(float x) {
    const float32x4_t v = vdupq_n_f32(x);
    return F{v, v, v, v};
  }
  static GDL_INLINE U set_u(uint32_t x) {
    const uint32x4_t v = vdupq_n_u32(x);
    return U{v, v, v, v};
  }
  static GDL_INLINE F add(F x, F y) { return GDL_EACH2(F, vaddq_f32, x, y); }
  static GDL_INLINE F sub(F x, F y) { return GDL_EACH2(F, vsubq_f32, x, y); }
  static GDL_INLINE F mul(F x, F y) { return GDL_EACH2(F, vmulq_f32, x, y); }
  static GDL_INLINE F div(F x, F y) { return GDL_EACH2(F, vdivq_f32, x, y); }
  static GDL_INLINE F max(F x, F y) { return GDL_EACH2(F, quarter_larger, x, y); }
  static GDL_INLINE F unless_less(F x, F y, F v) { return GDL_EACH3(F, quarter_unless_less, x, y, v); }
  static GDL_INLINE F where_positive(F v, F x, F y) { return GDL_EACH3(F, quarter_where_positive, v, x, y); }
  static GDL_INLINE F fma(F x, F y, F z) { return GDL_EACH3(F, vfmaq_f32, z, x, y); }
  static GDL_INLINE F sqrt(F x) { return GDL_EACH1(F, vsqrtq_f32, x); }
  static GDL_INLINE U bits(F x) { return GDL_EACH1(U, vreinterpretq_u32_f32, x); }
  static GDL_INLINE F from_bits(U x) { return GDL_EACH1(F, vreinterpretq_f32_u32, x); }
  static GDL_INLINE F from_unsigned(U x) { return GDL_EACH1(F, vcvtq_f32_u32, x); }
  static GDL_INLINE F from_signed(U x) { return GDL_EACH1(F, quarter_from_signed, x); }
  static GDL_INLINE U add_u(U x, U y) { return GDL_EACH2(U, vaddq_u32, x, y); }
  static GDL_INLINE U sub_u(U x, U y) { return GDL_EACH2(U, vsubq_u32, x, y); }
  static GDL_INLINE U xor_u(U x, U y) { return GDL_EACH2(U, veorq_u32, x, y); }
  static GDL_INLINE U and_u(U x, U y) { return GDL_EACH2(U, vandq_u32, x, y); }
  static GDL_INLINE U mul_low(U x, U y) { return GDL_EACH2(U, quarter_mul_low, x, y); }
  static GDL_INLINE U mul_high(U x, U y) { return GDL_EACH2(U, quarter_mul_high, x, y); }
  template <int kBits> static GDL_INLINE U shift_left(U x) {
    return U{vshlq_n_u32(x.a, kBits), vshlq_n_u32(x.b, kBits), vshlq_n_u32(x.c, kBits), vshlq_n_u32(x.d, kBits)};
  }
  template <int kBits> static GDL_INLINE U shift_right_signed(U x) {
    return U{quarter_shift_right<kBits>(x.a), quarter_shift_right<kBits>(x.b), quarter_shift_right<kBits>(x.c),
             quarter_shift_right<kBits>(x.d)};
  }
  // Comparisons with NaN are false, so NaN passes.
  static GDL_INLINE F clamp(F x, float low, float high) {
    const F l = set(low), h = set(high), raised = GDL_EACH2(F, quarter_max, x, l);
    return GDL_EACH2(F, quarter_min, raised, h);
  }
  static GDL_INLINE void swap_if_bit30(U word, F s, F c, F& first, F& second) {
    const U bit = set_u(1u << 30), swap = GDL_EACH2(U, vtstq_u32, word, bit);
    first = GDL_EACH3(F, vbslq_f32, swap, s, c);
    second = GDL_EACH3(F, vbslq_f32, swap, c, s);
  }

  template <class Philox> static GDL_INLINE void philox(U (&x)[4], const uint32_t* keys) { Philox::rounds(x, keys); }
  template <class Philox>
  static GDL_INLINE void philox(U low, const PhiloxStart& start, const uint32_t* keys, U (&x)[4]) {
    Philox::rounds(low, start, keys, x);
  }

  static GDL_INLINE U load_u(const uint32_t* p) {
    return U{vld1q_u32(p), vld1q_u32(p + 4), vld1q_u32(p + 8), vld1q_u32(p + 12)};
  }
  static GDL_INLINE F load(const float* p) {
    return F{vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)};
  }
  static GDL_INLINE void store(float* p, F v) {
    vst1q_f32(p, v.a);
    vst1q_f32(p + 4, v.b);
    vst1q_f32(p + 8, v.c);
    vst1q_f32(p + 12, v.d);
  }
  // There is no intrinsic for stores past the caches.
  static GDL_INLINE void store_streaming(float* p, F v) { store(p, v); }
  static GDL_INLINE void end_streaming() {}

  static GDL_INLINE F load_bfloat16(const uint16_t* p) {
    return F{quarter_from_bfloat16(p), quarter_from_bfloat16(p + 4), quarter_from_bfloat16(p + 8),
             quarter_from_bfloat16(p + 12)};
  }
  static GDL_INLINE void store_bfloat16(uint16_t* p, F v) {
    vst1_u16(p, quarter_to_bfloat16(v.a));
    vst1_u16(p + 4, quarter_to_bfloat16(v.b));
    vst1_u16(p + 8, quarter_to_bfloat16(v.c));
    vst1_u16(p + 12, quarter_to_bfloat16(v.d));
  }
  static GDL_INLINE F load_float16(const uint16_t* p) {
    return F{quarter_from_float16(p), quarter_from_float16(p + 4), quarter_from_float16(p + 8),
             quarter_from_float16(p + 12)};
  }
  static GDL_INLINE void store_float16(uint16_t* p, F v) {
    vst1_u16(p, quarter_to_float16(v.a));
    vst1_u16(p + 4, quarter_to_float16(v.b));
    vst1_u16(p + 8, quarter_to_float16(v.c));
    vst1_u16(p + 12, quarter_to_float16(v.d));
  }

  static GDL_INLINE void store_interleaved(float* p, const F (&v)[4]) {
    vst4q_f32(p, float32x4x4_t{{v[0].a, v[1].a, v[2].a, v[3].a}});
    vst4q_f32(p + 16, float32x4x4_t{{v[0].b, v[1].b, v[2].b, v[3].b}});
    vst4q_f32(p + 32, float32x4x4_t{{v[0].c, v[1].c, v[2].c, v[3].c}});
    vst4q_f32(p + 48, float32x4x4_t{{v[0].d, v[1].d, v[2].d, v[3].d}});
  }

  static GDL_INLINE void interleave(F x, F y, F& first, F& second) {
    first = F{vzip1q_f32(x.a, y.a), vzip2q_f32(x.a, y.a), vzip1q_f32(x.b, y.b), vzip2q_f32(x.b, y.b)};
    second = F{vzip1q_f32(x.c, y.c), vzip2q_f32(x.c, y.c), vzip1q_f32(x.d, y.d), vzip2q_f32(x.d, y.d)};
  }
  static GDL_INLINE void deinterleave(F first, F second, F& x, F& y) {
    x = F{vuzp1q_f32(first.a, first.b), vuzp1q_f32(first.c, first.d), vuzp1q_f32(second.a, second.b),
          vuzp1q_f32(second.c, second.d)};
    y = F{vuzp2q_f32(first.a, first.b), vuzp2q_f32(first.c, first.d), vuzp2q_f32(second.a, second.b),
          vuzp2q_f32(second.c, second.d)};
  }

  static GDL_INLINE float sum(F v) {
    const float32x4_t four = vaddq_f32(vaddq_f32(v.a, v.c), vaddq_f32(v.b, v.d));
    const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
    return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
  }

#undef GDL_EACH1
#undef GDL_EACH2
#undef GDL_EACH3

 private:
  static GDL_INLINE float32x4_t quarter_from_signed(uint32x4_t x) { return vcvtq_f32_s32(vreinterpretq_s32_u32(x)); }
  template <int kBits> static GDL_INLINE uint32x4_t quarter_shift_right(uint32x4_t x) {
    return vreinterpretq_u32_s32(vshrq_n_s32(vreinterpretq_s32_u32(x), kBits));
  }
  static GDL_INLINE float32x4_t quarter_max(float32x4_t x, float32x4_t low) { return vbslq_f32(vcltq_f32(x, low), low, x); }
  static GDL_INLINE float32x4_t quarter_min(float32x4_t x, float32x4_t high) {
    return vbslq_f32(vcgtq_f32(x, high), high, x);
  }

  static GDL_INLINE float32x4_t quarter_larger(float32x4_t x, float32x4_t y) { return vbslq_f32(vcgtq_f32(x, y), x, y); }
  static GDL_INLINE float32x4_t quarter_unless_less(float32x4_t x, float32x4_t y, float32x4_t v) {
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(v), vcltq_f32(x, y)));
  }
  static GDL_INLINE float32x4_t quarter_where_positive(float32x4_t v, float32x4_t x, float32x4_t y) {
    return vbslq_f32(vcgtq_f32(v, vdupq_n_f32(0.0f)), x, y);
  }

  // The products of the lower and of the upper two lanes, 64 bits each; both halves of a product are wanted, and the
  // compiler multiplies once.
  static GDL_INLINE uint32x4_t lower_products(uint32x4_t x, uint32x4_t y) {
    return vreinterpretq_u32_u64(vmull_u32(vget_low_u32(x), vget_low_u32(y)));
  }
  static GDL_INLINE uint32x4_t upper_products(uint32x4_t x, uint32x4_t y) {
    return vreinterpretq_u32_u64(vmull_high_u32(x, y));
  }
  static GDL_INLINE uint32x4_t quarter_mul_low(uint32x4_t x, uint32x4_t y) {
    return vuzp1q_u32(lower_products(x, y), upper_products(x, y));
  }
  static GDL_INLINE uint32x4_t quarter_mul_high(uint32x4_t x, uint32x4_t y) {
    return vuzp2q_u32(lower_products(x, y), upper_products(x, y));
  }

  static GDL_INLINE float32x4_t quarter_from_bfloat16(const uint16_t* p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16));
  }
  static GDL_INLINE uint16x4_t quarter_to_bfloat16(float32x4_t v) {
    const uint32x4_t bits = vreinterpretq_u32_f32(v);
    const uint32x4_t even = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    const uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(vdupq_n_u32(0x7FFF), even));
    const uint32x4_t quiet = vorrq_u32(bits, vdupq_n_u32(0x00400000));
    return vshrn_n_u32(vbslq_u32(vceqq_f32(v, v), rounded, quiet), 16);
  }
  static GDL_INLINE float32x4_t quarter_from_float16(const uint16_t* p) {
    return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
  }
  static GDL_INLINE uint16x4_t quarter_to_float16(float32x4_t v) { return vreinterpret_u16_f16(vcvt_f16_f32(v)); }
};

}  // namespace gdl
