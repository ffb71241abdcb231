// What the CUDA kernels share. Every thread works on "quads": the up to four elements of one row that one Philox
// counter feeds. Quad g, counted over all rows, has the counter offset + g. Indices have 64 bits and all loops stride over
// the grid, so that no size is limited by the grid.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "gdl/api.h"
#include "gdl/math.h"
#include "gdl/simd_scalar.h"

namespace gdl {
namespace cuda {

typedef Math<Scalar> M;

enum { kThreads = 256, kWarp = 32 };
const int64_t kMaxBlocks = 16384;

inline unsigned blocks_for(int64_t items, int64_t items_per_block) {
  const int64_t blocks = (items + items_per_block - 1) / items_per_block;
  return (unsigned)(blocks < 1 ? 1 : blocks < kMaxBlocks ? blocks : kMaxBlocks);
}

__device__ inline int64_t thread_index() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }
__device__ inline int64_t thread_count() { return (int64_t)gridDim.x * blockDim.x; }

// ---- storage: kAligned moves four elements at once and needs rows of whole quads and aligned pointers --------------

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
struct BFloat16Bits {
  enum { kBits = 8 };
  static __device__ float widen(uint16_t h) { return __uint_as_float((uint32_t)h << 16); }
  static __device__ uint16_t narrow(float v) { return __bfloat16_as_ushort(__float2bfloat16_rn(v)); }
};
struct Float16Bits {
  enum { kBits = 11 };
  static __device__ float widen(uint16_t h) { return __half2float(__ushort_as_half(h)); }
  static __device__ uint16_t narrow(float v) { return __half_as_ushort(__float2half_rn(v)); }
};
typedef TwoBytes<BFloat16Bits> BFloat16;
typedef TwoBytes<Float16Bits> Float16;

// ---- quads ---------------------------------------------------------------------------------------------------------

// Rows of `cols` elements in quads; division happens only where rows matter or are not made of whole quads.
struct Quads {
  int64_t per_row, cols, count;

  Quads(int64_t rows, int64_t columns) : per_row((columns + 3) / 4), cols(columns), count(rows * per_row) {}
  bool whole() const { return cols % 4 == 0; }

  __device__ int64_t row(int64_t quad) const {
    if (count <= 0xFFFFFFFFll) return (int64_t)((uint32_t)quad / (uint32_t)per_row);  // much cheaper
    return quad / per_row;
  }
  template <bool kAligned> __device__ int64_t element(int64_t quad, int& size) const {
    if constexpr (kAligned) {
      size = 4;
      return 4 * quad;
    } else {
      const int64_t r = row(quad), col = 4 * (quad - r * per_row);
      size = (int)(cols - col < 4 ? cols - col : 4);
      return r * cols + col;
    }
  }
};

template <class Storage, bool kAligned>
__device__ void load_quad(const typename Storage::T* p, int size, float (&v)[4]) {
  if constexpr (kAligned) {
    Storage::load4(p, v);
  } else {
#pragma unroll
    for (int j = 0; j < 4; ++j) v[j] = j < size ? Storage::load(p + j) : 0.0f;
  }
}

template <class Storage, bool kAligned>
__device__ void store_quad(typename Storage::T* p, int size, const float (&v)[4]) {
  if constexpr (kAligned) {
    Storage::store4(p, v);
  } else {
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      if (j < size) Storage::store(p + j, v[j]);
    }
  }
}

// True if a quad at p can be moved at once; a null pointer is never moved.
template <class Storage> bool aligned(const void* p) {
  return reinterpret_cast<uintptr_t>(p) % (4 * sizeof(typename Storage::T)) == 0;
}

// ---- noise ---------------------------------------------------------------------------------------------------------

struct Key {
  uint64_t seed, offset;
  const int64_t* on_device;  // read by the kernel: a captured graph draws anew when the words have changed
  const int64_t* of_rows;    // (seed, offset) of each row, or null
};

inline Key make_key(const gdl_noise& noise, const gdl_cuda_call& call) {
  const Key key = {noise.seed, noise.offset, call.device_key, noise.row_keys};
  return key;
}

struct Generator {
  uint64_t offset;
  uint32_t keys[kPhiloxKeyWords];
  const int64_t* row_keys;

  __device__ explicit Generator(const Key& key) : row_keys(key.of_rows) {
    offset = key.on_device ? (uint64_t)key.on_device[1] : key.offset;
    philox_keys(key.on_device ? (uint64_t)key.on_device[0] : key.seed, keys);
  }
  // Calls draw(low, high, keys) with the counter of a quad.
  template <class Draw> __device__ void with_counter(const Quads& quads, int64_t quad, Draw draw) const {
    if (row_keys) {
      const int64_t row = quads.row(quad);
      uint32_t own_keys[kPhiloxKeyWords];
      philox_keys((uint64_t)row_keys[2 * row], own_keys);
      const uint64_t counter = (uint64_t)row_keys[2 * row + 1] + (uint64_t)(quad - row * quads.per_row);
      draw((uint32_t)counter, (uint32_t)(counter >> 32), own_keys);
    } else {
      const uint64_t counter = offset + (uint64_t)quad;
      draw((uint32_t)counter, (uint32_t)(counter >> 32), keys);
    }
  }
  __device__ void operator()(const Quads& quads, int64_t quad, float (&normals)[4]) const {
    with_counter(quads, quad, [&](uint32_t low, uint32_t high, const uint32_t* k) { M::normals(low, high, k, normals); });
  }
  template <int kBits> __device__ void uniform(const Quads& quads, int64_t quad, float (&numbers)[4]) const {
    with_counter(quads, quad,
                 [&](uint32_t low, uint32_t high, const uint32_t* k) { M::units<kBits>(low, high, k, numbers); });
  }
};

// ---- sums over a group of threads: one thread, a warp or a block ---------------------------------------------------

// The sum over the group, valid in its first thread. Shared memory of the block is reused: call it once per barrier.
template <int kGroup> __device__ float group_sum(float v) {
  if constexpr (kGroup > 1) {
    for (int step = kWarp / 2; step; step >>= 1) v += __shfl_down_sync(0xFFFFFFFFu, v, step);
  }
  if constexpr (kGroup > kWarp) {
    __shared__ float warps[kThreads / kWarp];
    __syncthreads();
    if (threadIdx.x % kWarp == 0) warps[threadIdx.x / kWarp] = v;
    __syncthreads();
    v = 0.0f;
    if (threadIdx.x == 0) {
      for (int w = 0; w < kThreads / kWarp; ++w) v += warps[w];
    }
  }
  return v;
}

// ---- host ----------------------------------------------------------------------------------------------------------

inline cudaStream_t stream_of(const gdl_cuda_call& call) { return static_cast<cudaStream_t>(call.stream); }

inline int launched() { return (int)cudaGetLastError(); }

template <template <class> class Kernel, class Args, class... More> int dispatch_dtype(const Args& args, More... more) {
  switch (args.dtype) {
    case GDL_FLOAT32: return Kernel<Float32>::run(args, more...);
    case GDL_BFLOAT16: return Kernel<BFloat16>::run(args, more...);
    case GDL_FLOAT16: return Kernel<Float16>::run(args, more...);
    default: return GDL_BAD_ARGUMENT;
  }
}

}  // namespace cuda
}  // namespace gdl
