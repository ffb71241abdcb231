// Questions about the CUDA runtime.
#include "common.cuh"

int gdl_cuda_device_count(void) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  return error == cudaSuccess ? count : -(int)error;
}

const char* gdl_cuda_error_string(int error) { return cudaGetErrorString((cudaError_t)error); }
