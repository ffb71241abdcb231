// bfloat16 and float16 as bit patterns, rounded to nearest even, NaN kept and made quiet: what the vector
// instructions do, for machines that lack them.
#pragma once
#include "simd_scalar.h"

namespace gdl {

GDL_INLINE float bfloat16_to_float(uint16_t h) { return Scalar::from_bits((uint32_t)h << 16); }

GDL_INLINE uint16_t float_to_bfloat16(float x) {
  const uint32_t bits = Scalar::bits(x);
  if (x != x) return (uint16_t)((bits | 0x00400000u) >> 16);
  return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

GDL_INLINE float float16_to_float(uint16_t h) {
  const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1Fu, mantissa = h & 0x3FFu;
  if (exponent == 0x1Fu) {  // infinity, or NaN made quiet
    return Scalar::from_bits(sign | 0x7F800000u | (mantissa ? 0x00400000u | (mantissa << 13) : 0u));
  }
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24 is exact
    const float magnitude = (float)mantissa * 0x1p-24f;
    return Scalar::from_bits(sign | Scalar::bits(magnitude));
  }
  return Scalar::from_bits(sign | ((exponent + 112u) << 23) | (mantissa << 13));
}

GDL_INLINE uint16_t float_to_float16(float x) {
  const uint32_t bits = Scalar::bits(x), magnitude = bits & 0x7FFFFFFFu;
  const uint16_t sign = (uint16_t)((bits >> 16) & 0x8000u);
  if (magnitude > 0x7F800000u) return (uint16_t)(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
  if (magnitude >= 0x477FF000u) return (uint16_t)(sign | 0x7C00u);  // rounds to 65536 or beyond
  if (magnitude < 0x38800000u) {  // subnormal: adding 1/2 leaves round(|x| * 2^24) in the low mantissa bits
    const float shifted = Scalar::add(Scalar::from_bits(magnitude), 0.5f);
    return (uint16_t)(sign | (Scalar::bits(shifted) - 0x3F000000u));
  }
  const uint32_t rounded = magnitude + 0xFFFu + ((magnitude >> 13) & 1u);
  return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

}  // namespace gdl
