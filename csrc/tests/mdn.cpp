// Mixtures: the same bits on every instruction set and cut into threads, rows alone as in a batch, against double
// precision, components that are off, and the logarithm beyond 1.
#include <math.h>
#include <string.h>

#include <random>
#include <vector>

#include "check.h"
#include "gdl/api.h"
#include "gdl/simd_portable.h"
#include "threads.h"

typedef std::vector<float> Floats;

struct Shape {
  int64_t rows, components, cols;
};

// Buffers hold floats; read as a shorter type they are pairs of numbers, of which only the leading ones are used.
struct Problem {
  Shape shape;
  int dtype;
  Floats logits, mean, log_std, target, grad;

  Problem(const Shape& s, int dtype)
      : shape(s), dtype(dtype), logits(make(s.rows * s.components, 2.0f, 1)), mean(make(elements(), 1.0f, 2)),
        log_std(make(elements(), 0.7f, 3)), target(make(s.rows * s.cols, 1.5f, 4)), grad(make(s.rows, 1.0f, 5)) {
    for (size_t i = 0; dtype == GDL_FLOAT32 && i < logits.size(); i += 7) logits[i] = -INFINITY;
  }
  int64_t elements() const { return shape.rows * shape.components * shape.cols; }
  // For the shorter types: any finite pattern from 2^-7 to 2, of either sign.
  Floats make(int64_t n, float scale, unsigned seed) const {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, scale);
    Floats out((size_t)n + 1);
    for (float& x : out) {
      x = normal(random);
      const uint32_t low = dtype == GDL_BFLOAT16 ? 0x3C00u : 0x2000u, bits = random();
      const uint32_t pair = (low + (bits & 0x83FFu)) | (low + (bits >> 16 & 0x83FFu)) << 16;
      if (dtype != GDL_FLOAT32) memcpy(&x, &pair, 4);
    }
    return out;
  }
  gdl_mixture mixture(int64_t row = 0) const {
    const int64_t k = row * shape.components, e = k * shape.cols;
    return {row ? 1 : shape.rows, shape.components, shape.cols, &logits[(size_t)k], &mean[(size_t)e], &log_std[(size_t)e]};
  }
};

struct Outcome {
  Floats nll, logits, mean, log_std, target, x;
  std::vector<int64_t> component;

  bool operator==(const Outcome& o) const {
    return same(nll, o.nll) && same(logits, o.logits) && same(mean, o.mean) && same(log_std, o.log_std) &&
           same(target, o.target) && same(x, o.x) && component == o.component;
  }
  static bool same(const Floats& a, const Floats& b) { return memcmp(a.data(), b.data(), a.size() * 4) == 0; }
};

static Outcome solve(const Problem& p, gdl_parallel_for parallel_for, float temperature) {
  const Shape s = p.shape;
  Outcome o = {Floats(p.grad.size()), Floats(p.logits.size()), Floats(p.mean.size()), Floats(p.mean.size()),
               Floats(p.target.size()), Floats(p.target.size()), std::vector<int64_t>((size_t)s.rows)};
  const gdl_mdn_nll_forward_args forward = {p.mixture(), p.dtype, p.target.data(), o.nll.data()};
  CHECK(gdl_cpu_mdn_nll_forward(&forward, parallel_for) == GDL_OK, "forward");
  const gdl_mdn_nll_backward_args backward = {p.mixture(), p.dtype, p.target.data(), p.grad.data(),
                                              o.logits.data(), o.mean.data(), o.log_std.data(), o.target.data()};
  CHECK(gdl_cpu_mdn_nll_backward(&backward, parallel_for) == GDL_OK, "backward");
  const gdl_noise noise = {s.rows, s.cols, 7, 0xfffffff0ull, nullptr};
  const gdl_mdn_sample_args sample = {p.mixture(), noise, p.dtype, temperature, o.x.data(), o.component.data()};
  CHECK(gdl_cpu_mdn_sample(&sample, parallel_for) == GDL_OK, "sample");
  return o;
}

static void check_bits(const Shape& s) {
  for (int dtype = GDL_FLOAT32; dtype <= GDL_FLOAT16; ++dtype) {
    for (float temperature : {0.0f, 0.6f}) {
      const Problem problem(s, dtype);
      gdl_set_isa(GDL_SCALAR);
      const Outcome expected = solve(problem, nullptr, temperature);
      for (int isa = GDL_SCALAR; gdl_isa_name(isa); ++isa) {
        if (gdl_set_isa(isa) != GDL_OK) continue;
        CHECK(solve(problem, nullptr, temperature) == expected, "isa %d dtype %d", isa, dtype);
        CHECK(solve(problem, three_threads, temperature) == expected, "threads, isa %d dtype %d", isa, dtype);
      }
    }
  }
}

static void check_rows_alone(const Shape& s) {
  const Problem p(s, GDL_FLOAT32);
  const Outcome all = solve(p, nullptr, 0.6f);
  const int64_t counters = (s.cols + 3) / 4;
  for (int64_t r = 1; r < s.rows; r += 1 + s.rows / 7) {
    float nll;
    int64_t component;
    Floats x((size_t)s.cols);
    const gdl_mdn_nll_forward_args forward = {p.mixture(r), GDL_FLOAT32, &p.target[(size_t)(r * s.cols)], &nll};
    gdl_cpu_mdn_nll_forward(&forward, nullptr);
    CHECK(memcmp(&nll, &all.nll[(size_t)r], 4) == 0, "nll of row %d", (int)r);
    const gdl_noise noise = {1, s.cols, 7, 0xfffffff0ull + (uint64_t)(r * counters), nullptr};
    const gdl_mdn_sample_args sample = {p.mixture(r), noise, GDL_FLOAT32, 0.6f, x.data(), &component};
    gdl_cpu_mdn_sample(&sample, nullptr);
    CHECK(component == all.component[(size_t)r], "component of row %d", (int)r);
    CHECK(memcmp(x.data(), &all.x[(size_t)(r * s.cols)], x.size() * 4) == 0, "x of row %d", (int)r);
  }
}

static void check_values(const Shape& s) {
  const Problem p(s, GDL_FLOAT32);
  const Outcome o = solve(p, nullptr, 0.6f);
  for (int64_t r = 0; r < s.rows; ++r) {
    double total = 0.0, joint = 0.0;
    for (int64_t k = 0; k < s.components; ++k) {
      const size_t at = (size_t)(r * s.components + k);
      double log_density = 0.0;
      for (int64_t d = 0; d < s.cols; ++d) {
        const size_t e = at * (size_t)s.cols + (size_t)d;
        const double z = ((double)p.target[(size_t)(r * s.cols + d)] - (double)p.mean[e]) / exp((double)p.log_std[e]);
        log_density -= 0.5 * z * z + (double)p.log_std[e] + 0.5 * log(2.0 * M_PI);
      }
      total += exp((double)p.logits[at]);
      joint += exp((double)p.logits[at] + log_density);
      CHECK(isfinite(o.logits[at]), "gradient of a logit");
    }
    const double expected = total > 0.0 ? log(total) - log(joint) : INFINITY, got = (double)o.nll[(size_t)r];
    if (joint < 1e-280 && total > 0.0) continue;  // beyond this check's own range
    CHECK(got == expected || fabs(got - expected) < 1e-5 * (1.0 + fabs(expected)), "row %d: %g %g", (int)r, got, expected);
    const int64_t chosen = o.component[(size_t)r];
    if (total > 0.0) CHECK(isfinite(p.logits[(size_t)(r * s.components + chosen)]), "a component that is off was drawn");
  }
}

static void check_log() {
  for (double u = 1.0; u < 1e9; u *= 1.0007) {
    const double expected = log((double)(float)u), got = (double)gdl::MdnMath<gdl::Scalar>::log((float)u);
    CHECK(fabs(got - expected) < 1.2e-7 * (1.0 + expected), "log %g: %g, %g", u, got, expected);
  }
  CHECK(isnan(gdl::MdnMath<gdl::Scalar>::log(NAN)), "log of NaN");
  for (double x = 0.0; x > -86.9; x -= 0.0137) {
    const double expected = exp((double)(float)x), got = (double)gdl::MdnMath<gdl::Scalar>::exp((float)x);
    CHECK(fabs(got - expected) < 2e-7 * expected, "exp %g: %g", x, got);
  }
  CHECK(gdl::MdnMath<gdl::Scalar>::exp(-INFINITY) == 0.0f, "exp of -inf");
  CHECK(isnan(gdl::MdnMath<gdl::Scalar>::exp(NAN)), "exp of NaN");
}

int main() {
  const Shape shapes[] = {{0, 2, 3},   {1, 1, 1},   {17, 5, 1},  {100, 5, 1}, {33, 3, 2},    {40, 2, 15},
                          {18, 5, 16}, {35, 5, 33}, {16, 5, 64}, {20, 40, 1}, {19, 40, 17}, {3, 2, 4097}};
  for (const Shape& s : shapes) {
    check_bits(s);
    check_rows_alone(s);
    check_values(s);
  }
  check_log();
  const Shape none = {2, 0, 3};
  const gdl_mdn_nll_forward_args bad = {{none.rows, none.components, none.cols, 0, 0, 0}, GDL_FLOAT32, 0, 0};
  CHECK(gdl_cpu_mdn_nll_forward(&bad, nullptr) == GDL_BAD_ARGUMENT, "no components");
  return finish();
}
