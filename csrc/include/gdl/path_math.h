// Straight and spherical lines between two latent vectors: the coefficients of out = ca(u) * a + cb(u) * b and their
// derivatives, in double precision, shared by CPU and CUDA. Spherical interpolation: Shoemake, "Animating rotation
// with quaternion curves" (SIGGRAPH 1985).
#pragma once
#include "platform.h"

namespace gdl {

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

GDL_INLINE Segment find_segment(float t, int64_t keyframe_count) {
  const double last = (double)(keyframe_count - 2);
  double index = floor((double)t);
  index = index > 0.0 ? index : 0.0;  // NaN too
  index = index < last ? index : last;
  Segment s = {(int64_t)index, (double)t - index};
  return s;
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
  arc.omega = acos(cosine);
  arc.cosine = cos(arc.omega);
  arc.sine = sin(arc.omega);
  arc.curved = arc.sine > kFlatSine;
  arc.scaled = normalize;
  return arc;
}

// Weights of the two directions: sin((1 - u) omega) / sin(omega) and sin(u omega) / sin(omega), exact at u = 0 and 1.
GDL_INLINE PathCoefficients direction_weights(const Arc& arc, double u) {
  PathCoefficients k = {1.0 - u, u};
  if (arc.curved) {
    k.b = sin(u * arc.omega) / arc.sine;
    k.a = cos(u * arc.omega) - arc.cosine * k.b;
  }
  return k;
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
    const double cos_a = cos((1.0 - u) * arc.omega), cos_b = cos(u * arc.omega);
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
