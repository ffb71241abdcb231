// Philox4x32-10 against the known-answer vectors of Random123 (kat_vectors, "philox4x32 10").
#include "check.h"
#include "gdl/math.h"
#include "gdl/simd_scalar.h"

using namespace gdl;

struct Vector {
  uint32_t counter[4], key[2], expected[4];
};

static const Vector kVectors[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

int main() {
  for (const Vector& v : kVectors) {
    uint32_t keys[kPhiloxKeyWords];
    philox_keys((uint64_t)v.key[1] << 32 | v.key[0], keys);
    uint32_t one[4] = {v.counter[0], v.counter[1], v.counter[2], v.counter[3]};
    Philox<Scalar>::rounds(one, keys);
    for (int i = 0; i < 4; ++i) {
      CHECK(one[i] == v.expected[i], "word %d is %08x, expected %08x", i, one[i], v.expected[i]);
    }
  }
  return finish();
}
