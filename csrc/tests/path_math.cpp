// The sine, cosine and arc cosine of the lines against long double: all that is left to libm is floor and sqrt.
#include "check.h"
#include "gdl/path_math.h"

using namespace gdl;

// NaN counts as the largest.
static void keep_larger(double& worst, long double error) {
  if (!(fabsl(error) <= worst)) worst = (double)fabsl(error);
}

static double worst_sin_cos(double from, double to, int count) {
  double worst = 0.0;
  for (int i = 0; i <= count; ++i) {
    const double x = from + (to - from) * i / count;
    double s, c;
    sin_cos(x, s, c);
    keep_larger(worst, s - sinl((long double)x));
    keep_larger(worst, c - cosl((long double)x));
  }
  return worst;
}

static void check_sin_cos() {
  const double near_zero = worst_sin_cos(-4.0, 4.0, 1000003), far = worst_sin_cos(-1000.0, 1000.0, 1000003);
  CHECK(near_zero < 3e-16, "%g", near_zero);
  CHECK(far < 3e-16, "%g", far);
  const double limit = worst_sin_cos(1073741823.0, 1073741824.0, 100003);
  CHECK(limit < 3e-16, "%g", limit);
  double s, c;
  sin_cos(0.0, s, c);
  CHECK(s == 0.0 && c == 1.0, "%a %a", s, c);
  sin_cos(1e300, s, c);
  CHECK(fabs(s) <= 1.0 && fabs(c) <= 1.0, "%a %a", s, c);
  sin_cos(NAN, s, c);
  CHECK(isnan(s) && isnan(c), "%a %a", s, c);
}

static void check_arc_cosine() {
  double worst = 0.0;
  for (int i = -1000000; i <= 1000000; ++i) {
    const double x = i / 1e6;
    keep_larger(worst, arc_cosine(x) - acosl((long double)x));
  }
  for (double gap = 1e-16; gap < 0.5; gap *= 1.01) {
    const double low = gap - 1.0, high = 1.0 - gap;
    keep_larger(worst, arc_cosine(low) - acosl((long double)low));
    keep_larger(worst, arc_cosine(high) - acosl((long double)high));
  }
  CHECK(worst < 6e-16, "%g", worst);
  CHECK(arc_cosine(1.0) == 0.0 && isnan(arc_cosine(NAN)), "%a %a", arc_cosine(1.0), arc_cosine(NAN));
}

// A point on the line at its ends is the end itself, whatever the angle.
static void check_ends() {
  for (int i = -999; i <= 999; ++i) {
    const Arc arc = make_arc(4.0, 9.0, 6.0 * i / 1000.0, false);
    const PathCoefficients start = path_coefficients(arc, 0.0), end = path_coefficients(arc, 1.0);
    CHECK(start.a == 1.0 && start.b == 0.0 && end.a == 0.0 && end.b == 1.0, "%d: %a %a %a %a", i, start.a, start.b,
          end.a, end.b);
  }
}

int main() {
  check_sin_cos();
  check_arc_cosine();
  check_ends();
  return finish();
}
