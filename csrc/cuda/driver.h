// The part of the CUDA driver's interface that the launches use, found by dlsym in libcuda.so.1, so that the build needs no
// CUDA and one binary runs with and without a GPU. csrc/tests/driver_conformance.cpp compares it with NVIDIA's own cuda.h.
#pragma once
#include <stddef.h>
#include <stdint.h>

// the driver's opaque types, by its names
struct CUctx_st;
struct CUfunc_st;
struct CUkern_st;
struct CUlib_st;
struct CUstream_st;

namespace gdl {
namespace cuda {

typedef int Result;  // CUresult; 0 is success
typedef CUctx_st* Context;
typedef CUfunc_st* Function;
typedef CUkern_st* KernelHandle;
typedef CUlib_st* Library;
typedef CUstream_st* Stream;

constexpr Result kNoBinaryForGpu = 209, kUnsupportedPtx = 222, kNotFound = 500;
constexpr int kRelaxedCapture = 2;

// X(name, type of the function). Enumerations and their arrays are given as int.
#define GDL_DRIVER_FUNCTIONS(X)                                                                                     \
  X(cuInit, Result(unsigned))                                                                                       \
  X(cuDeviceGetCount, Result(int*))                                                                                 \
  X(cuDevicePrimaryCtxRetain, Result(Context*, int))                                                                \
  X(cuCtxGetCurrent, Result(Context*))                                                                              \
  X(cuCtxSetCurrent, Result(Context))                                                                               \
  X(cuCtxGetDevice, Result(int*))                                                                                   \
  X(cuLibraryLoadData, Result(Library*, const void*, int*, void**, unsigned, int*, void**, unsigned))               \
  X(cuLibraryGetKernel, Result(KernelHandle*, Library, const char*))                                                \
  X(cuKernelGetFunction, Result(Function*, KernelHandle))                                                           \
  X(cuThreadExchangeStreamCaptureMode, Result(int*))                                                                \
  X(cuLaunchKernel, Result(Function, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, Stream, \
                           void**, void**))                                                                         \
  X(cuGetErrorString, Result(Result, const char**))

struct Driver {
#define GDL_MEMBER(name, ...) \
  using name##_type = __VA_ARGS__; \
  name##_type* name;
  GDL_DRIVER_FUNCTIONS(GDL_MEMBER)
#undef GDL_MEMBER
};

// The driver, initialized once for the process; null if there is none, and then `why` says so.
const Driver* find_driver(const char** why);

}  // namespace cuda
}  // namespace gdl
