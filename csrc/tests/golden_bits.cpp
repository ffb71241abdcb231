// The bits of noise, z, KL, gradients and paths, as one number: the same on every processor, x86 or ARM.
#include <stdint.h>
#include <string.h>

#include <vector>

#include "check.h"
#include "gdl/api.h"

enum { kRows = 9, kCols = 2051, kCount = 3, kSteps = 7 };

// FNV-1a
static uint64_t digest(uint64_t hash, const void* data, size_t bytes) {
  const unsigned char* p = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < bytes; ++i) hash = (hash ^ p[i]) * 0x100000001b3ull;
  return hash;
}

// A tensor of rows * kCols numbers of the storage type.
struct Storage {
  std::vector<uint16_t> data;
  int dtype;
  Storage(int64_t rows, int dtype) : data((size_t)(rows * kCols) * (dtype == GDL_FLOAT32 ? 2 : 1)), dtype(dtype) {}
  uint64_t add_to(uint64_t hash) const { return digest(hash, data.data(), data.size() * sizeof data[0]); }
};

static Storage draw(int64_t rows, int dtype, uint64_t seed) {
  Storage out(rows, dtype);
  const gdl_randn_args args = {{rows, kCols, seed, 0xfffffff0u, nullptr}, dtype, out.data.data()};
  CHECK(gdl_cpu_randn(&args, nullptr) == GDL_OK, "randn");
  return out;
}

static uint64_t noise_and_reparam(uint64_t hash, int dtype) {
  const gdl_noise noise = {kRows, kCols, 99, 1ull << 40, nullptr};
  const Storage mean = draw(kRows, dtype, 1), log_var = draw(kRows, dtype, 2), grad_z = draw(kRows, dtype, 3);
  Storage z(kRows, dtype), grad_mean(kRows, dtype), grad_log_var(kRows, dtype);
  float kl[kRows], grad_kl[kRows];
  for (float& g : grad_kl) g = 0.75f;
  const gdl_reparam_forward_args forward = {noise, dtype, mean.data.data(), log_var.data.data(), z.data.data(),
                                            kl,    GDL_KL_ROWS, nullptr};
  const gdl_reparam_backward_args backward = {noise, dtype, grad_z.data.data(), grad_kl, 0, 0.5f, mean.data.data(),
                                              log_var.data.data(), grad_mean.data.data(), grad_log_var.data.data(), nullptr};
  CHECK(gdl_cpu_reparam_forward(&forward, nullptr) == GDL_OK, "forward");
  CHECK(gdl_cpu_reparam_backward(&backward, nullptr) == GDL_OK, "backward");
  hash = digest(mean.add_to(hash), kl, sizeof kl);
  return grad_log_var.add_to(grad_mean.add_to(z.add_to(hash)));
}

static uint64_t path(uint64_t hash, int dtype) {
  const gdl_path shape = {kCount, kSteps, kRows, kCols, GDL_SLERP, 1, 0, 0, 0};
  const float t[kSteps] = {-0.25f, 0.0f, 0.3f, 1.0f, 1.7f, 2.0f, 2.5f};
  const Storage keyframes = draw(kCount * kRows, dtype, 4), grad_out = draw(kSteps * kRows, dtype, 5);
  Storage out(kSteps * kRows, dtype), grad_keyframes(kCount * kRows, dtype);
  float grad_t[kSteps];
  const gdl_path_forward_args forward = {shape, dtype, keyframes.data.data(), t, out.data.data()};
  const gdl_path_backward_args backward = {shape, dtype,  grad_out.data.data(), keyframes.data.data(), t,
                                           grad_keyframes.data.data(), grad_t};
  CHECK(gdl_cpu_path_forward(&forward, nullptr) == GDL_OK, "path");
  CHECK(gdl_cpu_path_backward(&backward, nullptr) == GDL_OK, "path backward");
  return digest(grad_keyframes.add_to(out.add_to(hash)), grad_t, sizeof grad_t);
}

int main() {
  const uint64_t kExpected = 0x43f4c375605507fbull;  // changed noise is a new RNG_VERSION
  for (int isa = GDL_SCALAR; gdl_isa_name(isa); ++isa) {
    if (gdl_set_isa(isa) != GDL_OK) continue;
    uint64_t hash = 0xcbf29ce484222325ull;
    for (int dtype = GDL_FLOAT32; dtype <= GDL_FLOAT16; ++dtype) hash = path(noise_and_reparam(hash, dtype), dtype);
    printf("%s: %016llx\n", gdl_isa_name(isa), (unsigned long long)hash);
    CHECK(hash == kExpected, "%s: %016llx", gdl_isa_name(isa), (unsigned long long)hash);
  }
  return finish();
}
