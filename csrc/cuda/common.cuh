// What the device code of all families shares. Indices have 64 bits and all loops stride over the grid, so that no size is
// limited by the grid.
#pragma once
#include "gdl/half.h"
#include "gdl/math.h"
#include "kernels.h"

#define GDL_DEFINE_KERNEL(kernel, variant, Parameters, ...)                                                            \
  extern "C" __global__ void __launch_bounds__(kThreads) gdl_##kernel##_##variant(const __grid_constant__ Parameters p) { \
    kernel<__VA_ARGS__>(p);                                                                                            \
  }

namespace gdl {
namespace cuda {

typedef Math<Scalar> M;

__device__ inline int64_t thread_index() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline int64_t thread_count() { return (int64_t)gridDim.x * blockDim.x; }
__device__ inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// ---- storage ---------------------------------------------------------------------------------------------------------

struct Float32 {
  typedef float T;
  enum { kBits = 24 };  // of the significand
  static __device__ float load(const T* p) { return *p; }
  static __device__ void store(T* p, float v) { *p = v; }
  static __device__ void load4(const T* p, float (&v)[4]) {
    const float4 x = *reinterpret_cast<const float4*>(p);
    v[0] = x.x, v[1] = x.y, v[2] = x.z, v[3] = x.w;
  }
  static __device__ void store4(T* p, const float (&v)[4]) {
    __stcs(reinterpret_cast<float4*>(p), make_float4(v[0], v[1], v[2], v[3]));
  }
};

template <class Half> struct TwoBytes {
  typedef uint16_t T;
  enum { kBits = Half::kBits };
  static __device__ float load(const T* p) { return Half::widen(*p); }
  static __device__ void store(T* p, float v) { *p = Half::narrow(v); }
  static __device__ void load4(const T* p, float (&v)[4]) {
    const uint2 x = *reinterpret_cast<const uint2*>(p);
    v[0] = Half::widen((uint16_t)x.x), v[1] = Half::widen((uint16_t)(x.x >> 16));
    v[2] = Half::widen((uint16_t)x.y), v[3] = Half::widen((uint16_t)(x.y >> 16));
  }
  static __device__ void store4(T* p, const float (&v)[4]) {
    const uint32_t low = Half::narrow(v[0]) | (uint32_t)Half::narrow(v[1]) << 16;
    const uint32_t high = Half::narrow(v[2]) | (uint32_t)Half::narrow(v[3]) << 16;
    __stcs(reinterpret_cast<uint2*>(p), make_uint2(low, high));
  }
};

// The instructions make every NaN 0x7FFF, where half.h keeps what is left of it; but a GPU's arithmetic knows one NaN only,
// and of that one half.h makes 0x7FFF too.
struct BFloat16Bits {
  enum { kBits = 8 };
  static __device__ float widen(uint16_t h) { return bfloat16_to_float(h); }
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  static __device__ uint16_t narrow(float v) {
    uint16_t h;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(h) : "f"(v));
    return h;
  }
#else
  static __device__ uint16_t narrow(float v) { return float_to_bfloat16(v); }
#endif
};
struct Float16Bits {
  enum { kBits = 11 };
#if defined(__CUDA_ARCH__)
  static __device__ float widen(uint16_t h) {
    float v;
    asm("cvt.f32.f16 %0, %1;" : "=f"(v) : "h"(h));
    return v;
  }
  static __device__ uint16_t narrow(float v) {
    uint16_t h;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(h) : "f"(v));
    return h;
  }
#else
  static __device__ float widen(uint16_t h) { return float16_to_float(h); }
  static __device__ uint16_t narrow(float v) { return float_to_float16(v); }
#endif
};
typedef TwoBytes<BFloat16Bits> BFloat16;
typedef TwoBytes<Float16Bits> Float16;

// Element `at` of an array that a kernel's parameters know as void*.
template <class Storage> __device__ const typename Storage::T* element(const void* array, int64_t at = 0) {
  return static_cast<const typename Storage::T*>(array) + at;
}
template <class Storage> __device__ typename Storage::T* element(void* array, int64_t at = 0) {
  return static_cast<typename Storage::T*>(array) + at;
}

template <class Storage, bool kWhole> __device__ void load_quad(const typename Storage::T* p, int size, float (&v)[4]) {
  if constexpr (kWhole) {
    Storage::load4(p, v);
  } else {
#pragma unroll
    for (int j = 0; j < 4; ++j) v[j] = j < size ? Storage::load(p + j) : 0.0f;
  }
}

template <class Storage, bool kWhole> __device__ void store_quad(typename Storage::T* p, int size, const float (&v)[4]) {
  if constexpr (kWhole) {
    Storage::store4(p, v);
  } else {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (j < size) Storage::store(p + j, v[j]);
    }
  }
}

// ---- noise -----------------------------------------------------------------------------------------------------------

// Hides from the compiler where a number comes from, so that what is made of it is made again rather than kept.
__device__ inline uint64_t forgotten(uint64_t v) {
#if defined(__CUDA_ARCH__)
  asm volatile("" : "+l"(v));
#endif
  return v;
}

// The words of a key for Philox's rounds fill twenty registers. Where kKept they are made once. Else they are made for every
// quad: twenty more additions, but more threads find room, which is better where memory is waited for.
template <bool kKept> struct Generator {
  uint64_t seed, offset;
  const int64_t* row_keys;
  uint32_t words[kPhiloxKeyWords];

  __device__ explicit Generator(const Key& key)
      : seed(key.on_device ? (uint64_t)key.on_device[0] : key.seed),
        offset(key.on_device ? (uint64_t)key.on_device[1] : key.offset),
        row_keys(key.of_rows) {
    if (kKept) philox_keys(seed, words);
  }
  // The counter of a quad, for which `words` are then right.
  __device__ uint64_t counter_of(const Quads& quads, int64_t quad) {
    uint64_t counter = offset + (uint64_t)quad;
    if (row_keys) {  // every row has a key of its own
      const int64_t row = quads.row(quad);
      const uint64_t of_row = (uint64_t)row_keys[2 * row];
      counter = (uint64_t)row_keys[2 * row + 1] + (uint64_t)(quad - row * quads.per_row);
      if (kKept) {
        philox_keys(of_row, words);
      } else {
        seed = of_row;
      }
    }
    if (!kKept) philox_keys(forgotten(seed), words);
    return counter;
  }
  __device__ void operator()(const Quads& quads, int64_t quad, float (&normals)[4]) {
    const uint64_t counter = counter_of(quads, quad);
    M::normals((uint32_t)counter, (uint32_t)(counter >> 32), words, normals);
  }
  template <int kBits> __device__ void uniform(const Quads& quads, int64_t quad, float (&numbers)[4]) {
    const uint64_t counter = counter_of(quads, quad);
    M::units<kBits>((uint32_t)counter, (uint32_t)(counter >> 32), words, numbers);
  }
};

// ---- sums over a group of threads: one thread, a warp or a block -----------------------------------------------------

// How many groups lie before a count of threads; a shift, since a division would cost more than the work of short rows.
__device__ inline int64_t groups_in(int64_t threads, int group) {
  return threads >> (group == 1 ? 0 : group == kWarp ? 5 : 8);
}
static_assert(kWarp == 1 << 5 && kThreads == 1 << 8, "groups_in shifts by these");

__device__ inline float warp_sum(float v) {
  for (int step = kWarp / 2; step; step >>= 1) v += __shfl_down_sync(0xFFFFFFFFu, v, step);
  return v;
}

// The sum over the group, valid in its first thread.
__device__ inline float group_sum(float v, int group) {
  if (group == 1) return v;
  v = warp_sum(v);
  if (group == kWarp) return v;
  __shared__ float warps[kThreads / kWarp];
  __syncthreads();  // the sums of an earlier call have been read
  if (threadIdx.x % kWarp == 0) warps[threadIdx.x / kWarp] = v;
  __syncthreads();
  v = 0.0f;
  if (threadIdx.x == 0) {
    for (int w = 0; w < kThreads / kWarp; ++w) v += warps[w];
  }
  return v;
}

}  // namespace cuda
}  // namespace gdl
