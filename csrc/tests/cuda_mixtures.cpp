// Mixtures of Gaussians on the CUDA kernels.
#include "cuda_check.h"

static void check_mixture(int64_t rows, int64_t components, int64_t cols, int dtype, bool shifted) {
  const int64_t n = rows * components * cols;
  Normals logits(rows * components, dtype, 1, shifted, 2.0f);
  const Normals mean(n, dtype, 2, shifted), log_std(n, dtype, 3, shifted, 0.7f), target(rows * cols, dtype, 4, shifted, 1.5f);
  Normals grad(rows, GDL_FLOAT32, 5);
  for (int64_t i = 0; i < rows * components; i += 7) logits.set(i, -INFINITY);  // components that are off
  const gdl_mixture mixture = {rows, components, cols, logits.data(), mean.data(), log_std.data()};
  compare("mdn_nll_forward", {{rows, GDL_FLOAT32, 50.0f, false}}, [&](Where w, Results& out) {
    return run::mdn_nll_forward(w, {mixture, dtype, target.data(), out[0]->floats()});
  });
  compare("mdn_nll_backward",
          {{rows * components, dtype, 200.0f, shifted}, {n, dtype, 200.0f, shifted}, {n, dtype, 200.0f, shifted}, {rows * cols, dtype, 200.0f, shifted}},
          [&](Where w, Results& out) {
            return run::mdn_nll_backward(w, {mixture, dtype, target.data(), grad.floats(), out[0]->data(), out[1]->data(),
                                             out[2]->data(), out[3]->data()});
          });
  const int64_t key[] = {11, 0xfffffff0ll};
  for (const float temperature : {0.0f, 0.6f, 1.0f}) {
    for (const int64_t* device_key : {(const int64_t*)nullptr, (const int64_t*)key}) {
      // two float32 hold a component
      compare("mdn_sample", {{rows * cols, dtype, 0.0f, shifted}, {2 * rows, GDL_FLOAT32, 0.0f, false}}, [&](Where w, Results& out) {
        const gdl_noise noise = {rows, cols, w == kCuda && device_key ? 0u : 11u, 0xfffffff0ull, nullptr};
        return run::mdn_sample(w, {mixture, noise, dtype, temperature, out[0]->data(), static_cast<int64_t*>(out[1]->data())}, device_key);
      });
    }
  }
}

void check_mixtures() {
  const int64_t shapes[][3] = {{0, 2, 3}, {1, 1, 1}, {300, 5, 1}, {33, 3, 2}, {18, 5, 7}, {9, 5, 8}, {35, 3, 33}, {20, 40, 3}, {19, 40, 17}, {3, 2, 1027}};
  for (const auto& s : shapes) {
    for (int dtype = GDL_FLOAT32; dtype <= GDL_FLOAT16; ++dtype) {
      for (const bool shifted : {false, true}) check_mixture(s[0], s[1], s[2], dtype, shifted);
    }
  }
}
