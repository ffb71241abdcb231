// Noise, reparameterization and sums on the CUDA kernels.
#include "cuda_check.h"

static const int64_t kShapes[][2] = {{0, 5}, {5, 0},  {1, 1},   {1, 7},    {3, 4},    {300, 2}, {5, 17},
                                     {7, 63}, {9, 65}, {64, 24}, {2, 2052}, {3, 8195}, {2, 20000}, {600, 35}};

static void check_draws(int64_t rows, int64_t cols, int dtype, bool shifted) {
  const int64_t key[] = {-7, 0xfffffffdll};
  std::vector<int64_t> row_keys;
  for (int64_t r = 0; r < rows; ++r) row_keys.insert(row_keys.end(), {5 - r, 0xfffffffell + r});
  const gdl_noise on_host = {rows, cols, 12345, 0xfffffffeull, nullptr}, of_rows = {rows, cols, 0, 0, row_keys.data()};
  const gdl_noise key_noise = {rows, cols, (uint64_t)key[0], (uint64_t)key[1], nullptr};
  for (const gdl_noise& noise : {on_host, of_rows, key_noise}) {
    const bool device_key = noise.seed == (uint64_t)key[0];
    const std::vector<Result> wanted = {{rows * cols, dtype, 0.0f, shifted}};
    const auto args = [&](Where where, Results& out) {
      gdl_randn_args a = {noise, dtype, out[0]->data()};
      if (where == kCuda && device_key) a.noise.seed = a.noise.offset = 99;
      return a;
    };
    compare("randn", wanted, [&](Where w, Results& out) { return run::randn(w, args(w, out), device_key ? key : nullptr); });
    compare("uniform", wanted, [&](Where w, Results& out) { return run::uniform(w, args(w, out), device_key ? key : nullptr); });
  }
}

static void check_reparam(int64_t rows, int64_t cols, int dtype, bool shifted) {
  const int64_t n = rows * cols;
  const Normals mean(n, dtype, 1, shifted), log_var(n, dtype, 2, shifted, 3.0f), grad_z(n, dtype, 3, shifted);
  std::vector<int64_t> row_keys;
  for (int64_t r = 0; r < rows; ++r) row_keys.insert(row_keys.end(), {r, 3 * r});
  for (const int64_t* keys : {(const int64_t*)nullptr, (const int64_t*)row_keys.data()}) {
    const gdl_noise noise = {rows, cols, 3, 0xfffffff0ull, rows ? keys : nullptr};
    for (int layout = -1; layout <= GDL_KL_COLUMNS; ++layout) {
      if (keys && layout == GDL_KL_SHARED) continue;
      const int64_t kl = layout < 0 ? 0 : layout == GDL_KL_COLUMNS ? cols : rows;
      compare("reparam_forward", {{n, dtype, 0.0f, shifted}, {kl, GDL_FLOAT32, 20.0f, false}}, [&](Where w, Results& out) {
        return run::reparam_forward(w, {noise, dtype, mean.data(), log_var.data(), out[0]->data(),
                                        layout < 0 ? nullptr : out[1]->floats(), layout < 0 ? 0 : layout, nullptr});
      });
      if (n == 0) continue;
      const int64_t size = layout == GDL_KL_SHARED ? 1 : kl;
      Normals grad_kl(size, GDL_FLOAT32, 4);
      for (const bool with_z : {false, true}) {
        if (!with_z && layout < 0) continue;
        const float near = layout < 0 ? 0.0f : 2.0f;  // the last bit: the CPU's sum of two products may round otherwise
        compare("reparam_backward", {{layout < 0 ? 0 : n, dtype, near, shifted}, {n, dtype, near, shifted}}, [&](Where w, Results& out) {
          return run::reparam_backward(w, {noise, dtype, with_z ? grad_z.data() : nullptr, layout < 0 ? nullptr : grad_kl.floats(),
                                           layout < 0 ? 0 : layout, 0.25f, mean.data(), log_var.data(),
                                           layout < 0 ? nullptr : out[0]->data(), out[1]->data(), nullptr});
        });
      }
    }
  }
}

static void check_sum(int64_t count) {
  Normals values(count, GDL_FLOAT32, 5);
  double total = 0.0;
  for (int64_t i = 0; i < count; ++i) total += (double)values.get(i);
  const gdl_cuda_call call = {nullptr, nullptr, nullptr, 0};
  for (const bool reversed : {false, true}) {
    float out = 0.0f;
    fake_driver::reverse(reversed);
    CHECK(gdl_cuda_sum(values.floats(), count, 0.125f, &out, &call) == GDL_OK, "sum");
    CHECK(fabs((double)out - 0.125 * total) <= 1e-6 * (1.0 + fabs(total)), "sum of %d: %g", (int)count, (double)out);
  }
  fake_driver::reverse(false);
}

void check_noise() {
  for (const auto& shape : kShapes) {
    for (int dtype = GDL_FLOAT32; dtype <= GDL_FLOAT16; ++dtype) {
      for (const bool shifted : {false, true}) {
        if (shape[0] * shape[1] > 10000 && (dtype != GDL_FLOAT32 || shifted)) continue;
        check_draws(shape[0], shape[1], dtype, shifted);
        check_reparam(shape[0], shape[1], dtype, shifted);
      }
    }
  }
  for (const int64_t count : {0, 1, 255, 256, 257, 5000}) check_sum(count);
}
