// Biased activation and resampling on the CUDA kernels.
#include "cuda_check.h"

static void check_bias_act(const gdl_bias_act& shape, int dtype, bool shifted) {
  const int64_t n = shape.outer * shape.channels * shape.inner;
  const Normals x(n, dtype, 1, shifted), grad(n, dtype, 2, shifted);
  Normals bias(shape.channels, GDL_FLOAT32, 3);
  for (const bool with_bias : {false, true}) {
    compare("bias_act_forward", {{n, dtype, 0.0f, shifted}}, [&](Where w, Results& out) {
      return run::bias_act_forward(w, {shape, dtype, x.data(), with_bias ? bias.floats() : nullptr, out[0]->data()});
    });
    Array out(n, dtype, shifted);
    const gdl_bias_act_forward_args forward = {shape, dtype, x.data(), with_bias ? bias.floats() : nullptr, out.data()};
    CHECK(gdl_cpu_bias_act_forward(&forward, nullptr) == GDL_OK, "forward");
    compare("bias_act_backward", {{n, dtype, 0.0f, shifted}, {with_bias ? shape.channels : 0, GDL_FLOAT32, 300.0f, false}},
            [&](Where w, Results& results) {
              return run::bias_act_backward(w, {shape, dtype, grad.data(), out.data(), results[0]->data(),
                                                with_bias ? results[1]->floats() : nullptr});
            });
  }
}

static void check_resample(gdl_resample_args args, int dtype, bool shifted) {
  const Normals x(args.planes * args.height * args.width, dtype, 1, shifted);
  Normals taps(args.tap_count, GDL_FLOAT32, 2);
  compare("resample", {{args.planes * args.out_height * args.out_width, dtype, 0.0f, shifted}}, [&](Where w, Results& out) {
    args.dtype = dtype;
    args.x = x.data();
    args.taps = taps.floats();
    args.out = out[0]->data();
    return run::resample(w, args);
  });
}

void check_layers() {
  const int64_t shapes[][3] = {{0, 3, 5}, {2, 0, 3},  {2, 3, 0}, {1, 1, 1},    {3, 5, 1},    {70, 33, 1},
                               {200, 16, 1}, {2, 3, 7}, {5, 4, 64}, {3, 2, 4097}, {1, 1, 9000}, {4, 8, 16}};
  const float slopes[][3] = {{1.5f, 0.3f, INFINITY}, {1.5f, 0.0f, 0.75f}, {1.0f, 1.0f, 0.7f}};
  const int64_t factors[][2] = {{1, 1}, {2, 1}, {1, 2}, {3, 2}, {4, 1}};
  for (int dtype = GDL_FLOAT32; dtype <= GDL_FLOAT16; ++dtype) {
    for (const bool shifted : {false, true}) {
      for (const auto& s : shapes) {
        for (const auto& k : slopes) check_bias_act({s[0], s[1], s[2], k[0], k[1], k[2]}, dtype, shifted);
      }
      for (const auto& f : factors) {
        for (const int64_t taps : {1, 4, 5, 12}) {
          for (const int64_t before : {-2, 0, 5}) {
            const int64_t height = 5, width = 19, tall = height * f[0] + before + taps, wide = width * f[0] + before + 3;
            if (tall < taps || wide < taps) continue;
            check_resample({3, height, width, (tall - taps) / f[1] + 1, (wide - taps) / f[1] + 1, before, before, f[0], f[1], taps,
                            0, taps == 5, 1.25f, nullptr, nullptr, nullptr}, dtype, shifted);
          }
        }
      }
    }
  }
}
