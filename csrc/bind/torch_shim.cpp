#include "torch_shim.h"

#include <dlfcn.h>

#include <stdexcept>
#include <vector>

namespace gdl {
namespace shim {

namespace {
Functions loaded = {};
}

const Functions& functions() { return loaded; }

void* open_library(const std::string& path, bool must_be_loaded) {
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | (must_be_loaded ? RTLD_NOLOAD : 0));
  if (!library) {
    const char* reason = dlerror();
    throw std::runtime_error(path + (reason ? std::string(": ") + reason : std::string(" is not loaded")));
  }
  return library;
}

void* find_symbol(void* library, const char* name) {
  void* symbol = dlsym(library, name);
  if (!symbol) throw std::runtime_error(std::string("the library lacks the function ") + name);
  return symbol;
}

void load(const std::string& libtorch_cpu) {
  void* library = open_library(libtorch_cpu, true);
#define GDL_LOAD(name, ...) \
  loaded.name = reinterpret_cast<Functions::name##_type*>(find_symbol(library, #name));
  GDL_SHIM_FUNCTIONS(GDL_LOAD)
}

void load_cuda(const std::string& libtorch_cuda) {
  void* library = open_library(libtorch_cuda, true);
  GDL_SHIM_CUDA_FUNCTIONS(GDL_LOAD)
#undef GDL_LOAD
}

void check(Error error, const char* what) {
  if (error) throw std::runtime_error(std::string("gdl: torch failed in ") + what);
}

void require(bool condition, const char* message) {
  if (!condition) throw std::runtime_error(message);
}

#define GDL_CALL(name, ...) check(loaded.name(__VA_ARGS__), #name)

Tensor::~Tensor() {
  if (handle_) loaded.aoti_torch_delete_tensor_object(handle_);
}

Tensor Tensor::empty(const int64_t* sizes, int64_t dim, int32_t dtype, const Tensor& device_of) {
  int64_t few[8];
  std::vector<int64_t> many(dim > 8 ? static_cast<size_t>(dim) : 0);
  int64_t* strides = dim > 8 ? many.data() : few;
  int64_t stride = 1;
  for (int64_t i = dim - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= sizes[i] > 1 ? sizes[i] : 1;
  }
  Tensor result;
  GDL_CALL(aoti_torch_empty_strided, dim, sizes, strides, dtype, device_of.device_type(), device_of.device_index(),
           &result.handle_);
  return result;
}

Tensor Tensor::contiguous() && {
  bool already = false;
  GDL_CALL(aoti_torch_is_contiguous, handle_, &already);
  if (already) return std::move(*this);
  Tensor copy = empty(sizes(), dim(), dtype(), *this);
  GDL_CALL(aoti_torch_copy_, copy.handle_, handle_, 0);
  return copy;
}

int64_t Tensor::dim() const {
  if (dim_ < 0) GDL_CALL(aoti_torch_get_dim, handle_, &dim_);
  return dim_;
}

const int64_t* Tensor::sizes() const {
  if (!sizes_) {
    int64_t* sizes = nullptr;
    GDL_CALL(aoti_torch_get_sizes, handle_, &sizes);
    sizes_ = sizes;
  }
  return sizes_;
}

int64_t Tensor::numel() const {
  int64_t n = 1;
  for (int64_t i = 0; i < dim(); ++i) n *= size(i);
  return n;
}

int32_t Tensor::dtype() const {
  int32_t dtype = 0;
  GDL_CALL(aoti_torch_get_dtype, handle_, &dtype);
  return dtype;
}

int32_t Tensor::device_type() const {
  int32_t type = 0;
  GDL_CALL(aoti_torch_get_device_type, handle_, &type);
  return type;
}

int32_t Tensor::device_index() const {
  int32_t index = 0;
  GDL_CALL(aoti_torch_get_device_index, handle_, &index);
  return index;
}

bool Tensor::on_cpu() const { return device_type() == loaded.aoti_torch_device_type_cpu(); }

bool Tensor::same_shape(const Tensor& other) const {
  if (dim() != other.dim()) return false;
  for (int64_t i = 0; i < dim(); ++i) {
    if (size(i) != other.size(i)) return false;
  }
  return true;
}

const void* Tensor::data() const {
  const void* p = nullptr;
  GDL_CALL(torch_get_const_data_ptr, handle_, &p);
  return p;
}

void* Tensor::mutable_data() const {
  void* p = nullptr;
  GDL_CALL(torch_get_mutable_data_ptr, handle_, &p);
  return p;
}

StableIValue Tensor::release() { return reinterpret_cast<StableIValue>(std::exchange(handle_, nullptr)); }

DeviceGuard::DeviceGuard(const Tensor& tensor) : handle_(nullptr) {
  GDL_CALL(aoti_torch_create_device_guard, tensor.device_index(), &handle_);
}

DeviceGuard::~DeviceGuard() { loaded.aoti_torch_delete_device_guard(handle_); }

}  // namespace shim
}  // namespace gdl
