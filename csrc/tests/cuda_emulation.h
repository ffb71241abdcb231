// Runs device code of CUDA on the CPU: every thread of a block is a fiber, which goes on until it meets the others. The
// order of blocks and threads can be reversed: code that lacks a barrier then gives something else. Stops the program
// where threads wait for ones that never come.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

#define __device__
#define __global__
#define __grid_constant__
#define __shared__ static
#define __launch_bounds__(threads)

struct float4 {
  alignas(16) float x;
  float y, z, w;
};
struct uint2 {
  alignas(8) uint32_t x;
  uint32_t y;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint2 make_uint2(uint32_t x, uint32_t y) { return {x, y}; }
template <class T> void __stcs(T* p, const T& v) { *p = v; }
inline int __popc(uint32_t v) { return __builtin_popcount(v); }

struct Dim {
  unsigned x;
};
static Dim threadIdx, blockIdx, blockDim, gridDim;

namespace emulation {

enum { kWarp = 32, kMaxThreads = 256, kStack = 1 << 16 };
enum State { kRunning, kAtWarp, kAtBlock, kDone };

// A fiber runs one thread after the other, until one has to wait; then the next fiber takes over.
struct Fiber {
  ucontext_t context;
  std::vector<char> stack;
  void* sanitizer;
};

static bool reversed = false;
static Fiber fibers[kMaxThreads];
static Fiber* fiber_of[kMaxThreads];  // of the threads that have begun
static State states[kMaxThreads];
static ucontext_t scheduler;
static Fiber* running;
static unsigned begun, threads;
static void (*kernel)(void*);
static void* parameters;
static uint64_t slots[2][kMaxThreads];  // what the lanes of warps show one another, in turns
static unsigned turns[kMaxThreads];

[[noreturn]] inline void stop(const char* what) {
  printf("emulation: block %u, thread %u: %s\n", blockIdx.x, threadIdx.x, what);
  exit(3);
}

// The stack that is switched to is told to AddressSanitizer.
inline void begin_switch(void** keep, const void* bottom, size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(keep, bottom, size);
#else
  (void)keep, (void)bottom, (void)size;
#endif
}
static const void* scheduler_bottom;
static size_t scheduler_size;
inline void end_switch(void* kept, bool of_fiber) {
#if defined(__SANITIZE_ADDRESS__)
  const void* bottom;
  size_t size;
  __sanitizer_finish_switch_fiber(kept, &bottom, &size);
  if (of_fiber) scheduler_bottom = bottom, scheduler_size = size;
#else
  (void)kept, (void)of_fiber;
#endif
}

inline void switch_to_scheduler(void** keep) {
  Fiber& me = *running;
  begin_switch(keep, scheduler_bottom, scheduler_size);
  swapcontext(&me.context, &scheduler);
}

inline void wait(State state) {
  const unsigned thread = threadIdx.x;
  Fiber* me = running;
  states[thread] = state;
  switch_to_scheduler(&me->sanitizer);
  end_switch(me->sanitizer, true);
  threadIdx.x = thread;
}

inline void run_fiber() {
  end_switch(nullptr, true);
  while (begun < threads) {
    const unsigned thread = reversed ? threads - 1 - begun : begun;
    ++begun;
    threadIdx.x = thread;
    fiber_of[thread] = running;
    states[thread] = kRunning;
    turns[thread] = 0;
    kernel(parameters);
    states[threadIdx.x] = kDone;
  }
  switch_to_scheduler(nullptr);
}

inline void resume(Fiber& fiber) {
  void* kept = nullptr;
  running = &fiber;
  begin_switch(&kept, fiber.stack.data(), fiber.stack.size());
  swapcontext(&scheduler, &fiber.context);
  end_switch(kept, false);
}

inline void start(Fiber& fiber) {
  if (fiber.stack.empty()) fiber.stack.resize(kStack);
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.data();
  fiber.context.uc_stack.ss_size = fiber.stack.size();
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, run_fiber, 0);
  resume(fiber);
}

// True if all threads of [from, from + count) wait in `state`; then they go on, unless they are done.
inline bool pass(unsigned from, unsigned count, State state) {
  for (unsigned i = from; i < from + count; ++i) {
    if (states[i] != state) return false;
  }
  for (unsigned i = 0; i < count && state != kDone; ++i) {
    const unsigned thread = from + (reversed ? count - 1 - i : i);
    states[thread] = kRunning;
    resume(*fiber_of[thread]);
  }
  return true;
}

inline void run_block() {
  begun = 0;
  for (unsigned next = 0; begun < threads; ++next) start(fibers[next]);
  while (!pass(0, threads, kDone)) {
    bool moved = pass(0, threads, kAtBlock);
    for (unsigned warp = 0; warp < threads; warp += kWarp) moved = pass(warp, kWarp, kAtWarp) || moved;
    if (!moved) stop("some threads wait for others that do not come");
  }
}

// Launches a kernel, given as a function that calls it with the parameters.
inline void launch(void (*function)(void*), unsigned blocks, unsigned size, void* with) {
  if (size > kMaxThreads || size % kWarp != 0) stop("a number of threads that is not emulated");
  threads = size;
  kernel = function;
  parameters = with;
  gridDim.x = blocks;
  blockDim.x = size;
  for (unsigned block = 0; block < blocks; ++block) {
    blockIdx.x = reversed ? blocks - 1 - block : block;
    run_block();
  }
}

// What a lane of the warp shows, after all have shown something.
template <class T> T exchange(T mine, unsigned lane) {
  static_assert(sizeof(T) <= sizeof(uint64_t), "fits a slot");
  const unsigned me = threadIdx.x;
  uint64_t(&turn)[kMaxThreads] = slots[turns[me]++ % 2];
  memcpy(&turn[me], &mine, sizeof mine);
  wait(kAtWarp);
  T other;
  memcpy(&other, &turn[me / kWarp * kWarp + lane], sizeof other);
  return other;
}

inline void require_all(uint32_t mask) {
  if (mask != 0xFFFFFFFFu) stop("only whole warps are emulated");
}

}  // namespace emulation

inline void __syncthreads() { emulation::wait(emulation::kAtBlock); }
inline void __syncwarp() { emulation::wait(emulation::kAtWarp); }
template <class T> T __shfl_sync(uint32_t mask, T v, unsigned lane) {
  emulation::require_all(mask);
  return emulation::exchange(v, lane);
}
template <class T> T __shfl_down_sync(uint32_t mask, T v, unsigned step) {
  emulation::require_all(mask);
  const unsigned lane = threadIdx.x % emulation::kWarp;
  return emulation::exchange(v, lane + step < emulation::kWarp ? lane + step : lane);
}
inline uint32_t __ballot_sync(uint32_t mask, bool vote) {
  emulation::require_all(mask);
  uint32_t all = 0;
  for (unsigned lane = 0; lane < emulation::kWarp; ++lane) all |= (uint32_t)emulation::exchange(vote, lane) << lane;
  return all;
}
