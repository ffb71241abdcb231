// Lines through latent vectors: the weights of the keyframes a point is made of, and their derivatives, in double
// precision, shared by CPU and CUDA. A straight or spherical segment has two keyframes: out = ca(u) * a + cb(u) * b. Spherical interpolation: Shoemake, "Animating rotation
// with quaternion curves" (SIGGRAPH 1985). Only + - * / fma and sqrt, so every processor computes the same bits.
#pragma once
#include "api.h"
#include "platform.h"

namespace gdl {

// Sine and cosine of x radians within 1e-15, for |x| up to 2^30 (clamped beyond; NaN passes): whole quarter turns are
// taken off with pi/2 in two parts, and the polynomials are those of cephes sin and cos (S. Moshier).
GDL_INLINE void sin_cos(double x, double& sine, double& cosine) {
  const double kLimit = 1073741824.0, kRound = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds to an integer
  x = x > kLimit ? kLimit : x;
  x = x < -kLimit ? -kLimit : x;
  const double shifted = fma(x, 0.63661977236758134308, kRound), turns = shifted - kRound;
  const double r = fma(turns, -6.123233995736766036e-17, fma(turns, -1.57079632679489655800, x)), z = r * r;
  double s = fma(z, 1.58962301576546568060e-10, -2.50507477628578072866e-8);
  s = fma(s, z, 2.75573136213857245213e-6);
  s = fma(s, z, -1.98412698295895385996e-4);
  s = fma(s, z, 8.33333333332211858878e-3);
  s = fma(s, z, -1.66666666666666307295e-1);
  s = fma(s * z, r, r);
  double c = fma(z, -1.13585365213876817300e-11, 2.08757008419747316778e-9);
  c = fma(c, z, -2.75573141792967388112e-7);
  c = fma(c, z, 2.48015872888517045348e-5);
  c = fma(c, z, -1.38888888888730564116e-3);
  c = fma(c, z, 4.16666666666665929218e-2);
  c = fma(c * z, z, fma(z, -0.5, 1.0));
  uint64_t quarter;
  memcpy(&quarter, &shifted, sizeof quarter);
  const bool odd = (quarter & 1) != 0;
  const double first = odd ? c : s, second = odd ? s : c;
  sine = (quarter & 2) != 0 ? -first : first;
  cosine = ((quarter + 1) & 2) != 0 ? -second : second;
}

// The arc cosine of x in [-1, 1] within 1e-15: the rational approximation of fdlibm's acos, halving large angles.
GDL_INLINE double arc_cosine(double x) {
  const bool large = x > 0.5 || x < -0.5;
  const double distance = x < 0.0 ? 1.0 + x : 1.0 - x;
  const double z = large ? 0.5 * distance : x * x, y = large ? sqrt(z) : x;
  double p = fma(z, 3.47933107596021167570e-5, 7.91534994289814532176e-4);
  p = fma(p, z, -4.00555345006794114027e-2);
  p = fma(p, z, 2.01212532134862925881e-1);
  p = fma(p, z, -3.25565818622400915405e-1);
  p = fma(p, z, 1.66666666666666657415e-1);
  double q = fma(z, 7.70381505559019352791e-2, -6.88283971605453293030e-1);
  q = fma(q, z, 2.02094576023350569471);
  q = fma(q, z, -2.40339491173441421878);
  q = fma(q, z, 1.0);
  const double arc_sine = fma(y, p * z / q, y);
  if (!large) return 1.57079632679489661923 - arc_sine;
  return x > 0.0 ? 2.0 * arc_sine : 3.14159265358979323846 - 2.0 * arc_sine;
}

// Below this sine of the angle (vectors nearly parallel or opposite) the arc is ill-defined: the straight line is used.
const double kFlatSine = 1e-4;

// How two vectors lie to each other.
struct Arc {
  double norm_a, norm_b, omega, cosine, sine;
  bool curved;  // the spherical formula applies
  bool scaled;  // directions and norms are interpolated apart
};

struct PathCoefficients {
  double a, b;
};

// Derivatives of the two coefficients by u, by the angle, and by the two norms.
struct PathDerivatives {
  PathCoefficients u, omega, norm_a, norm_b;
};

struct Segment {
  int64_t index;
  double u;  // position on the segment; outside [0, 1] only before the first and behind the last keyframe
};

GDL_INLINE int64_t segments_of(const gdl_path& p) { return p.closed ? p.count : p.count - 1; }

GDL_INLINE Segment find_segment(float t, const gdl_path& p) {
  const double last = (double)(segments_of(p) - 1);
  double time = (double)t;
  if (p.closed) time -= floor(time / (double)p.count) * (double)p.count;
  double index = floor(time);
  index = index > 0.0 ? index : 0.0;  // NaN too
  index = index < last ? index : last;
  const Segment s = {(int64_t)index, time - index};
  return s;
}

// The keyframes of a segment, in the order of their weights.
enum { kMaxPoints = 4 };

GDL_INLINE int points_of(int32_t mode) { return mode == GDL_CATMULL_ROM ? 4 : 2; }

// A path whose stride is filled in.
GDL_INLINE gdl_path with_stride(gdl_path p) {
  if (!p.apart) p.stride = p.rows * p.cols;
  return p;
}

// Keyframe number `point` of a segment; for a point beyond an open line's end, whose weight is 0, the end.
GDL_INLINE int64_t keyframe_of(const gdl_path& p, int64_t segment, int point) {
  const int64_t i = segment + point - (p.mode == GDL_CATMULL_ROM ? 1 : 0);
  if (p.closed) return i < 0 ? i + p.count : i >= p.count ? i - p.count : i;
  return i < 0 ? 0 : i >= p.count ? p.count - 1 : i;
}

// The segment in which a keyframe is number `point`, or -1.
GDL_INLINE int64_t segment_of(const gdl_path& p, int64_t keyframe, int point) {
  const int64_t s = keyframe - point + (p.mode == GDL_CATMULL_ROM ? 1 : 0), count = segments_of(p);
  if (p.closed) return s < 0 ? s + count : s >= count ? s - count : s;
  return s < 0 || s >= count ? -1 : s;
}

GDL_INLINE Arc flat_arc() {
  Arc arc = {1.0, 1.0, 0.0, 1.0, 0.0, false, false};
  return arc;
}

// From the scalar products <a, a>, <b, b> and <a, b>.
GDL_INLINE Arc make_arc(double aa, double bb, double ab, bool normalize) {
  Arc arc = flat_arc();
  arc.norm_a = sqrt(aa);
  arc.norm_b = sqrt(bb);
  const double product = arc.norm_a * arc.norm_b;
  if (!(product > 0.0)) return arc;  // a zero vector has no direction
  double cosine = ab / product;
  cosine = cosine > 1.0 ? 1.0 : cosine < -1.0 ? -1.0 : cosine;
  arc.omega = arc_cosine(cosine);
  sin_cos(arc.omega, arc.sine, arc.cosine);
  arc.curved = arc.sine > kFlatSine;
  arc.scaled = normalize;
  return arc;
}

// Weights along a curved arc: sin((1 - u) omega) / sin(omega) and sin(u omega) / sin(omega), exact at u = 0 and 1. No
// branches, so that a loop over u becomes vector code.
GDL_INLINE PathCoefficients arc_weights(const Arc& arc, double u) {
  double sine, cosine;
  sin_cos(u * arc.omega, sine, cosine);
  const double b = sine / arc.sine;
  const PathCoefficients k = {cosine - arc.cosine * b, b};
  return k;
}

// Weights of the two directions.
GDL_INLINE PathCoefficients direction_weights(const Arc& arc, double u) {
  const PathCoefficients straight = {1.0 - u, u};
  return arc.curved ? arc_weights(arc, u) : straight;
}

GDL_INLINE PathCoefficients path_coefficients(const Arc& arc, double u) {
  PathCoefficients k = direction_weights(arc, u);
  if (arc.scaled) {
    const double norm = (1.0 - u) * arc.norm_a + u * arc.norm_b;
    k.a = norm * k.a / arc.norm_a;
    k.b = norm * k.b / arc.norm_b;
  }
  return k;
}

GDL_INLINE PathDerivatives path_derivatives(const Arc& arc, double u) {
  PathDerivatives d = {{-1.0, 1.0}, {0.0, 0.0}, {0.0, 0.0}, {0.0, 0.0}};
  const PathCoefficients k = direction_weights(arc, u);
  if (arc.curved) {
    double sin_a, cos_a, sin_b, cos_b;
    sin_cos((1.0 - u) * arc.omega, sin_a, cos_a);
    sin_cos(u * arc.omega, sin_b, cos_b);
    d.u.a = -arc.omega * cos_a / arc.sine;
    d.u.b = arc.omega * cos_b / arc.sine;
    d.omega.a = ((1.0 - u) * cos_a - k.a * arc.cosine) / arc.sine;
    d.omega.b = (u * cos_b - k.b * arc.cosine) / arc.sine;
  }
  if (arc.scaled) {
    const double norm = (1.0 - u) * arc.norm_a + u * arc.norm_b, slope = arc.norm_b - arc.norm_a;
    d.u.a = (slope * k.a + norm * d.u.a) / arc.norm_a;
    d.u.b = (slope * k.b + norm * d.u.b) / arc.norm_b;
    d.omega.a *= norm / arc.norm_a;
    d.omega.b *= norm / arc.norm_b;
    d.norm_a.a = -k.a * u * arc.norm_b / (arc.norm_a * arc.norm_a);
    d.norm_a.b = k.b * (1.0 - u) / arc.norm_b;
    d.norm_b.a = k.a * u / arc.norm_a;
    d.norm_b.b = -k.b * (1.0 - u) * arc.norm_a / (arc.norm_b * arc.norm_b);
  }
  return d;
}

// What one step adds to the gradients of its segment, from <g, a> and <g, b>.
struct PathSums {
  double u, omega, norm_a, norm_b;
};

GDL_INLINE PathSums path_sums(const Arc& arc, double u, double ga, double gb) {
  const PathDerivatives d = path_derivatives(arc, u);
  PathSums s = {ga * d.u.a + gb * d.u.b, ga * d.omega.a + gb * d.omega.b, ga * d.norm_a.a + gb * d.norm_a.b,
                ga * d.norm_b.a + gb * d.norm_b.b};
  return s;
}

// Gives the weight of a keyframe that an open line lacks to its neighbours.
GDL_INLINE void fold_ends(const gdl_path& p, int64_t segment, double (&w)[kMaxPoints]) {
  if (p.closed) return;
  if (segment == 0) {
    w[1] += 2.0 * w[0];
    w[2] -= w[0];
    w[0] = 0.0;
  }
  if (segment == p.count - 2) {
    w[2] += 2.0 * w[3];
    w[1] -= w[3];
    w[3] = 0.0;
  }
}

// The uniform spline of Catmull and Rom, "A class of local interpolating splines" (1974): weights of the four keyframes
// round a segment. An open line goes on beyond its ends as if the next keyframe lay straight ahead: 2 p0 - p1.
GDL_INLINE void spline_weights(const gdl_path& p, int64_t segment, double u, double (&w)[kMaxPoints]) {
  const double u2 = u * u, u3 = u2 * u;
  w[0] = 0.5 * (2.0 * u2 - u3 - u);
  w[1] = 0.5 * (3.0 * u3 - 5.0 * u2 + 2.0);
  w[2] = 0.5 * (4.0 * u2 - 3.0 * u3 + u);
  w[3] = 0.5 * (u3 - u2);
  fold_ends(p, segment, w);
}

GDL_INLINE void spline_slopes(const gdl_path& p, int64_t segment, double u, double (&w)[kMaxPoints]) {
  const double u2 = u * u;
  w[0] = 0.5 * (4.0 * u - 3.0 * u2 - 1.0);
  w[1] = 0.5 * (9.0 * u2 - 10.0 * u);
  w[2] = 0.5 * (8.0 * u - 9.0 * u2 + 1.0);
  w[3] = 0.5 * (3.0 * u2 - 2.0 * u);
  fold_ends(p, segment, w);
}

// The part of the keyframes' gradients that comes through angle and norms: grad_a += aa * a + ab * b,
// grad_b += bb * b + ab * a.
struct ArcGradient {
  double aa, bb, ab;
};

GDL_INLINE ArcGradient arc_gradient(const Arc& arc, double omega, double norm_a, double norm_b) {
  ArcGradient g = {0.0, 0.0, 0.0};
  if (arc.curved) {
    const double along = omega * arc.cosine / arc.sine;
    g.aa = along / (arc.norm_a * arc.norm_a);
    g.bb = along / (arc.norm_b * arc.norm_b);
    g.ab = -omega / (arc.sine * arc.norm_a * arc.norm_b);
  }
  if (arc.scaled) {
    g.aa += norm_a / arc.norm_a;
    g.bb += norm_b / arc.norm_b;
  }
  return g;
}

}  // namespace gdl
