// Sixteen lanes for any CPU: plain loops, which a compiler vectorizes as far as the machine allows.
// Every CPU variant works on blocks of sixteen lanes, so that all of them add in one order.
#pragma once
#include "half.h"
#include "math.h"
#include "mdn_math.h"

namespace gdl {

struct Portable {
  struct F {
    float lane[16];
  };
  struct U {
    uint32_t lane[16];
  };

  static GDL_INLINE F set(float x) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = x;
    return r;
  }
  static GDL_INLINE U set_u(uint32_t x) {
    U r;
    for (int i = 0; i < 16; ++i) r.lane[i] = x;
    return r;
  }
  static GDL_INLINE U add_u(const U& a, const U& b) {
    U r;
    for (int i = 0; i < 16; ++i) r.lane[i] = a.lane[i] + b.lane[i];
    return r;
  }
  static GDL_INLINE U and_u(const U& a, const U& b) {
    U r;
    for (int i = 0; i < 16; ++i) r.lane[i] = a.lane[i] & b.lane[i];
    return r;
  }
  static GDL_INLINE U bits(const F& a) {
    U r;
    memcpy(r.lane, a.lane, sizeof r.lane);
    return r;
  }
  static GDL_INLINE F from_bits(const U& a) {
    F r;
    memcpy(r.lane, a.lane, sizeof r.lane);
    return r;
  }
  static GDL_INLINE F add(const F& a, const F& b) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = a.lane[i] + b.lane[i];
    return r;
  }
  static GDL_INLINE F sub(const F& a, const F& b) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = a.lane[i] - b.lane[i];
    return r;
  }
  static GDL_INLINE F mul(const F& a, const F& b) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = a.lane[i] * b.lane[i];
    return r;
  }
  static GDL_INLINE F div(const F& a, const F& b) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = a.lane[i] / b.lane[i];
    return r;
  }
  static GDL_INLINE F max(const F& a, const F& b) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = Scalar::max(a.lane[i], b.lane[i]);
    return r;
  }
  static GDL_INLINE F unless_less(const F& a, const F& b, const F& v) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = Scalar::unless_less(a.lane[i], b.lane[i], v.lane[i]);
    return r;
  }
  static GDL_INLINE F fma(const F& a, const F& b, const F& c) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = Scalar::fma(a.lane[i], b.lane[i], c.lane[i]);
    return r;
  }
  static GDL_INLINE F clamp(const F& x, float low, float high) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = Scalar::clamp(x.lane[i], low, high);
    return r;
  }
  static GDL_INLINE F where_positive(const F& v, const F& a, const F& b) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = Scalar::where_positive(v.lane[i], a.lane[i], b.lane[i]);
    return r;
  }

  static GDL_INLINE U load_u(const uint32_t* p) {
    U r;
    memcpy(r.lane, p, sizeof r.lane);
    return r;
  }
  static GDL_INLINE F load(const float* p) {
    F r;
    memcpy(r.lane, p, sizeof r.lane);
    return r;
  }
  static GDL_INLINE void store(float* p, const F& v) { memcpy(p, v.lane, sizeof v.lane); }
  static GDL_INLINE void store_streaming(float* p, const F& v) { store(p, v); }
  static GDL_INLINE void end_streaming() {}
  static GDL_INLINE F load_bfloat16(const uint16_t* p) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = bfloat16_to_float(p[i]);
    return r;
  }
  static GDL_INLINE void store_bfloat16(uint16_t* p, const F& v) {
    for (int i = 0; i < 16; ++i) p[i] = float_to_bfloat16(v.lane[i]);
  }
  static GDL_INLINE F load_float16(const uint16_t* p) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = float16_to_float(p[i]);
    return r;
  }
  static GDL_INLINE void store_float16(uint16_t* p, const F& v) {
    for (int i = 0; i < 16; ++i) p[i] = float_to_float16(v.lane[i]);
  }

  // Lane i of vector j becomes element 4 i + j of the 64 that are written to p.
  static GDL_INLINE void store_interleaved(float* p, const F (&v)[4]) {
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 4; ++j) p[4 * i + j] = v[j].lane[i];
    }
  }

  // (first, second) = a[0] b[0] a[1] b[1] ...
  static GDL_INLINE void interleave(const F& a, const F& b, F& first, F& second) {
    for (int i = 0; i < 8; ++i) {
      first.lane[2 * i] = a.lane[i];
      first.lane[2 * i + 1] = b.lane[i];
      second.lane[2 * i] = a.lane[i + 8];
      second.lane[2 * i + 1] = b.lane[i + 8];
    }
  }
  // Undoes interleave.
  static GDL_INLINE void deinterleave(const F& first, const F& second, F& a, F& b) {
    for (int i = 0; i < 8; ++i) {
      a.lane[i] = first.lane[2 * i];
      b.lane[i] = first.lane[2 * i + 1];
      a.lane[i + 8] = second.lane[2 * i];
      b.lane[i + 8] = second.lane[2 * i + 1];
    }
  }

  // The sum of all lanes by halving: lane i takes lane i + 8, then + 4, + 2, + 1.
  static GDL_INLINE float sum(F v) {
    for (int half = 8; half; half >>= 1) {
      for (int i = 0; i < half; ++i) v.lane[i] += v.lane[i + half];
    }
    return v.lane[0];
  }
};

// The mathematics lane after lane, so that the intermediate values of a lane stay in registers.
template <> struct Math<Portable> {
  typedef Portable::F F;
  typedef Portable::U U;

  // `high`: the counters' high words, or the start that those of all lanes share.
  template <class High>
  static GDL_INLINE void normals(const U& counter_low, const High& high, const uint32_t* keys, F (&out)[4]) {
    for (int i = 0; i < 16; ++i) {
      float four[4];
      Math<Scalar>::normals(counter_low.lane[i], of_lane(high, i), keys, four);
      for (int j = 0; j < 4; ++j) out[j].lane[i] = four[j];
    }
  }
  template <int kBits, class High>
  static GDL_INLINE void units(const U& counter_low, const High& high, const uint32_t* keys, F (&out)[4]) {
    for (int i = 0; i < 16; ++i) {
      float four[4];
      Math<Scalar>::units<kBits>(counter_low.lane[i], of_lane(high, i), keys, four);
      for (int j = 0; j < 4; ++j) out[j].lane[i] = four[j];
    }
  }
  static GDL_INLINE uint32_t of_lane(const U& high, int i) { return high.lane[i]; }
  static GDL_INLINE const PhiloxStart& of_lane(const PhiloxStart& start, int) { return start; }
  static GDL_INLINE void variance_terms(const F& log_var, F& clamped, F& std, F& variance_minus_one) {
    for (int i = 0; i < 16; ++i) {
      Math<Scalar>::variance_terms(log_var.lane[i], clamped.lane[i], std.lane[i], variance_minus_one.lane[i]);
    }
  }
  static GDL_INLINE F kl_term(const F& mean, const F& clamped, const F& variance_minus_one) {
    F r;
    for (int i = 0; i < 16; ++i) {
      r.lane[i] = Math<Scalar>::kl_term(mean.lane[i], clamped.lane[i], variance_minus_one.lane[i]);
    }
    return r;
  }
};

template <> struct MdnMath<Portable> {
  typedef Portable S;
  typedef S::F F;
  typedef S::U U;
  typedef MdnMath<Scalar> One;

  static GDL_INLINE F minus_infinity() { return S::set(One::minus_infinity()); }
  static GDL_INLINE F finite(const F& top) { return S::max(S::set(-3.40282347e38f), top); }
  static GDL_INLINE F exp(const F& x) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = One::exp(x.lane[i]);
    return r;
  }
  static GDL_INLINE F log(const F& sum) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = One::log(sum.lane[i]);
    return r;
  }
  static GDL_INLINE void standardize(const F& target, const F& mean, const F& log_std, F& z, F& clamped, F& inverse_std) {
    for (int i = 0; i < 16; ++i) {
      One::standardize(target.lane[i], mean.lane[i], log_std.lane[i], z.lane[i], clamped.lane[i], inverse_std.lane[i]);
    }
  }
  static GDL_INLINE F draw(const F& mean, const F& log_std, const F& noise, const F& scale) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = One::draw(mean.lane[i], log_std.lane[i], noise.lane[i], scale.lane[i]);
    return r;
  }
  static GDL_INLINE F uniform(const U& low, const U& high, const uint32_t* keys) {
    F r;
    for (int i = 0; i < 16; ++i) r.lane[i] = One::uniform(low.lane[i], high.lane[i], keys);
    return r;
  }
};

}  // namespace gdl
