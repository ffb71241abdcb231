// Sixteen lanes as two 256-bit halves (AVX2, FMA, F16C).
#pragma once
#include <immintrin.h>

#include "philox.h"
#include "simd_scalar.h"

namespace gdl {

struct Avx2 {
  struct F {
    __m256 low, high;
  };
  struct U {
    __m256i low, high;
  };

  static GDL_INLINE F make(__m256 low, __m256 high) {
    F r = {low, high};
    return r;
  }
  static GDL_INLINE U make_u(__m256i low, __m256i high) {
    U r = {low, high};
    return r;
  }

  static GDL_INLINE F set(float x) { return make(_mm256_set1_ps(x), _mm256_set1_ps(x)); }
  static GDL_INLINE U set_u(uint32_t x) { return make_u(_mm256_set1_epi32((int)x), _mm256_set1_epi32((int)x)); }

#define GDL_F(name, intrinsic) \
  static GDL_INLINE F name(F a, F b) { return make(intrinsic(a.low, b.low), intrinsic(a.high, b.high)); }
#define GDL_U(name, intrinsic) \
  static GDL_INLINE U name(U a, U b) { return make_u(intrinsic(a.low, b.low), intrinsic(a.high, b.high)); }
  GDL_F(add, _mm256_add_ps)
  GDL_F(sub, _mm256_sub_ps)
  GDL_F(mul, _mm256_mul_ps)
  GDL_F(div, _mm256_div_ps)
  GDL_F(max, _mm256_max_ps)
  GDL_U(add_u, _mm256_add_epi32)
  GDL_U(sub_u, _mm256_sub_epi32)
  GDL_U(xor_u, _mm256_xor_si256)
  GDL_U(and_u, _mm256_and_si256)
#undef GDL_F
#undef GDL_U

  static GDL_INLINE F fma(F a, F b, F c) {
    return make(_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high));
  }
  static GDL_INLINE F sqrt(F a) { return make(_mm256_sqrt_ps(a.low), _mm256_sqrt_ps(a.high)); }
  static GDL_INLINE U bits(F a) { return make_u(_mm256_castps_si256(a.low), _mm256_castps_si256(a.high)); }
  static GDL_INLINE F from_bits(U a) { return make(_mm256_castsi256_ps(a.low), _mm256_castsi256_ps(a.high)); }
  static GDL_INLINE F from_signed(U a) { return make(_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)); }
  static GDL_INLINE F from_unsigned(U a) { return make(half_from_unsigned(a.low), half_from_unsigned(a.high)); }
  template <int kBits> static GDL_INLINE U shift_left(U a) {
    return make_u(_mm256_slli_epi32(a.low, kBits), _mm256_slli_epi32(a.high, kBits));
  }
  template <int kBits> static GDL_INLINE U shift_right_signed(U a) {
    return make_u(_mm256_srai_epi32(a.low, kBits), _mm256_srai_epi32(a.high, kBits));
  }
  // min and max return their second operand when one is NaN, so NaN passes.
  static GDL_INLINE F clamp(F x, float low, float high) {
    const __m256 l = _mm256_set1_ps(low), h = _mm256_set1_ps(high);
    return make(_mm256_min_ps(h, _mm256_max_ps(l, x.low)), _mm256_min_ps(h, _mm256_max_ps(l, x.high)));
  }
  static GDL_INLINE F unless_less(F a, F b, F v) {
    return make(_mm256_andnot_ps(_mm256_cmp_ps(a.low, b.low, _CMP_LT_OQ), v.low),
                _mm256_andnot_ps(_mm256_cmp_ps(a.high, b.high, _CMP_LT_OQ), v.high));
  }
  static GDL_INLINE F where_positive(F v, F a, F b) {
    const __m256 zero = _mm256_setzero_ps();
    return make(_mm256_blendv_ps(b.low, a.low, _mm256_cmp_ps(v.low, zero, _CMP_GT_OQ)),
                _mm256_blendv_ps(b.high, a.high, _mm256_cmp_ps(v.high, zero, _CMP_GT_OQ)));
  }
  static GDL_INLINE void swap_if_bit30(U word, F s, F c, F& first, F& second) {
    const __m256 low = _mm256_castsi256_ps(_mm256_slli_epi32(word.low, 1));  // blendv looks at the sign bit
    const __m256 high = _mm256_castsi256_ps(_mm256_slli_epi32(word.high, 1));
    first = make(_mm256_blendv_ps(c.low, s.low, low), _mm256_blendv_ps(c.high, s.high, high));
    second = make(_mm256_blendv_ps(s.low, c.low, low), _mm256_blendv_ps(s.high, c.high, high));
  }

  template <class Philox> static GDL_INLINE void philox(U (&x)[4], const uint32_t* keys) {
    philox_half(x[0].low, x[1].low, x[2].low, x[3].low, keys);
    philox_half(x[0].high, x[1].high, x[2].high, x[3].high, keys);
  }
  template <class Philox>
  static GDL_INLINE void philox(U low, const PhiloxStart& start, const uint32_t* keys, U (&x)[4]) {
    philox_half(low.low, start, keys, x[0].low, x[1].low, x[2].low, x[3].low);
    philox_half(low.high, start, keys, x[0].high, x[1].high, x[2].high, x[3].high);
  }

  static GDL_INLINE U load_u(const uint32_t* p) {
    return make_u(_mm256_loadu_si256((const __m256i*)p), _mm256_loadu_si256((const __m256i*)(p + 8)));
  }
  static GDL_INLINE F load(const float* p) { return make(_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)); }
  static GDL_INLINE void store(float* p, F v) {
    _mm256_storeu_ps(p, v.low);
    _mm256_storeu_ps(p + 8, v.high);
  }
  // Past the caches; p must be aligned to 64 bytes.
  static GDL_INLINE void store_streaming(float* p, F v) {
    _mm256_stream_ps(p, v.low);
    _mm256_stream_ps(p + 8, v.high);
  }
  static GDL_INLINE void end_streaming() { _mm_sfence(); }

  static GDL_INLINE F load_bfloat16(const uint16_t* p) {
    return make(half_from_bfloat16(p), half_from_bfloat16(p + 8));
  }
  static GDL_INLINE void store_bfloat16(uint16_t* p, F v) {
    const __m256i packed = _mm256_packus_epi32(half_to_bfloat16(v.low), half_to_bfloat16(v.high));
    _mm256_storeu_si256((__m256i*)p, _mm256_permute4x64_epi64(packed, 0xD8));
  }
  static GDL_INLINE F load_float16(const uint16_t* p) {
    return make(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)p)),
                _mm256_cvtph_ps(_mm_loadu_si128((const __m128i*)(p + 8))));
  }
  static GDL_INLINE void store_float16(uint16_t* p, F v) {
    _mm_storeu_si128((__m128i*)p, _mm256_cvtps_ph(v.low, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128((__m128i*)(p + 8), _mm256_cvtps_ph(v.high, _MM_FROUND_TO_NEAREST_INT));
  }

  static GDL_INLINE void store_interleaved(float* p, const F (&v)[4]) {
    store_interleaved_half(p, v[0].low, v[1].low, v[2].low, v[3].low);
    store_interleaved_half(p + 32, v[0].high, v[1].high, v[2].high, v[3].high);
  }

  static GDL_INLINE void interleave(F a, F b, F& first, F& second) {
    first = interleave_half(a.low, b.low);
    second = interleave_half(a.high, b.high);
  }
  static GDL_INLINE void deinterleave(F first, F second, F& a, F& b) {
    a = make(gather_half<0x88>(first), gather_half<0x88>(second));
    b = make(gather_half<0xDD>(first), gather_half<0xDD>(second));
  }

  static GDL_INLINE float sum(F v) {
    const __m256 eight = _mm256_add_ps(v.low, v.high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }

 private:
  static GDL_INLINE F interleave_half(__m256 a, __m256 b) {
    const __m256 low = _mm256_unpacklo_ps(a, b), high = _mm256_unpackhi_ps(a, b);
    return make(_mm256_permute2f128_ps(low, high, 0x20), _mm256_permute2f128_ps(low, high, 0x31));
  }
  // The even (0x88) or odd (0xDD) lanes of v.
  template <int kLanesOfFour> static GDL_INLINE __m256 gather_half(F v) {
    const __m256 mixed = _mm256_shuffle_ps(v.low, v.high, kLanesOfFour);
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(mixed), 0xD8));
  }

  // AVX2 converts signed integers only. high * 65536 is exact, so the fma rounds once, as a direct conversion would.
  static GDL_INLINE __m256 half_from_unsigned(__m256i a) {
    const __m256 high = _mm256_cvtepi32_ps(_mm256_srli_epi32(a, 16));
    const __m256 low = _mm256_cvtepi32_ps(_mm256_and_si256(a, _mm256_set1_epi32(0xFFFF)));
    return _mm256_fmadd_ps(high, _mm256_set1_ps(65536.0f), low);
  }

  static GDL_INLINE void philox_round(__m256i (&x)[4], __m256i key0, __m256i key1) {
    const __m256i product0 = _mm256_mul_epu32(x[0], _mm256_set1_epi32((int)kPhiloxMultiplier0));
    const __m256i product1 = _mm256_mul_epu32(x[2], _mm256_set1_epi32((int)kPhiloxMultiplier1));
    x[0] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product1, 32), x[1]), key0);
    x[2] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product0, 32), x[3]), key1);
    x[1] = product1;
    x[3] = product0;
  }
  static GDL_INLINE __m256i merge_even_odd(__m256i even, __m256i odd) {
    return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
  }
  // The 32 x 32 -> 64 bit multiply reads the low half of each 64-bit lane: even and odd counters are kept apart in
  // 64-bit lanes through all rounds, and the high halves may hold anything. Taking both through each round together
  // hides the latency of the multiply.
  static GDL_INLINE void philox_half(__m256i& a, __m256i& b, __m256i& c, __m256i& d, const uint32_t* keys) {
    __m256i even[4] = {a, b, c, d};
    __m256i odd[4] = {_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32), _mm256_srli_epi64(c, 32),
                      _mm256_srli_epi64(d, 32)};
    philox_rounds<0>(even, odd, keys, a, b, c, d);
  }
  static GDL_INLINE void philox_half(__m256i low, const PhiloxStart& start, const uint32_t* keys, __m256i& a, __m256i& b,
                                     __m256i& c, __m256i& d) {
    __m256i even[4], odd[4];
    first_two(low, start, even);
    first_two(_mm256_srli_epi64(low, 32), start, odd);
    philox_rounds<2>(even, odd, keys, a, b, c, d);
  }
  static GDL_INLINE void first_two(__m256i low, const PhiloxStart& start, __m256i (&x)[4]) {
    const __m256i product0 = _mm256_mul_epu32(low, _mm256_set1_epi32((int)kPhiloxMultiplier0));
    const __m256i word2 = _mm256_xor_si256(_mm256_srli_epi64(product0, 32), _mm256_set1_epi32((int)start.key1));
    const __m256i product1 = _mm256_mul_epu32(word2, _mm256_set1_epi32((int)kPhiloxMultiplier1));
    x[0] = _mm256_xor_si256(_mm256_srli_epi64(product1, 32), _mm256_set1_epi32((int)start.mask0));
    x[1] = product1;
    x[2] = _mm256_xor_si256(product0, _mm256_set1_epi32((int)start.mask2));
    x[3] = _mm256_set1_epi32((int)start.word3);
  }
  template <int kFirst>
  static GDL_INLINE void philox_rounds(__m256i (&even)[4], __m256i (&odd)[4], const uint32_t* keys, __m256i& a, __m256i& b,
                                       __m256i& c, __m256i& d) {
#pragma GCC unroll 10
    for (int round = kFirst; round < kPhiloxRounds; ++round) {
      const __m256i key0 = _mm256_set1_epi32((int)keys[2 * round]);
      const __m256i key1 = _mm256_set1_epi32((int)keys[2 * round + 1]);
      philox_round(even, key0, key1);
      philox_round(odd, key0, key1);
    }
    a = merge_even_odd(even[0], odd[0]);
    b = merge_even_odd(even[1], odd[1]);
    c = merge_even_odd(even[2], odd[2]);
    d = merge_even_odd(even[3], odd[3]);
  }

  static GDL_INLINE __m256 half_from_bfloat16(const uint16_t* p) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i*)p)), 16));
  }
  static GDL_INLINE __m256i half_to_bfloat16(__m256 v) {
    const __m256i bits = _mm256_castps_si256(v);
    const __m256i even = _mm256_and_si256(_mm256_srli_epi32(bits, 16), _mm256_set1_epi32(1));
    const __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(_mm256_set1_epi32(0x7FFF), even));
    const __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x00400000));
    const __m256i is_nan = _mm256_castps_si256(_mm256_cmp_ps(v, v, _CMP_UNORD_Q));
    return _mm256_srli_epi32(_mm256_blendv_epi8(rounded, quiet, is_nan), 16);
  }

  static GDL_INLINE void store_interleaved_half(float* p, __m256 a, __m256 b, __m256 c, __m256 d) {
    const __m256d ab_low = _mm256_castps_pd(_mm256_unpacklo_ps(a, b)), ab_high = _mm256_castps_pd(_mm256_unpackhi_ps(a, b));
    const __m256d cd_low = _mm256_castps_pd(_mm256_unpacklo_ps(c, d)), cd_high = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
    const __m256 q0 = _mm256_castpd_ps(_mm256_unpacklo_pd(ab_low, cd_low));    // lanes 0 and 4
    const __m256 q1 = _mm256_castpd_ps(_mm256_unpackhi_pd(ab_low, cd_low));    // lanes 1 and 5
    const __m256 q2 = _mm256_castpd_ps(_mm256_unpacklo_pd(ab_high, cd_high));  // lanes 2 and 6
    const __m256 q3 = _mm256_castpd_ps(_mm256_unpackhi_pd(ab_high, cd_high));  // lanes 3 and 7
    _mm256_storeu_ps(p, _mm256_permute2f128_ps(q0, q1, 0x20));
    _mm256_storeu_ps(p + 8, _mm256_permute2f128_ps(q2, q3, 0x20));
    _mm256_storeu_ps(p + 16, _mm256_permute2f128_ps(q0, q1, 0x31));
    _mm256_storeu_ps(p + 24, _mm256_permute2f128_ps(q2, q3, 0x31));
  }
};

}  // namespace gdl
