// The AVX-512 instructions that gdl/simd_avx512.h uses, in plain C++ on gcc's vectors, so that its kernels can be tested on
// processors without them. To be included before anything else; each follows the description of its instruction.
#pragma once
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

namespace avx512_emulation {

typedef int32_t I32 __attribute__((vector_size(64)));
typedef uint32_t U32 __attribute__((vector_size(64)));
typedef uint64_t U64 __attribute__((vector_size(64)));
typedef __m512 F32;
typedef __m512i Bits;

template <class To, class From> inline To as(From v) {
  static_assert(sizeof(To) == sizeof(From), "the same bits");
  To out;
  memcpy(&out, &v, sizeof out);
  return out;
}

// Every lane of the result from the number of the lane.
template <class Vector, class Lane> inline Vector make(int lanes, Lane lane) {
  Vector out = {};
  for (int i = 0; i < lanes; ++i) out[i] = lane(i);
  return out;
}
template <class Lane> inline F32 floats(Lane lane) { return make<F32>(16, lane); }
template <class Lane> inline Bits words(Lane lane) { return as<Bits>(make<U32>(16, lane)); }
template <class Lane> inline __mmask16 mask(Lane lane) {
  __mmask16 out = 0;
  for (int i = 0; i < 16; ++i) out = (__mmask16)(out | (lane(i) ? 1u << i : 0u));
  return out;
}
inline U32 u(Bits v) { return as<U32>(v); }
inline I32 s(Bits v) { return as<I32>(v); }
inline void only(int given, int known) {
  if (given != known) abort();
}

inline F32 set1_ps(float x) { return floats([=](int) { return x; }); }
inline Bits set1_epi32(int x) { return words([=](int) { return (uint32_t)x; }); }
inline F32 setzero_ps() { return set1_ps(0.0f); }
inline Bits setr_epi32(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l, int m, int n,
                       int o, int p) {
  const int all[] = {a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p};
  return words([&](int lane) { return (uint32_t)all[lane]; });
}

inline F32 add_ps(F32 a, F32 b) { return a + b; }
inline F32 sub_ps(F32 a, F32 b) { return a - b; }
inline F32 mul_ps(F32 a, F32 b) { return a * b; }
inline F32 div_ps(F32 a, F32 b) { return a / b; }
inline F32 fmadd_ps(F32 a, F32 b, F32 c) { return floats([&](int i) { return fmaf(a[i], b[i], c[i]); }); }
inline F32 sqrt_ps(F32 a) { return floats([&](int i) { return sqrtf(a[i]); }); }
// The second operand where one is NaN.
inline F32 max_ps(F32 a, F32 b) { return floats([&](int i) { return a[i] > b[i] ? a[i] : b[i]; }); }
inline F32 min_ps(F32 a, F32 b) { return floats([&](int i) { return a[i] < b[i] ? a[i] : b[i]; }); }
inline __mmask16 cmp_ps_mask(F32 a, F32 b, int predicate) {
  switch (predicate) {
    case _CMP_NLT_UQ: return mask([&](int i) { return !(a[i] < b[i]); });
    case _CMP_GT_OQ: return mask([&](int i) { return a[i] > b[i]; });
    case _CMP_UNORD_Q: return mask([&](int i) { return isnan(a[i]) || isnan(b[i]); });
    default: abort();
  }
}

inline Bits add_epi32(Bits a, Bits b) { return as<Bits>(u(a) + u(b)); }
inline Bits sub_epi32(Bits a, Bits b) { return as<Bits>(u(a) - u(b)); }
inline Bits and_si512(Bits a, Bits b) { return a & b; }
inline Bits or_si512(Bits a, Bits b) { return a | b; }
inline Bits xor_si512(Bits a, Bits b) { return a ^ b; }
inline Bits slli_epi32(Bits a, unsigned count) { return as<Bits>(u(a) << count); }
inline Bits srli_epi32(Bits a, unsigned count) { return as<Bits>(u(a) >> count); }
inline Bits srai_epi32(Bits a, unsigned count) { return as<Bits>(s(a) >> (int)count); }
inline Bits srli_epi64(Bits a, unsigned count) { return as<Bits>(as<U64>(a) >> count); }
inline Bits mul_epu32(Bits a, Bits b) {
  const U64 low = as<U64>(a) & 0xFFFFFFFFull;
  return as<Bits>(low * (as<U64>(b) & 0xFFFFFFFFull));
}
inline Bits ternarylogic_epi32(Bits a, Bits b, Bits c, int table) {
  only(table, 0x96);  // exclusive or of three
  return a ^ b ^ c;
}
inline __mmask16 test_epi32_mask(Bits a, Bits b) {
  return mask([&](int i) { return (u(a)[i] & u(b)[i]) != 0; });
}

inline F32 cvtepi32_ps(Bits a) { return floats([&](int i) { return (float)s(a)[i]; }); }
inline F32 cvtepu32_ps(Bits a) { return floats([&](int i) { return (float)u(a)[i]; }); }
inline Bits cvtepu16_epi32(__m256i a) {
  uint16_t all[16];
  memcpy(all, &a, sizeof all);
  return words([&](int i) { return (uint32_t)all[i]; });
}
inline __m256i cvtepi32_epi16(Bits a) {
  uint16_t all[16];
  for (int i = 0; i < 16; ++i) all[i] = (uint16_t)u(a)[i];
  return _mm256_loadu_si256((const __m256i*)all);
}
inline F32 cvtph_ps(__m256i a) {
  float all[16];
  _mm256_storeu_ps(all, _mm256_cvtph_ps(_mm256_castsi256_si128(a)));
  _mm256_storeu_ps(all + 8, _mm256_cvtph_ps(_mm256_extracti128_si256(a, 1)));
  return floats([&](int i) { return all[i]; });
}
inline __m256i cvtps_ph(F32 a, int rounding) {
  only(rounding, _MM_FROUND_TO_NEAREST_INT);
  float all[16];
  memcpy(all, &a, sizeof all);
  return _mm256_set_m128i(_mm256_cvtps_ph(_mm256_loadu_ps(all + 8), _MM_FROUND_TO_NEAREST_INT),
                          _mm256_cvtps_ph(_mm256_loadu_ps(all), _MM_FROUND_TO_NEAREST_INT));
}

inline F32 mask_mov_ps(F32 otherwise, __mmask16 k, F32 a) {
  return floats([&](int i) { return k >> i & 1 ? a[i] : otherwise[i]; });
}
inline F32 maskz_mov_ps(__mmask16 k, F32 a) { return mask_mov_ps(setzero_ps(), k, a); }
inline Bits mask_mov_epi32(Bits otherwise, __mmask16 k, Bits a) {
  return words([&](int i) { return k >> i & 1 ? u(a)[i] : u(otherwise)[i]; });
}
inline Bits mask_shuffle_epi32(Bits otherwise, __mmask16 k, Bits a, int order) {
  return words([&](int i) { return k >> i & 1 ? u(a)[(i & ~3) + (order >> 2 * (i & 3) & 3)] : u(otherwise)[i]; });
}
inline F32 permutex2var_ps(F32 a, Bits index, F32 b) {
  return floats([&](int i) { return u(index)[i] & 16 ? b[u(index)[i] & 15] : a[u(index)[i] & 15]; });
}
inline __m256d extractf64x4_pd(__m512d a, int half) {
  return make<__m256d>(4, [&](int i) { return a[4 * half + i]; });
}
inline __m256 castps512_ps256(F32 a) {
  return make<__m256>(8, [&](int i) { return a[i]; });
}
inline Bits castps_si512(F32 a) { return as<Bits>(a); }
inline F32 castsi512_ps(Bits a) { return as<F32>(a); }
inline __m512d castps_pd(F32 a) { return as<__m512d>(a); }

template <class Vector> inline Vector load(const void* p) {
  Vector v;
  memcpy(&v, p, sizeof v);
  return v;
}
inline F32 loadu_ps(const void* p) { return load<F32>(p); }
inline Bits loadu_si512(const void* p) { return load<Bits>(p); }
inline void storeu_ps(void* p, F32 v) { memcpy(p, &v, sizeof v); }
inline void stream_ps(void* p, F32 v) {
  only((int)((uintptr_t)p % 64), 0);
  storeu_ps(p, v);
}

}  // namespace avx512_emulation

// In place of the compiler's own.
#undef _mm512_add_epi32
#define _mm512_add_epi32 avx512_emulation::add_epi32
#undef _mm512_add_ps
#define _mm512_add_ps avx512_emulation::add_ps
#undef _mm512_and_si512
#define _mm512_and_si512 avx512_emulation::and_si512
#undef _mm512_castps512_ps256
#define _mm512_castps512_ps256 avx512_emulation::castps512_ps256
#undef _mm512_castps_pd
#define _mm512_castps_pd avx512_emulation::castps_pd
#undef _mm512_castps_si512
#define _mm512_castps_si512 avx512_emulation::castps_si512
#undef _mm512_castsi512_ps
#define _mm512_castsi512_ps avx512_emulation::castsi512_ps
#undef _mm512_cmp_ps_mask
#define _mm512_cmp_ps_mask avx512_emulation::cmp_ps_mask
#undef _mm512_cvtepi32_epi16
#define _mm512_cvtepi32_epi16 avx512_emulation::cvtepi32_epi16
#undef _mm512_cvtepi32_ps
#define _mm512_cvtepi32_ps avx512_emulation::cvtepi32_ps
#undef _mm512_cvtepu16_epi32
#define _mm512_cvtepu16_epi32 avx512_emulation::cvtepu16_epi32
#undef _mm512_cvtepu32_ps
#define _mm512_cvtepu32_ps avx512_emulation::cvtepu32_ps
#undef _mm512_cvtph_ps
#define _mm512_cvtph_ps avx512_emulation::cvtph_ps
#undef _mm512_cvtps_ph
#define _mm512_cvtps_ph avx512_emulation::cvtps_ph
#undef _mm512_div_ps
#define _mm512_div_ps avx512_emulation::div_ps
#undef _mm512_extractf64x4_pd
#define _mm512_extractf64x4_pd avx512_emulation::extractf64x4_pd
#undef _mm512_fmadd_ps
#define _mm512_fmadd_ps avx512_emulation::fmadd_ps
#undef _mm512_loadu_ps
#define _mm512_loadu_ps avx512_emulation::loadu_ps
#undef _mm512_loadu_si512
#define _mm512_loadu_si512 avx512_emulation::loadu_si512
#undef _mm512_mask_mov_epi32
#define _mm512_mask_mov_epi32 avx512_emulation::mask_mov_epi32
#undef _mm512_mask_mov_ps
#define _mm512_mask_mov_ps avx512_emulation::mask_mov_ps
#undef _mm512_mask_shuffle_epi32
#define _mm512_mask_shuffle_epi32 avx512_emulation::mask_shuffle_epi32
#undef _mm512_maskz_mov_ps
#define _mm512_maskz_mov_ps avx512_emulation::maskz_mov_ps
#undef _mm512_max_ps
#define _mm512_max_ps avx512_emulation::max_ps
#undef _mm512_min_ps
#define _mm512_min_ps avx512_emulation::min_ps
#undef _mm512_mul_epu32
#define _mm512_mul_epu32 avx512_emulation::mul_epu32
#undef _mm512_mul_ps
#define _mm512_mul_ps avx512_emulation::mul_ps
#undef _mm512_or_si512
#define _mm512_or_si512 avx512_emulation::or_si512
#undef _mm512_permutex2var_ps
#define _mm512_permutex2var_ps avx512_emulation::permutex2var_ps
#undef _mm512_set1_epi32
#define _mm512_set1_epi32 avx512_emulation::set1_epi32
#undef _mm512_set1_ps
#define _mm512_set1_ps avx512_emulation::set1_ps
#undef _mm512_setr_epi32
#define _mm512_setr_epi32 avx512_emulation::setr_epi32
#undef _mm512_setzero_ps
#define _mm512_setzero_ps avx512_emulation::setzero_ps
#undef _mm512_slli_epi32
#define _mm512_slli_epi32 avx512_emulation::slli_epi32
#undef _mm512_sqrt_ps
#define _mm512_sqrt_ps avx512_emulation::sqrt_ps
#undef _mm512_srai_epi32
#define _mm512_srai_epi32 avx512_emulation::srai_epi32
#undef _mm512_srli_epi32
#define _mm512_srli_epi32 avx512_emulation::srli_epi32
#undef _mm512_srli_epi64
#define _mm512_srli_epi64 avx512_emulation::srli_epi64
#undef _mm512_storeu_ps
#define _mm512_storeu_ps avx512_emulation::storeu_ps
#undef _mm512_stream_ps
#define _mm512_stream_ps avx512_emulation::stream_ps
#undef _mm512_sub_epi32
#define _mm512_sub_epi32 avx512_emulation::sub_epi32
#undef _mm512_sub_ps
#define _mm512_sub_ps avx512_emulation::sub_ps
#undef _mm512_ternarylogic_epi32
#define _mm512_ternarylogic_epi32 avx512_emulation::ternarylogic_epi32
#undef _mm512_test_epi32_mask
#define _mm512_test_epi32_mask avx512_emulation::test_epi32_mask
#undef _mm512_xor_si512
#define _mm512_xor_si512 avx512_emulation::xor_si512

// dispatch.cpp asks the processor; here every instruction set is to be had.
#define __builtin_cpu_supports(feature) 1
