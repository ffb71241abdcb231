// Runs an operation on the CPU, and twice through the CUDA code in emulation, with blocks and threads in order and from the
// last to the first; compares the results. Arrays end where their memory ends, so that AddressSanitizer sees whoever
// reads or writes behind one.
#pragma once
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <random>
#include <vector>

#include "check.h"
#include "cuda_driver.h"
#include "gdl/api.h"
#include "gdl/half.h"

inline int64_t bytes_of(int dtype) { return dtype == GDL_FLOAT32 ? 4 : 2; }

// `n` numbers of a dtype, one number off the alignment of the memory if `shifted`.
class Array {
 public:
  Array(int64_t n, int dtype, bool shifted = false) : n_(n), dtype_(dtype), shift_(shifted ? bytes_of(dtype) : 0) {
    memory_ = static_cast<char*>(malloc(static_cast<size_t>(bytes() + shift_)));
    memset(memory_, 0x5A, static_cast<size_t>(bytes() + shift_));
  }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  ~Array() { free(memory_); }

  void* data() { return memory_ + shift_; }
  const void* data() const { return memory_ + shift_; }
  float* floats() { return static_cast<float*>(data()); }
  int64_t size() const { return n_; }
  int dtype() const { return dtype_; }
  int64_t bytes() const { return n_ * bytes_of(dtype_); }
  float get(int64_t i) const {
    const char* at = static_cast<const char*>(data()) + i * bytes_of(dtype_);
    float value;
    uint16_t half;
    memcpy(&half, at, 2);
    if (dtype_ == GDL_FLOAT32) return memcpy(&value, at, 4), value;
    return dtype_ == GDL_BFLOAT16 ? gdl::bfloat16_to_float(half) : gdl::float16_to_float(half);
  }
  void set(int64_t i, float value) {
    char* at = static_cast<char*>(data()) + i * bytes_of(dtype_);
    const uint16_t half = dtype_ == GDL_BFLOAT16 ? gdl::float_to_bfloat16(value) : gdl::float_to_float16(value);
    memcpy(at, dtype_ == GDL_FLOAT32 ? static_cast<const void*>(&value) : &half, static_cast<size_t>(bytes_of(dtype_)));
  }

 private:
  int64_t n_;
  int dtype_;
  int64_t shift_;
  char* memory_;
};

// Normal numbers with zeros and large ones among them.
struct Normals : Array {
  Normals(int64_t n, int dtype, unsigned seed, bool shifted = false, float scale = 1.0f) : Array(n, dtype, shifted) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal(0.0f, scale);
    for (int64_t i = 0; i < n; ++i) set(i, i % 13 == 12 ? 0.0f : i % 29 == 28 ? 25.0f * normal(random) : normal(random));
  }
};

// A result, and how far from the CPU's it may be: 0 for the same bits, else multiples of the dtype's precision.
struct Result {
  int64_t n;
  int dtype;
  float tolerance;
  bool shifted;
};

enum Where { kCpu, kCuda };
typedef std::vector<Array*> Results;

inline bool is_close(const Array& a, const Array& b, float tolerance) {
  if (tolerance == 0.0f) return memcmp(a.data(), b.data(), static_cast<size_t>(a.bytes())) == 0;
  const float precision = a.dtype() == GDL_FLOAT32 ? 1e-6f : a.dtype() == GDL_BFLOAT16 ? 8e-3f : 1e-3f;
  for (int64_t i = 0; i < a.size(); ++i) {
    const float x = a.get(i), y = b.get(i);
    if (x != y && !(fabsf(x - y) <= tolerance * precision * (1.0f + fabsf(y))) && !(isnan(x) && isnan(y))) return false;
  }
  return true;
}

// `run(where, results)` gives a status, which must be the same everywhere.
template <class Run> void compare(const char* what, const std::vector<Result>& wanted, const Run& run) {
  std::vector<Array*> all[3];
  int status[3];
  for (int turn = 0; turn < 3; ++turn) {
    for (const Result& r : wanted) all[turn].push_back(new Array(r.n, r.dtype, r.shifted));
    fake_driver::reverse(turn == 2);
    status[turn] = run(turn == 0 ? kCpu : kCuda, all[turn]);
  }
  fake_driver::reverse(false);
  CHECK(status[0] == GDL_OK && status[1] == GDL_OK && status[2] == GDL_OK, "%s: %d %d %d", what, status[0], status[1], status[2]);
  for (size_t i = 0; i < wanted.size(); ++i) {
    CHECK(is_close(*all[1][i], *all[0][i], wanted[i].tolerance), "%s: result %d is not that of the CPU", what, (int)i);
    CHECK(is_close(*all[2][i], *all[1][i], 0.0f), "%s: result %d depends on the order of threads", what, (int)i);
    for (const std::vector<Array*>& results : all) delete results[i];
  }
}

// name(where, args) runs an operation; on CUDA with scratch memory of exactly the size that it asks for.
#define GDL_RUN(name)                                                                                      \
  inline int name(Where where, const gdl_##name##_args& args, const int64_t* device_key = nullptr) {       \
    if (where == kCpu) return gdl_cpu_##name(&args, nullptr);                                              \
    const size_t bytes = static_cast<size_t>(gdl_cuda_##name##_scratch(&args));                            \
    void* scratch = malloc(bytes);                                                                         \
    memset(scratch, 0x5A, bytes);                                                                          \
    const gdl_cuda_call call = {device_key, scratch, nullptr, 0};                                          \
    const int status = gdl_cuda_##name(&args, &call);                                                      \
    free(scratch);                                                                                         \
    return status;                                                                                         \
  }
namespace run {
GDL_OPERATIONS(GDL_RUN)
}

void check_noise();
void check_paths();
void check_mixtures();
void check_layers();
