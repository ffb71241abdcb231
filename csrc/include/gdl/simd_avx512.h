// Sixteen lanes in one 512-bit register (AVX-512 F, BW, DQ, VL).
#pragma once
#include <immintrin.h>

#include "philox.h"
#include "simd_scalar.h"

namespace gdl {

struct Avx512 {
  typedef __m512 F;
  typedef __m512i U;

  static GDL_INLINE F set(float x) { return _mm512_set1_ps(x); }
  static GDL_INLINE U set_u(uint32_t x) { return _mm512_set1_epi32((int)x); }
  static GDL_INLINE F add(F a, F b) { return _mm512_add_ps(a, b); }
  static GDL_INLINE F sub(F a, F b) { return _mm512_sub_ps(a, b); }
  static GDL_INLINE F mul(F a, F b) { return _mm512_mul_ps(a, b); }
  static GDL_INLINE F div(F a, F b) { return _mm512_div_ps(a, b); }
  static GDL_INLINE F max(F a, F b) { return _mm512_max_ps(a, b); }
  static GDL_INLINE F unless_less(F a, F b, F v) {
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ), v);
  }
  static GDL_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a, b, c); }
  static GDL_INLINE F sqrt(F a) { return _mm512_sqrt_ps(a); }
  static GDL_INLINE U bits(F a) { return _mm512_castps_si512(a); }
  static GDL_INLINE F from_bits(U a) { return _mm512_castsi512_ps(a); }
  static GDL_INLINE F from_unsigned(U a) { return _mm512_cvtepu32_ps(a); }
  static GDL_INLINE F from_signed(U a) { return _mm512_cvtepi32_ps(a); }
  static GDL_INLINE U add_u(U a, U b) { return _mm512_add_epi32(a, b); }
  static GDL_INLINE U sub_u(U a, U b) { return _mm512_sub_epi32(a, b); }
  static GDL_INLINE U xor_u(U a, U b) { return _mm512_xor_si512(a, b); }
  static GDL_INLINE U and_u(U a, U b) { return _mm512_and_si512(a, b); }
  template <int kBits> static GDL_INLINE U shift_left(U a) { return _mm512_slli_epi32(a, kBits); }
  template <int kBits> static GDL_INLINE U shift_right_signed(U a) { return _mm512_srai_epi32(a, kBits); }
  // min and max return their second operand when one is NaN, so NaN passes.
  static GDL_INLINE F clamp(F x, float low, float high) {
    return _mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), x));
  }
  static GDL_INLINE F where_positive(F v, F a, F b) {
    return _mm512_mask_mov_ps(b, _mm512_cmp_ps_mask(v, _mm512_setzero_ps(), _CMP_GT_OQ), a);
  }
  static GDL_INLINE void swap_if_bit30(U word, F s, F c, F& first, F& second) {
    const __mmask16 swap = _mm512_test_epi32_mask(word, _mm512_set1_epi32(1 << 30));
    first = _mm512_mask_mov_ps(c, swap, s);
    second = _mm512_mask_mov_ps(s, swap, c);
  }

  // The 32 x 32 -> 64 bit multiply reads the low half of each 64-bit lane: even and odd counters are kept apart in
  // 64-bit lanes through all rounds, and the high halves may hold anything. Taking both through each round together
  // hides the latency of the multiply.
  template <class Philox> static GDL_INLINE void philox(U (&x)[4], const uint32_t* keys) {
    U even[4] = {x[0], x[1], x[2], x[3]};
    U odd[4] = {_mm512_srli_epi64(x[0], 32), _mm512_srli_epi64(x[1], 32), _mm512_srli_epi64(x[2], 32),
                _mm512_srli_epi64(x[3], 32)};
    philox_rounds<0>(even, odd, keys, x);
  }
  template <class Philox>
  static GDL_INLINE void philox(U low, const PhiloxStart& start, const uint32_t* keys, U (&x)[4]) {
    U even[4], odd[4];
    first_two(low, start, even);
    first_two(_mm512_srli_epi64(low, 32), start, odd);
    philox_rounds<2>(even, odd, keys, x);
  }

  static GDL_INLINE U load_u(const uint32_t* p) { return _mm512_loadu_si512((const void*)p); }
  static GDL_INLINE F load(const float* p) { return _mm512_loadu_ps(p); }
  static GDL_INLINE void store(float* p, F v) { _mm512_storeu_ps(p, v); }
  // Past the caches; p must be aligned to 64 bytes.
  static GDL_INLINE void store_streaming(float* p, F v) { _mm512_stream_ps(p, v); }
  static GDL_INLINE void end_streaming() { _mm_sfence(); }

  static GDL_INLINE F load_bfloat16(const uint16_t* p) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p));
    return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
  }
  static GDL_INLINE void store_bfloat16(uint16_t* p, F v) {
    const __m512i bits = _mm512_castps_si512(v);
    const __m512i even = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    const __m512i rounded = _mm512_add_epi32(bits, _mm512_add_epi32(_mm512_set1_epi32(0x7FFF), even));
    const __m512i quiet = _mm512_or_si512(bits, _mm512_set1_epi32(0x00400000));
    const __mmask16 is_nan = _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q);
    const __m512i result = _mm512_srli_epi32(_mm512_mask_mov_epi32(rounded, is_nan, quiet), 16);
    _mm256_storeu_si256((__m256i*)p, _mm512_cvtepi32_epi16(result));
  }
  static GDL_INLINE F load_float16(const uint16_t* p) {
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i*)p));
  }
  static GDL_INLINE void store_float16(uint16_t* p, F v) {
    _mm256_storeu_si256((__m256i*)p, _mm512_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT));
  }

  static GDL_INLINE void store_interleaved(float* p, const F (&v)[4]) {
    F ab[2], cd[2];
    interleave(v[0], v[1], ab[0], ab[1]);
    interleave(v[2], v[3], cd[0], cd[1]);
    const __m512i low = _mm512_setr_epi32(0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    for (int half = 0; half < 2; ++half) {
      _mm512_storeu_ps(p + 32 * half, _mm512_permutex2var_ps(ab[half], low, cd[half]));
      _mm512_storeu_ps(p + 32 * half + 16, _mm512_permutex2var_ps(ab[half], high, cd[half]));
    }
  }

  static GDL_INLINE void interleave(F a, F b, F& first, F& second) {
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    first = _mm512_permutex2var_ps(a, low, b);
    second = _mm512_permutex2var_ps(a, _mm512_add_epi32(low, _mm512_set1_epi32(8)), b);
  }
  static GDL_INLINE void deinterleave(F first, F second, F& a, F& b) {
    const __m512i even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    a = _mm512_permutex2var_ps(first, even, second);
    b = _mm512_permutex2var_ps(first, _mm512_add_epi32(even, _mm512_set1_epi32(1)), second);
  }

  static GDL_INLINE float sum(F v) {
    const __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(v), 1));
    const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(v), high);
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }

 private:
  static GDL_INLINE void first_two(U low, const PhiloxStart& start, U (&x)[4]) {
    const U product0 = _mm512_mul_epu32(low, _mm512_set1_epi32((int)kPhiloxMultiplier0));
    const U word2 = _mm512_xor_si512(_mm512_srli_epi64(product0, 32), _mm512_set1_epi32((int)start.key1));
    const U product1 = _mm512_mul_epu32(word2, _mm512_set1_epi32((int)kPhiloxMultiplier1));
    x[0] = _mm512_xor_si512(_mm512_srli_epi64(product1, 32), _mm512_set1_epi32((int)start.mask0));
    x[1] = product1;
    x[2] = _mm512_xor_si512(product0, _mm512_set1_epi32((int)start.mask2));
    x[3] = _mm512_set1_epi32((int)start.word3);
  }
  template <int kFirst>
  static GDL_INLINE void philox_rounds(U (&even)[4], U (&odd)[4], const uint32_t* keys, U (&x)[4]) {
#pragma GCC unroll 10
    for (int round = kFirst; round < kPhiloxRounds; ++round) {
      const U key0 = _mm512_set1_epi32((int)keys[2 * round]), key1 = _mm512_set1_epi32((int)keys[2 * round + 1]);
      philox_round(even, key0, key1);
      philox_round(odd, key0, key1);
    }
    for (int i = 0; i < 4; ++i) x[i] = _mm512_mask_shuffle_epi32(even[i], 0xAAAA, odd[i], (_MM_PERM_ENUM)0xA0);
  }
  static GDL_INLINE void philox_round(U (&x)[4], U key0, U key1) {
    const int kXorOfThree = 0x96;
    const U product0 = _mm512_mul_epu32(x[0], _mm512_set1_epi32((int)kPhiloxMultiplier0));
    const U product1 = _mm512_mul_epu32(x[2], _mm512_set1_epi32((int)kPhiloxMultiplier1));
    x[0] = _mm512_ternarylogic_epi32(_mm512_srli_epi64(product1, 32), x[1], key0, kXorOfThree);
    x[2] = _mm512_ternarylogic_epi32(_mm512_srli_epi64(product0, 32), x[3], key1, kXorOfThree);
    x[1] = product1;
    x[3] = product0;
  }
};

}  // namespace gdl
