// What device code and host code of CUDA share: parameters of kernels, and the lists of their names. A kernel takes one
// struct. The lists in NAME.h say X(kernel, variant, Parameters, template arguments...) for the entry point
// gdl_KERNEL_VARIANT, whose device code is kernel<template arguments>(parameters). Compiled by nvcc, NVRTC and C++ compilers.
#pragma once
#include "gdl/api.h"
#include "gdl/platform.h"

namespace gdl {
namespace cuda {

enum { kThreads = 256, kWarp = 32 };  // threads of every block, and of a warp

// The variants of a kernel lie in its list by option first, then by gdl_dtype.
#define GDL_TYPES(X, kernel, Parameters) \
  X(kernel, f32, Parameters, Float32) X(kernel, bf16, Parameters, BFloat16) X(kernel, f16, Parameters, Float16)
#define GDL_TYPES_WITH(X, kernel, Parameters, option, ...)                                                        \
  X(kernel, f32_##option, Parameters, Float32, __VA_ARGS__) X(kernel, bf16_##option, Parameters, BFloat16, __VA_ARGS__) \
  X(kernel, f16_##option, Parameters, Float16, __VA_ARGS__)
// `whole` moves four elements at once and needs rows of whole quads and aligned pointers.
#define GDL_TYPES_AND_SHAPES(X, kernel, Parameters) \
  GDL_TYPES_WITH(X, kernel, Parameters, parts, false) GDL_TYPES_WITH(X, kernel, Parameters, whole, true)

// Quotient of numbers that are not negative; in 32 bits where they allow it, which is much cheaper on a GPU.
GDL_INLINE int64_t quotient(int64_t a, int64_t b) {
  if (((uint64_t)a | (uint64_t)b) >> 32 == 0) return (int64_t)((uint32_t)a / (uint32_t)b);
  return a / b;
}

// Rows of `cols` elements in "quads": the up to four elements of one row that one Philox counter feeds. Quad g, counted
// over all rows, has the counter offset + g. Division happens only where rows matter or are not made of whole quads.
struct Quads {
  int64_t per_row, cols, count;

  GDL_INLINE bool whole() const { return cols % 4 == 0; }
  GDL_INLINE int64_t row(int64_t quad) const { return quotient(quad, per_row); }
  template <bool kWhole> GDL_INLINE int64_t element(int64_t quad, int& size) const {
    if (kWhole) {
      size = 4;
      return 4 * quad;
    }
    const int64_t r = row(quad), col = 4 * (quad - r * per_row);
    size = (int)(cols - col < 4 ? cols - col : 4);
    return r * cols + col;
  }
};

GDL_INLINE Quads make_quads(int64_t rows, int64_t cols) {
  const int64_t per_row = (cols + 3) / 4;
  const Quads quads = {per_row, cols, rows * per_row};
  return quads;
}

struct Key {
  uint64_t seed, offset;
  const int64_t* on_device;  // read by the kernel: a captured graph draws anew when the words have changed
  const int64_t* of_rows;    // (seed, offset) of each row, or null
};

}  // namespace cuda
}  // namespace gdl
