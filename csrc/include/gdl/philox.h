// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as
// 1, 2, 3" (SC 2011). Bit-compatible with Random123's philox4x32_R(10, ...).
#pragma once
#include "platform.h"

namespace gdl {

enum { kPhiloxRounds = 10, kPhiloxKeyWords = 2 * kPhiloxRounds };
enum : uint32_t {
  kPhiloxMultiplier0 = 0xD2511F53u,
  kPhiloxMultiplier1 = 0xCD9E8D57u,
  kPhiloxWeyl0 = 0x9E3779B9u,
  kPhiloxWeyl1 = 0xBB67AE85u,
};

// The key of every round, (word 0, word 1) pairs: computed once per call and reused for all counters.
GDL_INLINE void philox_keys(uint64_t seed, uint32_t* keys) {
  uint32_t key0 = (uint32_t)seed, key1 = (uint32_t)(seed >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round) {
    keys[2 * round] = key0;
    keys[2 * round + 1] = key1;
    key0 += kPhiloxWeyl0;
    key1 += kPhiloxWeyl1;
  }
}

// What the first two rounds have in common for all counters (low, high, 0, 0) with one high word, two of their four
// products: made once for many counters.
struct PhiloxStart {
  uint32_t key1, mask0, mask2, word3;
};

GDL_INLINE PhiloxStart philox_start(uint32_t high, const uint32_t* keys) {
  const uint64_t product0 = (uint64_t)(high ^ keys[0]) * kPhiloxMultiplier0;  // of the second round
  const PhiloxStart start = {keys[1], keys[2], (uint32_t)(product0 >> 32) ^ keys[3], (uint32_t)product0};
  return start;
}

// S is one of the simd_*.h types; every lane is a counter of its own.
template <class S> struct Philox {
  typedef typename S::U U;

  static GDL_INLINE void first_two(U low, const PhiloxStart& start, U (&x)[4]) {
    const U multiplier0 = S::set_u(kPhiloxMultiplier0), multiplier1 = S::set_u(kPhiloxMultiplier1);
    const U word2 = S::xor_u(S::mul_high(low, multiplier0), S::set_u(start.key1));
    x[0] = S::xor_u(S::mul_high(word2, multiplier1), S::set_u(start.mask0));
    x[1] = S::mul_low(word2, multiplier1);
    x[2] = S::xor_u(S::mul_low(low, multiplier0), S::set_u(start.mask2));
    x[3] = S::set_u(start.word3);
  }

  template <int kFirst = 0> static GDL_INLINE void rounds(U (&x)[4], const uint32_t* keys) {
    const U multiplier0 = S::set_u(kPhiloxMultiplier0), multiplier1 = S::set_u(kPhiloxMultiplier1);
#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#pragma unroll
#endif
    for (int round = kFirst; round < kPhiloxRounds; ++round) {
      const U high0 = S::mul_high(x[0], multiplier0), low0 = S::mul_low(x[0], multiplier0);
      const U high1 = S::mul_high(x[2], multiplier1), low1 = S::mul_low(x[2], multiplier1);
      x[0] = S::xor_u(S::xor_u(high1, x[1]), S::set_u(keys[2 * round]));
      x[1] = low1;
      x[2] = S::xor_u(S::xor_u(high0, x[3]), S::set_u(keys[2 * round + 1]));
      x[3] = low0;
    }
  }

  // All rounds of the counters (low, high, 0, 0) with the high word that `start` was made of.
  static GDL_INLINE void rounds(U low, const PhiloxStart& start, const uint32_t* keys, U (&x)[4]) {
    first_two(low, start, x);
    rounds<2>(x, keys);
  }
};

}  // namespace gdl
