// Infinities, NaN, zeros, denormals and the ends of the clamp; float16 and bfloat16 for every bit pattern.
#include <math.h>
#include <string.h>

#include <limits>

#include "check.h"
#include "gdl/api.h"
#include "gdl/half.h"

static void check_reparam() {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const float log_vars[] = {0.0f, -0.0f, 1e-40f, 1.0f, -1.0f, -30.0f, 20.0f, -31.0f, 21.0f, -88.0f, 88.0f, 1e30f, -1e30f, inf, -inf, nan};
  enum { kCount = sizeof log_vars / sizeof *log_vars };
  float mean[kCount] = {}, z[kCount], noise[kCount], kl[kCount], ones[kCount], to_mean[kCount], to_log_var[kCount];
  for (float& x : ones) x = 1.0f;
  const gdl_noise key = {kCount, 1, 42, 0, nullptr};
  const gdl_randn_args randn = {key, GDL_FLOAT32, noise};
  const gdl_reparam_forward_args forward = {key, GDL_FLOAT32, mean, log_vars, z, kl, GDL_KL_ROWS, nullptr};
  const gdl_reparam_backward_args backward = {key, GDL_FLOAT32, ones, ones, 0, 1.0f, mean, log_vars, to_mean, to_log_var, nullptr};
  gdl_cpu_randn(&randn, nullptr);
  gdl_cpu_reparam_forward(&forward, nullptr);
  gdl_cpu_reparam_backward(&backward, nullptr);
  for (int i = 0; i < kCount; ++i) {
    if (log_vars[i] != log_vars[i]) {
      CHECK(z[i] != z[i] && kl[i] != kl[i] && to_log_var[i] != to_log_var[i], "NaN must pass");
      continue;
    }
    const double c = fmin(fmax((double)log_vars[i], -30.0), 20.0), std = exp(0.5 * c);
    CHECK(fabs(z[i] - std * noise[i]) <= 3e-7 * fabs(std * noise[i]), "z of log_var %g: %g", (double)log_vars[i], (double)z[i]);
    const double expected_kl = 0.5 * (expm1(c) - c), expected_grad = 0.5 * (std * noise[i] + expm1(c));
    CHECK(fabs(kl[i] - expected_kl) <= 1e-6 * fabs(expected_kl) + 1e-7, "KL of log_var %g: %g", (double)log_vars[i], (double)kl[i]);
    CHECK(fabs(to_log_var[i] - expected_grad) <= 1e-6 * (std * fabs((double)noise[i]) + fabs(expm1(c))) + 1e-7,
          "gradient of log_var %g: %g, %g", (double)log_vars[i], (double)to_log_var[i], expected_grad);
  }
}

// Through the vector code of each instruction set: a line from x to x at t = 0 copies.
static void check_half(int dtype) {
  for (int isa = GDL_SCALAR; gdl_isa_name(isa); ++isa) {
    if (gdl_set_isa(isa) != GDL_OK) continue;
    static uint16_t in[2][65536], out[65536];
    for (int i = 0; i < 65536; ++i) in[0][i] = (uint16_t)i, in[1][i] = 0;
    const float t = 0.0f;
    const gdl_path shape = {2, 1, 1, 65536, GDL_LERP, 0, 0, 0, 0};
    const gdl_path_forward_args args = {shape, dtype, in, &t, out};
    gdl_cpu_path_forward(&args, nullptr);
    for (int i = 0; i < 65536; ++i) {
      const float x = dtype == GDL_FLOAT16 ? gdl::float16_to_float(in[0][i]) : gdl::bfloat16_to_float(in[0][i]);
      const float y = dtype == GDL_FLOAT16 ? gdl::float16_to_float(out[i]) : gdl::bfloat16_to_float(out[i]);
      CHECK(x == y || (x != x && y != y), "isa %d, dtype %d, pattern %04x became %04x", isa, dtype, i, out[i]);
    }
  }
}

// Rounding to float16 on every instruction set: blends that hit ties, overflow and subnormals.
static void check_rounding(int dtype) {
  enum { kCount = 4096 };
  static uint16_t in[2][kCount], expected[kCount], out[kCount];
  for (int i = 0; i < kCount; ++i) {
    in[0][i] = (uint16_t)(i * 16 + 3);
    in[1][i] = (uint16_t)(0x0400 + 15 * i);
  }
  const float t = 0.375f;
  const gdl_path shape = {2, 1, 1, kCount, GDL_LERP, 0, 0, 0, 0};
  for (int isa = GDL_SCALAR; gdl_isa_name(isa); ++isa) {
    if (gdl_set_isa(isa) != GDL_OK) continue;
    const gdl_path_forward_args args = {shape, dtype, in, &t, isa == GDL_SCALAR ? expected : out};
    gdl_cpu_path_forward(&args, nullptr);
    if (isa != GDL_SCALAR) CHECK(memcmp(expected, out, sizeof out) == 0, "isa %d, dtype %d", isa, dtype);
  }
}

int main() {
  for (int isa = GDL_SCALAR; gdl_isa_name(isa); ++isa) {
    if (gdl_set_isa(isa) == GDL_OK) check_reparam();
  }
  check_half(GDL_BFLOAT16);
  check_half(GDL_FLOAT16);
  check_rounding(GDL_BFLOAT16);
  check_rounding(GDL_FLOAT16);
  return finish();
}
