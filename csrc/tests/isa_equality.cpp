// Every instruction set and every cut into threads gives the same bits: noise, z, KL, gradients, paths.
#include <stdlib.h>
#include <string.h>

#include <random>
#include <vector>

#include "check.h"
#include "gdl/api.h"
#include "threads.h"

static std::vector<uint16_t> make_storage(int64_t n, int dtype, float scale, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, scale);
  std::vector<uint16_t> out((size_t)(2 * n + 2));
  for (int64_t i = 0; i < n; ++i) {
    const float x = normal(random);
    if (dtype == GDL_FLOAT32) {
      memcpy(&out[(size_t)(2 * i)], &x, 4);
    } else {
      // bfloat16 by truncation; read as float16 the pattern is some other finite number or, rarely, an infinity
      uint32_t bits;
      memcpy(&bits, &x, 4);
      out[(size_t)i] = (uint16_t)(dtype == GDL_BFLOAT16 ? bits >> 16 : 0x3000u + (bits & 0x8FFFu));
    }
  }
  return out;
}

typedef std::vector<uint16_t> Bytes;

static Bytes run_all(const gdl_noise& noise, int dtype, gdl_parallel_for parallel_for) {
  const int64_t n = noise.rows * noise.cols;
  const Bytes mean = make_storage(n, dtype, 1.0f, 1), log_var = make_storage(n, dtype, 4.0f, 2);
  const Bytes grad = make_storage(2 * n, dtype, 1.0f, 3), keyframes = make_storage(3 * n, dtype, 1.0f, 4);
  std::vector<float> grad_kl((size_t)noise.rows, 0.25f), t = {0.0f, 0.3f, 1.0f, 1.7f, 2.0f};
  Bytes result;
  auto append = [&](const void* p, size_t bytes) {
    const size_t at = result.size();
    result.resize(at + (bytes + 1) / 2);
    if (bytes) memcpy(&result[at], p, bytes);
  };
  const size_t bytes = (size_t)n * (dtype == GDL_FLOAT32 ? 4 : 2);
  Bytes a((size_t)(2 * n + 2)), b((size_t)(2 * n + 2)), path((size_t)(10 * n + 2));
  std::vector<float> kl((size_t)noise.rows), grad_t(5), kept((size_t)n);

  const gdl_randn_args randn = {noise, dtype, a.data()};
  CHECK(gdl_cpu_randn(&randn, parallel_for) == GDL_OK, "randn");
  append(a.data(), bytes);
  CHECK(gdl_cpu_uniform(&randn, parallel_for) == GDL_OK, "uniform");
  append(a.data(), bytes);
  std::vector<int64_t> row_keys;
  for (int64_t r = 0; r < 2 * noise.rows; ++r) row_keys.push_back((int64_t)((uint64_t)r * 0x9E3779B97F4A7C15ull));
  gdl_noise of_rows = noise;
  of_rows.row_keys = row_keys.data();
  const gdl_randn_args randn_of_rows = {of_rows, dtype, a.data()};
  CHECK(gdl_cpu_randn(&randn_of_rows, parallel_for) == GDL_OK, "randn with row keys");
  append(a.data(), bytes);
  for (float* with_kl : {(float*)nullptr, kl.data()}) {
    const gdl_reparam_forward_args forward = {noise,    dtype,   mean.data(), log_var.data(),
                                              a.data(), with_kl, GDL_KL_ROWS, kept.data()};
    CHECK(gdl_cpu_reparam_forward(&forward, parallel_for) == GDL_OK, "forward");
    append(a.data(), bytes);
  }
  append(kl.data(), kl.size() * 4);
  std::vector<float> of_columns((size_t)noise.cols, 0.25f);
  const gdl_reparam_forward_args columns = {noise,    dtype, mean.data(), log_var.data(), a.data(), of_columns.data(),
                                            GDL_KL_COLUMNS, nullptr};
  CHECK(gdl_cpu_reparam_forward(&columns, parallel_for) == GDL_OK, "forward by columns");
  append(of_columns.data(), of_columns.size() * 4);
  for (int layout = GDL_KL_ROWS; layout <= GDL_KL_COLUMNS; ++layout) {
    if (layout == GDL_KL_SHARED && noise.rows == 0) continue;
    const float* g = layout == GDL_KL_COLUMNS ? of_columns.data() : grad_kl.data();
    gdl_reparam_backward_args backward = {noise,       dtype,          grad.data(), g,        layout, 0.5f,
                                          mean.data(), log_var.data(), a.data(),    b.data(), nullptr};
    CHECK(gdl_cpu_reparam_backward(&backward, parallel_for) == GDL_OK, "backward");
    append(a.data(), bytes);
    append(b.data(), bytes);
    const Bytes drawn_again = b;
    backward.kept_noise = kept.data();
    CHECK(gdl_cpu_reparam_backward(&backward, parallel_for) == GDL_OK, "backward with kept noise");
    CHECK(b == drawn_again, "kept noise is not the noise that is drawn again");
  }
  if (n > 0 && n < 20000) {
    const Bytes grad_out = make_storage(5 * n, dtype, 1.0f, 5);
    for (int line = 0; line < 6; ++line) {
      const gdl_path shape = {3, 5, noise.rows, noise.cols, line % 3, 1, line / 3, 0, 0};
      const gdl_path_forward_args forward = {shape, dtype, keyframes.data(), t.data(), path.data()};
      CHECK(gdl_cpu_path_forward(&forward, parallel_for) == GDL_OK, "path");
      append(path.data(), 5 * bytes);
      const gdl_path_backward_args back = {shape, dtype, grad_out.data(), keyframes.data(), t.data(), path.data(), grad_t.data()};
      CHECK(gdl_cpu_path_backward(&back, parallel_for) == GDL_OK, "path backward");
      append(path.data(), 3 * bytes);
      append(grad_t.data(), 20);
    }
  }
  return result;
}

// Row r of any batch has the noise of the same row drawn alone with offset + r * ceil(cols / 4).
static void check_rows(const gdl_noise& noise) {
  std::vector<float> all((size_t)(noise.rows * noise.cols + 1)), row((size_t)noise.cols + 1);
  const gdl_randn_args together = {noise, GDL_FLOAT32, all.data()};
  gdl_cpu_randn(&together, nullptr);
  for (int64_t r = 0; r < noise.rows; r += 1 + noise.rows / 7) {
    const gdl_noise alone = {1, noise.cols, noise.seed, noise.offset + (uint64_t)(r * ((noise.cols + 3) / 4)), nullptr};
    const gdl_randn_args single = {alone, GDL_FLOAT32, row.data()};
    gdl_cpu_randn(&single, nullptr);
    CHECK(memcmp(row.data(), &all[(size_t)(r * noise.cols)], (size_t)noise.cols * 4) == 0, "row %d of %d columns", (int)r,
          (int)noise.cols);
  }
}

int main() {
  const int64_t shapes[][2] = {{0, 5},   {3, 0},    {1, 1},     {1, 7},     {5, 2},    {700, 3},  {33, 17},   {64, 128},
                               {9, 63},  {9, 65},   {4, 2048},  {3, 2049},  {2, 4097}, {1, 9001}, {4096, 1},  {130, 30},
                               {2, 70000}};
  const uint64_t keys[][2] = {{0, 0}, {0x123456789abcdef0ull, 5}, {7, 0xfffffff8ull}, {~0ull, ~0ull - 3}, {1, 1ull << 40}};
  for (const auto& shape : shapes) {
    for (const auto& key : keys) {
      const gdl_noise noise = {shape[0], shape[1], key[0], key[1], nullptr};
      for (int dtype = GDL_FLOAT32; dtype <= GDL_FLOAT16; ++dtype) {
        gdl_set_isa(GDL_SCALAR);
        const Bytes expected = run_all(noise, dtype, nullptr);
        for (int isa = GDL_SCALAR; gdl_isa_name(isa); ++isa) {
          if (gdl_set_isa(isa) != GDL_OK) continue;
          const bool equal = run_all(noise, dtype, nullptr) == expected, threads = run_all(noise, dtype, three_threads) == expected;
          CHECK(equal, "isa %d, dtype %d, %d x %d", isa, dtype, (int)shape[0], (int)shape[1]);
          CHECK(threads, "threads, isa %d, dtype %d, %d x %d", isa, dtype, (int)shape[0], (int)shape[1]);
        }
      }
      check_rows(noise);
    }
  }
  return finish();
}
