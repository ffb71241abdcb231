// The reference in plain torch has no fma: it multiplies and adds in double and rounds to float. This test proves, for
// every value that the two functions can meet, that the noise has the same bits that way.
#include "check.h"
#include "gdl/math.h"
#include "gdl/simd_scalar.h"

using namespace gdl;

struct RoundedDouble : Scalar {
  static float fma(float a, float b, float c) { return (float)((double)a * (double)b + (double)c); }
};

static bool same(float a, float b) { return Scalar::bits(a) == Scalar::bits(b); }

static void check_radius(uint32_t word) {
  const float expected = Math<Scalar>::radius(word), actual = Math<RoundedDouble>::radius(word);
  CHECK(same(expected, actual) && expected >= 0.0f, "word %08x: %a, %a", word, (double)expected, (double)actual);
}

static void check_angle(uint32_t word) {
  float c, s, c2, s2;
  Math<Scalar>::cos_sin(word, c, s);
  Math<RoundedDouble>::cos_sin(word, c2, s2);
  CHECK(same(c, c2) && same(s, s2), "word %08x: %a %a, %a %a", word, (double)c, (double)s, (double)c2, (double)s2);
}

// Every word below 2^bits up to its rounding to the 24 bits of a float.
template <class Check> static void for_each_rounded_word(int bits, Check check) {
  for (uint32_t word = 0; word < 1u << 24; ++word) check(word);
  for (int k = 24; k < bits; ++k) {
    for (uint64_t word = 1ull << k; word < 1ull << (k + 1); word += 1ull << (k - 23)) check((uint32_t)word);
  }
  check((uint32_t)((1ull << bits) - 1));  // rounds up to 2^bits
}

int main() {
  for_each_rounded_word(32, check_radius);
  // One half of one quadrant: the rest differs by signs and a swap, which are exact.
  for_each_rounded_word(29, check_angle);
  return finish();
}
