// Function qualifiers and fixed-width integers for every compiler the headers meet: gcc, clang, nvcc and NVRTC.
#pragma once

#if defined(__CUDACC_RTC__)
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef long long int64_t;
typedef unsigned long long uint64_t;
#else
#include <math.h>
#include <stdint.h>
#include <string.h>
#endif

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define GDL_INLINE __host__ __device__ __forceinline__
#else
#define GDL_INLINE inline __attribute__((always_inline))
#endif
