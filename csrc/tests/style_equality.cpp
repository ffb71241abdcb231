// Biased activation and resampling: every instruction set and every cut into threads gives the same bits, and nothing is
// written outside the result.
#include <math.h>
#include <string.h>

#include <random>
#include <vector>

#include "check.h"
#include "gdl/api.h"
#include "threads.h"

typedef std::vector<uint16_t> Bytes;

static int64_t words(int64_t n, int dtype) { return dtype == GDL_FLOAT32 ? 2 * n : n; }

static Bytes make_storage(int64_t n, int dtype, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  Bytes out((size_t)words(n, dtype));
  for (int64_t i = 0; i < n; ++i) {
    const float x = i % 11 == 10 ? 0.0f : normal(random);
    uint32_t bits;
    memcpy(&bits, &x, 4);
    if (dtype == GDL_FLOAT32) memcpy(&out[(size_t)(2 * i)], &x, 4);
    if (dtype == GDL_BFLOAT16) out[(size_t)i] = (uint16_t)(bits >> 16);
    if (dtype == GDL_FLOAT16) out[(size_t)i] = x == 0.0f ? 0 : (uint16_t)(0x3000u + (bits & 0x8FFFu));
  }
  return out;
}

// A result with a margin that must stay as it was.
struct Out {
  enum { kMargin = 64, kUntouched = 0x5A5A };
  Bytes data;
  int64_t size;
  Out(int64_t n, int dtype) : data((size_t)(words(n, dtype) + kMargin), kUntouched), size(words(n, dtype)) {}
  Bytes take() {
    for (size_t i = (size_t)size; i < data.size(); ++i) CHECK(data[i] == kUntouched, "written behind the end");
    return Bytes(data.begin(), data.begin() + size);
  }
};

static void append(Bytes& to, const Bytes& from) { to.insert(to.end(), from.begin(), from.end()); }

static Bytes run_bias_act(const gdl_bias_act& shape, int dtype, gdl_parallel_for parallel_for) {
  const int64_t n = shape.outer * shape.channels * shape.inner;
  const Bytes x = make_storage(n, dtype, 1), grad = make_storage(n, dtype, 2), bias = make_storage(shape.channels, GDL_FLOAT32, 3);
  Bytes result;
  for (const void* b : {(const void*)nullptr, (const void*)bias.data()}) {
    const gdl_bias_act flat = {1, 1, n, shape.positive, shape.negative, shape.limit}, s = b ? shape : flat;
    Out out(n, dtype), grad_x(n, dtype), grad_bias(shape.channels, GDL_FLOAT32);
    const gdl_bias_act_forward_args forward = {s, dtype, x.data(), (const float*)b, out.data.data()};
    CHECK(gdl_cpu_bias_act_forward(&forward, parallel_for) == GDL_OK, "forward");
    const gdl_bias_act_backward_args backward = {s, dtype, grad.data(), out.data.data(), grad_x.data.data(),
                                                 b ? (float*)grad_bias.data.data() : nullptr};
    CHECK(gdl_cpu_bias_act_backward(&backward, parallel_for) == GDL_OK, "backward");
    append(result, out.take());
    append(result, grad_x.take());
    append(result, grad_bias.take());
  }
  return result;
}

static Bytes run_resample(gdl_resample_args args, int dtype, gdl_parallel_for parallel_for) {
  const Bytes x = make_storage(args.planes * args.height * args.width, dtype, 1), taps = make_storage(args.tap_count, GDL_FLOAT32, 2);
  Out out(args.planes * args.out_height * args.out_width, dtype);
  args.dtype = dtype;
  args.x = x.data();
  args.taps = (const float*)taps.data();
  args.out = out.data.data();
  CHECK(gdl_cpu_resample(&args, parallel_for) == GDL_OK, "resample");
  return out.take();
}

template <class Run> static void check_all(const Run& run, const char* what, int a, int b, int c) {
  for (int dtype = GDL_FLOAT32; dtype <= GDL_FLOAT16; ++dtype) {
    gdl_set_isa(GDL_SCALAR);
    const Bytes expected = run(dtype, nullptr);
    for (int isa = GDL_SCALAR; gdl_isa_name(isa); ++isa) {
      if (gdl_set_isa(isa) != GDL_OK) continue;
      CHECK(run(dtype, nullptr) == expected, "%s, isa %d, dtype %d, %d %d %d", what, isa, dtype, a, b, c);
      CHECK(run(dtype, three_threads) == expected, "%s, threads, isa %d, dtype %d, %d %d %d", what, isa, dtype, a, b, c);
    }
  }
}

int main() {
  const int64_t shapes[][3] = {{0, 3, 5}, {2, 0, 3}, {2, 3, 0}, {1, 1, 1},   {3, 5, 1},    {70, 33, 1}, {200, 16, 1},
                               {2, 3, 7}, {5, 4, 64}, {2, 7, 65}, {3, 2, 4097}, {1, 1, 9000}, {40, 300, 16}, {8, 64, 4096}};
  const float slopes[][3] = {{1.5f, 0.3f, INFINITY}, {1.5f, 0.0f, 0.75f}, {1.0f, 1.0f, 0.7f}};
  for (const auto& s : shapes) {
    for (const auto& k : slopes) {
      const gdl_bias_act shape = {s[0], s[1], s[2], k[0], k[1], k[2]};
      check_all([&](int dtype, gdl_parallel_for p) { return run_bias_act(shape, dtype, p); }, "bias_act", (int)s[0], (int)s[1], (int)s[2]);
    }
  }
  const int64_t factors[][2] = {{1, 1}, {2, 1}, {1, 2}, {2, 2}, {3, 2}, {1, 5}, {4, 1}};
  for (const auto& f : factors) {
    for (int64_t taps : {1, 2, 4, 5, 12}) {
      for (int64_t width : {1, 5, 8, 16, 33, 64, 2500}) {
        for (int64_t before : {-2, 0, 2, 40}) {
          const int64_t height = width > 100 ? 3 : 9, tall = height * f[0] + before + taps, wide = width * f[0] + before + 3;
          if (tall < taps || wide < taps) continue;
          const gdl_resample_args args = {3, height, width, (tall - taps) / f[1] + 1, (wide - taps) / f[1] + 1, before, before,
                                          f[0], f[1], taps, 0, taps == 5, 1.25f, nullptr, nullptr, nullptr};
          check_all([&](int dtype, gdl_parallel_for p) { return run_resample(args, dtype, p); }, "resample", (int)f[0], (int)f[1], (int)width);
        }
      }
    }
  }
  gdl_resample_args wrong = {1, 4, 4, 4, 4, 0, 0, 0, 1, 1, GDL_FLOAT32, 0, 1.0f, nullptr, nullptr, nullptr};
  CHECK(gdl_cpu_resample(&wrong, nullptr) == GDL_BAD_ARGUMENT, "up 0");
  return finish();
}
