// Reading and writing float32, bfloat16 and float16 in blocks of sixteen, and the small helpers every kernel shares.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

typedef GDL_SIMD S;
typedef S::F F;
typedef S::U U;

enum { kLanes = 16 };

struct Float32 {
  typedef float T;
  enum { kBits = 24 };  // of the significand
  static GDL_INLINE F load(const T* p) { return S::load(p); }
  static GDL_INLINE void store(T* p, F v) { S::store(p, v); }
  static GDL_INLINE void store_streaming(T* p, F v) { S::store_streaming(p, v); }
};
struct BFloat16 {
  typedef uint16_t T;
  enum { kBits = 8 };
  static GDL_INLINE F load(const T* p) { return S::load_bfloat16(p); }
  static GDL_INLINE void store(T* p, F v) { S::store_bfloat16(p, v); }
  static GDL_INLINE void store_streaming(T* p, F v) { S::store_bfloat16(p, v); }
};
struct Float16 {
  typedef uint16_t T;
  enum { kBits = 11 };
  static GDL_INLINE F load(const T* p) { return S::load_float16(p); }
  static GDL_INLINE void store(T* p, F v) { S::store_float16(p, v); }
  static GDL_INLINE void store_streaming(T* p, F v) { S::store_float16(p, v); }
};

// How a block of sixteen elements is moved: whole, whole past the caches, or only its first `count`.
enum Move { kWhole, kStreamed, kPartial };

template <class Storage, Move kMove> GDL_INLINE F load(const typename Storage::T* p, int64_t count) {
  if (kMove != kPartial) return Storage::load(p);
  typename Storage::T block[kLanes] = {};
  memcpy(block, p, (size_t)count * sizeof *p);
  return Storage::load(block);
}

template <class Storage, Move kMove> GDL_INLINE void store(typename Storage::T* p, F v, int64_t count) {
  if (kMove == kWhole) return Storage::store(p, v);
  if (kMove == kStreamed) return Storage::store_streaming(p, v);
  typename Storage::T block[kLanes];
  Storage::store(block, v);
  memcpy(p, block, (size_t)count * sizeof *p);
}

// Calls f with `Move` as a compile-time constant for each block of sixteen in [0, n).
template <class Block> GDL_INLINE void for_each_block(int64_t n, bool streamed, const Block& block) {
  int64_t i = 0;
  if (streamed) {
    for (; i + kLanes <= n; i += kLanes) block.template run<kStreamed>(i, kLanes);
  } else {
    for (; i + kLanes <= n; i += kLanes) block.template run<kWhole>(i, kLanes);
  }
  if (i < n) block.template run<kPartial>(i, n - i);
}

// Storing past the caches pays when the tensor would not stay in them anyway; measured on Zen 4.
const int64_t kStreamingBytes = 8 << 20;

inline bool aligned_for_streaming(const void* p) { return ((uintptr_t)p & 63) == 0; }

// The sum of a row by the contract of all variants: lane k adds elements k, k + 16, ... in order, then halving.
// Reads, but does not use, up to fifteen numbers behind the row.
inline float sum_of(const float* p, int64_t n) {
  static const uint32_t kMask[2 * kLanes] = {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u,
                                             ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u};
  F total = S::set(0.0f);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) total = S::add(total, S::load(p + i));
  if (i < n) {
    const U inside = S::load_u(kMask + kLanes - (n - i));
    total = S::add(total, S::from_bits(S::and_u(S::bits(S::load(p + i)), inside)));
  }
  return S::sum(total);
}

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t at_least_one(int64_t a) { return a > 1 ? a : 1; }
inline int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }

// Pieces worth a thread's start, for tasks that touch `elements` numbers each.
inline int64_t grain_for(int64_t elements) { return at_least_one(16384 / at_least_one(elements)); }

inline void serial_for(int64_t begin, int64_t end, int64_t, gdl_body body, void* context) {
  body(begin, end, context);
}

// Calls `task(index)` for every index in [0, count).
template <class Task> void parallel_tasks(gdl_parallel_for parallel_for, int64_t count, int64_t grain, Task& task) {
  struct Body {
    static void run(int64_t begin, int64_t end, void* context) {
      Task& t = *static_cast<Task*>(context);
      for (int64_t i = begin; i < end; ++i) t(i);
      S::end_streaming();
    }
  };
  if (count <= 0) return;
  const bool alone = !parallel_for || count <= grain;  // a small call need not ask for threads
  (alone ? serial_for : parallel_for)(0, count, grain, Body::run, &task);
}

// Memory for intermediate results, freed at the end of the scope; null after a failed allocation.
template <class T> struct Scratch {
  T* data;
  explicit Scratch(int64_t count) : data(static_cast<T*>(malloc((size_t)at_least_one(count) * sizeof(T)))) {}
  ~Scratch() { free(data); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
};

// Runs Kernel<Storage>::run for the storage type that `dtype` names.
template <template <class> class Kernel, class Args>
int dispatch_dtype(const Args& args, gdl_parallel_for parallel_for) {
  switch (args.dtype) {
    case GDL_FLOAT32: return Kernel<Float32>::run(args, parallel_for);
    case GDL_BFLOAT16: return Kernel<BFloat16>::run(args, parallel_for);
    case GDL_FLOAT16: return Kernel<Float16>::run(args, parallel_for);
    default: return GDL_BAD_ARGUMENT;
  }
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
