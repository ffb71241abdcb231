// Lines through keyframes and moves along directions on the CUDA kernels.
#include "cuda_check.h"

// Keyframes lie `gap` numbers further apart than they must.
static void check_path(gdl_path p, int dtype, bool shifted, int64_t gap, const std::vector<float>& t) {
  p.steps = (int64_t)t.size();
  p.apart = gap > 0;
  p.stride = p.apart ? p.rows * p.cols + gap : 0;
  const int64_t n = p.count * p.rows * p.cols, out_size = p.steps * p.rows * p.cols;
  Normals keyframes(n + (p.count - 1) * gap, dtype, 1, shifted), grad_out(out_size, dtype, 2, shifted);
  Array times(p.steps, GDL_FLOAT32);
  for (int64_t i = 0; i < p.steps; ++i) times.set(i, t[(size_t)i]);
  const bool exact = p.mode != GDL_SLERP;  // the scalar products of a spherical line are sums
  compare("path_forward", {{out_size, dtype, exact ? 0.0f : 10.0f, shifted}}, [&](Where w, Results& out) {
    return run::path_forward(w, {p, dtype, keyframes.data(), times.floats(), out[0]->data()});
  });
  if (gap > 0) return;
  const float of_sums = 100.0f;
  compare("path_backward", {{n, dtype, exact ? 0.0f : of_sums, shifted}, {p.steps, GDL_FLOAT32, of_sums * 10.0f, false}},
          [&](Where w, Results& out) {
            return run::path_backward(w, {p, dtype, grad_out.data(), keyframes.data(), times.floats(), out[0]->data(), out[1]->floats()});
          });
}

static void check_arithmetic(int64_t steps, int64_t rows, int64_t cols, int64_t count, int dtype, bool shifted) {
  const Normals z(rows * cols, dtype, 1, shifted), directions(count * cols, dtype, 2, shifted);
  Normals alpha(steps * count, GDL_FLOAT32, 3);
  compare("arithmetic", {{steps * rows * cols, dtype, 0.0f, shifted}}, [&](Where w, Results& out) {
    return run::arithmetic(w, {steps, rows, cols, count, dtype, z.data(), directions.data(), alpha.floats(), out[0]->data()});
  });
}

void check_paths() {
  std::vector<float> many;
  for (int i = 0; i < 70; ++i) many.push_back((float)((i * 37) % 70) * 0.1f - 1.0f);  // in no order, beyond both ends
  const std::vector<float> times[] = {{}, {0.5f}, {0.3f, -0.5f, 2.9f, 1.0f, 3.5f, 0.0f, 4.0f}, many};
  const int64_t shapes[][3] = {{2, 1, 1}, {2, 3, 4}, {5, 2, 7}, {4, 3, 64}, {3, 0, 4}, {3, 2, 0}, {12, 1, 33}, {2, 2, 1025}};
  for (int dtype = GDL_FLOAT32; dtype <= GDL_FLOAT16; ++dtype) {
    for (const bool shifted : {false, true}) {
      const bool plain = dtype == GDL_FLOAT32 && !shifted;  // with all settings, the others with some
      for (size_t i = 0; i < sizeof shapes / sizeof *shapes; ++i) {
        const int64_t* s = shapes[i];
        for (int mode = GDL_LERP; mode <= GDL_CATMULL_ROM; ++mode) {
          for (int flags = 0; flags < 4; ++flags) {
            if (!plain && flags != (int)(i + (size_t)mode + (size_t)dtype) % 4) continue;
            for (const std::vector<float>& t : times) {
              if ((t.size() > 8 && (!plain || s[1] * s[2] > 40)) || (!plain && t.size() < 2)) continue;
              for (const int64_t gap : {0, 3, 4}) {
                if (gap == 0 || flags == 0) check_path({s[0], 0, s[1], s[2], mode, flags & 1, flags >> 1, 0, 0}, dtype, shifted, gap, t);
              }
            }
          }
        }
      }
      for (const int64_t count : {0, 1, 3}) {
        check_arithmetic(4, 3, 8, count, dtype, shifted);
        check_arithmetic(7, 5, 65, count, dtype, shifted);
        check_arithmetic(1, 1, 1, count, dtype, shifted);
        check_arithmetic(0, 3, 4, count, dtype, shifted);
        check_arithmetic(2, 40, 36, count, dtype, shifted);
      }
    }
  }
}
