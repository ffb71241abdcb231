// The part of torch's stable C interface (torch >= 2.10) that the ops use, found by dlsym in the libtorch_cpu that the
// Python process has already loaded. So the build needs no torch, and one binary serves many torch versions.
// csrc/tests/shim_conformance.cpp compares these declarations with torch's own headers.
#pragma once
#include <stdint.h>

#include <string>
#include <utility>

// torch's opaque types, by its names
struct AtenTensorOpaque;
struct TorchLibraryOpaque;
struct DeviceGuardOpaque;

namespace gdl {
namespace shim {

typedef int32_t Error;         // 0 is success
typedef uint64_t StableIValue;  // one slot of a boxed kernel's stack: tensor handle, integer or bool
typedef AtenTensorOpaque* TensorHandle;
typedef TorchLibraryOpaque* LibraryHandle;
typedef DeviceGuardOpaque* DeviceGuardHandle;
typedef void BoxedKernel(StableIValue* stack, uint64_t inputs, uint64_t outputs);
typedef void ParallelBody(int64_t begin, int64_t end, void* context);

// X(name, type of the function)
#define GDL_SHIM_FUNCTIONS(X)                                                                          \
  X(aoti_torch_library_init_fragment, Error(const char*, const char*, uint32_t, LibraryHandle*))       \
  X(aoti_torch_library_init_impl, Error(const char*, const char*, const char*, uint32_t, LibraryHandle*)) \
  X(aoti_torch_library_def, Error(LibraryHandle, const char*))                                         \
  X(torch_library_impl, Error(LibraryHandle, const char*, BoxedKernel*, uint64_t))                     \
  X(torch_parallel_for, Error(int64_t, int64_t, int64_t, ParallelBody*, void*))                        \
  X(torch_get_const_data_ptr, Error(TensorHandle, const void**))                                       \
  X(torch_get_mutable_data_ptr, Error(TensorHandle, void**))                                           \
  X(aoti_torch_get_sizes, Error(TensorHandle, int64_t**))                                              \
  X(aoti_torch_get_dim, Error(TensorHandle, int64_t*))                                                 \
  X(aoti_torch_get_dtype, Error(TensorHandle, int32_t*))                                               \
  X(aoti_torch_get_device_type, Error(TensorHandle, int32_t*))                                         \
  X(aoti_torch_get_device_index, Error(TensorHandle, int32_t*))                                        \
  X(aoti_torch_is_contiguous, Error(TensorHandle, bool*))                                              \
  X(aoti_torch_empty_strided,                                                                          \
    Error(int64_t, const int64_t*, const int64_t*, int32_t, int32_t, int32_t, TensorHandle*))          \
  X(aoti_torch_copy_, Error(TensorHandle, TensorHandle, int32_t))                                      \
  X(aoti_torch_delete_tensor_object, Error(TensorHandle))                                              \
  X(aoti_torch_create_device_guard, Error(int32_t, DeviceGuardHandle*))                                \
  X(aoti_torch_delete_device_guard, Error(DeviceGuardHandle))                                          \
  X(aoti_torch_dtype_float32, int32_t())                                                               \
  X(aoti_torch_dtype_bfloat16, int32_t())                                                              \
  X(aoti_torch_dtype_float16, int32_t())                                                               \
  X(aoti_torch_dtype_int64, int32_t())                                                                 \
  X(aoti_torch_device_type_cpu, int32_t())

// Only in torch builds with CUDA, in libtorch_cuda.
#define GDL_SHIM_CUDA_FUNCTIONS(X) X(aoti_torch_get_current_cuda_stream, Error(int32_t, void**))

struct Functions {
#define GDL_MEMBER(name, ...) \
  using name##_type = __VA_ARGS__; \
  name##_type* name;
  GDL_SHIM_FUNCTIONS(GDL_MEMBER)
  GDL_SHIM_CUDA_FUNCTIONS(GDL_MEMBER)
#undef GDL_MEMBER
};

// The version of the boxed calling convention the kernels are written for: torch 2.10.
const uint64_t kAbiVersion = (2ull << 56) | (10ull << 48);

const Functions& functions();

// Throw std::runtime_error that names the missing library or function.
void load(const std::string& libtorch_cpu);
void load_cuda(const std::string& libtorch_cuda);

void* open_library(const std::string& path, bool must_be_loaded);
void* find_symbol(void* library, const char* name);

void check(Error error, const char* what);
void require(bool condition, const char* message);

// An owned tensor.
class Tensor {
 public:
  explicit Tensor(StableIValue value) : handle_(reinterpret_cast<TensorHandle>(value)) {}
  Tensor(Tensor&& other) noexcept
      : handle_(std::exchange(other.handle_, nullptr)), sizes_(other.sizes_), dim_(other.dim_) {}
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;
  Tensor& operator=(Tensor&&) = delete;
  ~Tensor();

  static Tensor empty(const int64_t* sizes, int64_t dim, int32_t dtype, const Tensor& device_of);
  Tensor contiguous() &&;

  int64_t dim() const;  // asked of torch once, as are the sizes: no op changes the shape of a tensor
  const int64_t* sizes() const;
  int64_t size(int64_t i) const { return sizes()[i]; }
  int64_t numel() const;
  int32_t dtype() const;
  int32_t device_type() const;
  int32_t device_index() const;
  bool on_cpu() const;
  bool same_shape(const Tensor& other) const;
  const void* data() const;
  void* mutable_data() const;
  StableIValue release();

 private:
  Tensor() : handle_(nullptr) {}
  TensorHandle handle_;
  mutable const int64_t* sizes_ = nullptr;
  mutable int64_t dim_ = -1;
};

// Makes the tensor's device the current one.
class DeviceGuard {
 public:
  explicit DeviceGuard(const Tensor& tensor);
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;
  ~DeviceGuard();

 private:
  DeviceGuardHandle handle_;
};

}  // namespace shim
}  // namespace gdl
