// What the families of ops share: CPU and CUDA behind one interface, and the checks of arguments.
#pragma once
#include <string.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "gdl/api.h"
#include "torch_shim.h"

namespace gdl {

using shim::require;
using shim::StableIValue;
using shim::Tensor;

// An op as the dispatcher gets it. gdl_core/kernels/schemas.py has the same schemas.
struct Op {
  const char* schema;
  shim::BoxedKernel *cpu, *cuda;  // null where there is none
};
#define GDL_OP(schema, kernel) {schema, kernel<Cpu>, kernel<Cuda>}

std::vector<Op> mdn_ops();
std::vector<Op> noise_ops();
std::vector<Op> path_ops();
std::vector<Op> style_ops();

inline void check_status(int status) {
  require(status != GDL_OUT_OF_MEMORY, "gdl: out of memory for intermediate results");
  require(status == GDL_OK, "gdl: bad argument");
}

inline void torch_parallel_for(int64_t begin, int64_t end, int64_t grain, gdl_body body, void* context) {
  shim::functions().torch_parallel_for(begin, end, grain, body, context);
}

// `key` is what device_key() returned, `like` a tensor on the device.
struct Cpu {
  // Numbers on the way. A tensor would cost more than a call's other work.
  class Floats {
   public:
    Floats(int64_t count, const Tensor&) : many_(count > kFew ? new float[static_cast<size_t>(count)] : nullptr) {}
    float* data() { return many_ ? many_.get() : few_; }

   private:
    enum { kFew = 256 };
    float few_[kFew];
    std::unique_ptr<float[]> many_;
  };

  explicit Cpu(const Tensor& tensor) { require(tensor.on_cpu(), "gdl: all tensors must be on one device"); }
  static const int64_t* device_key(const Tensor& key) {
    require(key.on_cpu(), "gdl: key must be on the CPU for tensors on the CPU");
    return nullptr;
  }
#define GDL_CALL_CPU(name)                                                                \
  void name(const gdl_##name##_args& args, const Tensor&, const int64_t* = nullptr) {     \
    check_status(gdl_cpu_##name(&args, torch_parallel_for));                              \
  }
  GDL_OPERATIONS(GDL_CALL_CPU)
#undef GDL_CALL_CPU
  void sum(const float* values, int64_t count, float scale, float* out) {
    double total = 0.0;
    for (int64_t i = 0; i < count; ++i) total += static_cast<double>(values[i]);
    *out = static_cast<float>(total * static_cast<double>(scale));
  }
};

struct Cuda {
  class Floats {
   public:
    Floats(int64_t count, const Tensor& like)
        : count_(count),
          memory_(count ? Tensor::empty(&count, 1, shim::functions().aoti_torch_dtype_float32(), like) : Tensor(0)) {}
    float* data() { return count_ ? static_cast<float*>(memory_.mutable_data()) : nullptr; }

   private:
    int64_t count_;
    Tensor memory_;
  };

  shim::DeviceGuard guard;
  void* stream = nullptr;
  int32_t index;

  explicit Cuda(const Tensor& tensor) : guard(tensor), index(tensor.device_index()) {
    require(!tensor.on_cpu(), "gdl: all tensors must be on one device");
    shim::check(shim::functions().aoti_torch_get_current_cuda_stream(index, &stream), "the CUDA stream");
  }
  // A key on the device is read by the kernel itself, so that a captured CUDA graph sees a new key at each replay.
  static const int64_t* device_key(const Tensor& key) {
    return key.on_cpu() || key.dim() != 1 ? nullptr : static_cast<const int64_t*>(key.data());
  }
  static void check_cuda_status(int status) {
    if (status != GDL_OK) throw std::runtime_error(std::string("gdl: CUDA: ") + gdl_cuda_error_string(status));
  }
  // Freed when the tensor goes: torch's allocator keeps the memory for this stream until the kernels have run.
  static Tensor scratch(int64_t bytes, const Tensor& like) {
    const int64_t words = (bytes + 7) / 8;
    return Tensor::empty(&words, 1, shim::functions().aoti_torch_dtype_int64(), like);
  }
#define GDL_CALL_CUDA(name)                                                                        \
  void name(const gdl_##name##_args& args, const Tensor& like, const int64_t* key = nullptr) {     \
    const int64_t bytes = gdl_cuda_##name##_scratch(&args);                                        \
    const Tensor memory = bytes ? scratch(bytes, like) : Tensor(0);                                \
    const gdl_cuda_call call = {key, bytes ? memory.mutable_data() : nullptr, stream, index};      \
    check_cuda_status(gdl_cuda_##name(&args, &call));                                              \
  }
  GDL_OPERATIONS(GDL_CALL_CUDA)
#undef GDL_CALL_CUDA
  void sum(const float* values, int64_t count, float scale, float* out) {
    const gdl_cuda_call call = {nullptr, nullptr, stream, index};
    check_cuda_status(gdl_cuda_sum(values, count, scale, out, &call));
  }
};

// ---- arguments --------------------------------------------------------------------------------------------------

int32_t storage_type(const Tensor& tensor);  // gdl_dtype; throws for any other
void require_like(const Tensor& tensor, const Tensor& other, const char* message);
void require_float_vector(const Tensor& tensor, int64_t size, const Tensor& device_of, const char* message);

// The rule of rows: two and more dimensions are shape[0] rows, anything else is one row.
gdl_noise make_noise(const Tensor& tensor);  // without a key, for noise that is there
gdl_noise make_noise(const Tensor& tensor, const Tensor& key);

inline bool as_bool(StableIValue value) { return static_cast<uint8_t>(value) != 0; }

// A float of a schema is a double in the stack.
inline double as_double(StableIValue value) {
  double number;
  static_assert(sizeof number == sizeof value, "a double fills a slot");
  memcpy(&number, &value, sizeof number);
  return number;
}

}  // namespace gdl
