// csrc/cuda/driver.h against NVIDIA's own header: a program that only has to compile.
#include <cuda.h>

#include <type_traits>

#include "driver.h"

namespace {

// driver.h writes enumerations as int.
template <class T> struct Plain { typedef typename std::conditional<std::is_enum<T>::value, int, T>::type type; };
template <class T> struct Plain<T*> { typedef typename Plain<T>::type* type; };
template <class T> struct Plain<const T> { typedef const typename Plain<T>::type type; };
template <class R, class... Args> struct Plain<R(Args...)> { typedef typename Plain<R>::type type(typename Plain<Args>::type...); };

#define GDL_CONFORMS(name, ...)                                                                            \
  static_assert(std::is_same<Plain<decltype(name)>::type, gdl::cuda::Driver::name##_type>::value, #name);
GDL_DRIVER_FUNCTIONS(GDL_CONFORMS)

static_assert(gdl::cuda::kNotFound == CUDA_ERROR_NOT_FOUND && gdl::cuda::kNoBinaryForGpu == CUDA_ERROR_NO_BINARY_FOR_GPU &&
                  gdl::cuda::kUnsupportedPtx == CUDA_ERROR_UNSUPPORTED_PTX_VERSION &&
                  gdl::cuda::kRelaxedCapture == CU_STREAM_CAPTURE_MODE_RELAXED,
              "numbers");

}  // namespace
