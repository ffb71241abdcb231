// The dispatcher ops: check the tensors, make the outputs, call the kernels.
#include "torch_ops.h"

#include <iterator>
#include <stdexcept>

#include "gdl/api.h"
#include "torch_shim.h"

namespace gdl {

using shim::DeviceGuard;
using shim::require;
using shim::StableIValue;
using shim::Tensor;

namespace {

const char* const kSchemas[] = {
    "randn(Tensor like, Tensor key) -> Tensor",
    "reparam_forward(Tensor mean, Tensor log_var, Tensor key, int kl) -> (Tensor, Tensor)",
    "reparam_backward(Tensor grad_z, Tensor grad_kl, Tensor mean, Tensor log_var, Tensor key, bool has_grad_z, int kl)"
    " -> (Tensor, Tensor)",
    "path_forward(Tensor keyframes, Tensor t, int mode, bool normalize) -> Tensor",
    "path_backward(Tensor grad_out, Tensor keyframes, Tensor t, int mode, bool normalize) -> (Tensor, Tensor)",
};

// ---- CPU and CUDA behind one interface --------------------------------------------------------------------------

void torch_parallel_for(int64_t begin, int64_t end, int64_t grain, gdl_body body, void* context) {
  shim::functions().torch_parallel_for(begin, end, grain, body, context);
}

void check_status(int status) {
  require(status != GDL_OUT_OF_MEMORY, "gdl: out of memory for intermediate results");
  require(status == GDL_OK, "gdl: bad argument");
}

struct Cpu {
  explicit Cpu(const Tensor& tensor) { require(tensor.on_cpu(), "gdl: all tensors must be on one device"); }
  static const int64_t* device_key(const Tensor& key) {
    require(key.on_cpu(), "gdl: key must be on the CPU for tensors on the CPU");
    return nullptr;
  }
  void randn(const gdl_randn_args& a, const int64_t*) { check_status(gdl_cpu_randn(&a, torch_parallel_for)); }
  void reparam_forward(const gdl_reparam_forward_args& a, const int64_t*, const Tensor&) {
    check_status(gdl_cpu_reparam_forward(&a, torch_parallel_for));
  }
  void sum(const float* values, int64_t count, float scale, float* out) {
    double total = 0.0;
    for (int64_t i = 0; i < count; ++i) total += static_cast<double>(values[i]);
    *out = static_cast<float>(total * static_cast<double>(scale));
  }
  void reparam_backward(const gdl_reparam_backward_args& a, const int64_t*) {
    check_status(gdl_cpu_reparam_backward(&a, torch_parallel_for));
  }
  void path_forward(const gdl_path_forward_args& a, const Tensor&) {
    check_status(gdl_cpu_path_forward(&a, torch_parallel_for));
  }
  void path_backward(const gdl_path_backward_args& a, const Tensor&) {
    check_status(gdl_cpu_path_backward(&a, torch_parallel_for));
  }
};

struct CudaLibrary {
#define GDL_CUDA_FUNCTIONS(X)                                                            \
  X(gdl_cuda_randn) X(gdl_cuda_reparam_forward) X(gdl_cuda_reparam_backward)             \
  X(gdl_cuda_path_forward) X(gdl_cuda_path_backward) X(gdl_cuda_reparam_forward_scratch) \
  X(gdl_cuda_path_forward_scratch) X(gdl_cuda_path_backward_scratch) X(gdl_cuda_sum) X(gdl_cuda_device_count)             \
  X(gdl_cuda_error_string)
#define GDL_MEMBER(name) decltype(&::name) name;
  GDL_CUDA_FUNCTIONS(GDL_MEMBER)
#undef GDL_MEMBER
};

CudaLibrary cuda = {};

struct Cuda {
  DeviceGuard guard;
  void* stream = nullptr;

  explicit Cuda(const Tensor& tensor) : guard(tensor) {
    require(!tensor.on_cpu(), "gdl: all tensors must be on one device");
    shim::check(shim::functions().aoti_torch_get_current_cuda_stream(tensor.device_index(), &stream), "the CUDA stream");
  }
  // A key on the device is read by the kernel itself, so that a captured CUDA graph sees a new key at each replay.
  static const int64_t* device_key(const Tensor& key) {
    return key.on_cpu() ? nullptr : static_cast<const int64_t*>(key.data());
  }
  static void check_status(int status) {
    if (status > 0) throw std::runtime_error(std::string("gdl: CUDA: ") + cuda.gdl_cuda_error_string(status));
    gdl::check_status(status);
  }
  // Freed when the tensor goes: torch's allocator keeps the memory for this stream until the kernels have run.
  static Tensor scratch(int64_t bytes, const Tensor& device_of) {
    const int64_t words = (bytes + 7) / 8;
    return Tensor::empty(&words, 1, shim::functions().aoti_torch_dtype_int64(), device_of);
  }
  void randn(const gdl_randn_args& a, const int64_t* key) { check_status(cuda.gdl_cuda_randn(&a, key, stream)); }
  void reparam_forward(const gdl_reparam_forward_args& a, const int64_t* key, const Tensor& like) {
    const Tensor memory = scratch(cuda.gdl_cuda_reparam_forward_scratch(&a), like);
    check_status(cuda.gdl_cuda_reparam_forward(&a, key, memory.mutable_data(), stream));
  }
  void sum(const float* values, int64_t count, float scale, float* out) {
    check_status(cuda.gdl_cuda_sum(values, count, scale, out, stream));
  }
  void reparam_backward(const gdl_reparam_backward_args& a, const int64_t* key) {
    check_status(cuda.gdl_cuda_reparam_backward(&a, key, stream));
  }
  void path_forward(const gdl_path_forward_args& a, const Tensor& like) {
    const Tensor memory = scratch(cuda.gdl_cuda_path_forward_scratch(&a.path), like);
    check_status(cuda.gdl_cuda_path_forward(&a, memory.mutable_data(), stream));
  }
  void path_backward(const gdl_path_backward_args& a, const Tensor& like) {
    const Tensor memory = scratch(cuda.gdl_cuda_path_backward_scratch(&a.path), like);
    check_status(cuda.gdl_cuda_path_backward(&a, memory.mutable_data(), stream));
  }
};

// ---- arguments --------------------------------------------------------------------------------------------------

int32_t storage_type(const Tensor& tensor) {
  const shim::Functions& torch = shim::functions();
  const int32_t dtype = tensor.dtype();
  if (dtype == torch.aoti_torch_dtype_float32()) return GDL_FLOAT32;
  if (dtype == torch.aoti_torch_dtype_bfloat16()) return GDL_BFLOAT16;
  require(dtype == torch.aoti_torch_dtype_float16(), "gdl: dtype must be float32, bfloat16 or float16");
  return GDL_FLOAT16;
}

void require_like(const Tensor& tensor, const Tensor& other, const char* message) {
  require(tensor.same_shape(other) && tensor.dtype() == other.dtype() && tensor.device_type() == other.device_type() &&
              tensor.device_index() == other.device_index(),
          message);
}

void require_float_vector(const Tensor& tensor, int64_t size, const Tensor& device_of, const char* message) {
  require(tensor.dim() == 1 && tensor.size(0) == size &&
              tensor.dtype() == shim::functions().aoti_torch_dtype_float32() &&
              tensor.device_type() == device_of.device_type(),
          message);
}

// The rule of rows: two and more dimensions are shape[0] rows, anything else is one row.
gdl_noise make_noise(const Tensor& tensor, const Tensor& key) {
  require(key.dim() == 1 && key.size(0) == 2 && key.dtype() == shim::functions().aoti_torch_dtype_int64(),
          "gdl: key must be int64 of shape (2,): seed and offset");
  const int64_t dim = tensor.dim();
  gdl_noise noise = {dim >= 2 ? tensor.size(0) : 1, 1, 0, 0};
  for (int64_t i = dim >= 2 ? 1 : 0; i < dim; ++i) noise.cols *= tensor.size(i);
  if (key.on_cpu()) {
    const int64_t* words = static_cast<const int64_t*>(key.data());
    noise.seed = static_cast<uint64_t>(words[0]);
    noise.offset = static_cast<uint64_t>(words[1]);
  }
  return noise;
}

bool as_bool(StableIValue value) { return static_cast<uint8_t>(value) != 0; }

// ---- ops: the stack owns its tensors, so all of them are taken first --------------------------------------------

template <class Device> void randn(StableIValue* stack, uint64_t, uint64_t) {
  const Tensor like(stack[0]);
  const Tensor key = Tensor(stack[1]).contiguous();
  Device device(like);
  Tensor out = Tensor::empty(like.sizes(), like.dim(), like.dtype(), like);
  const gdl_randn_args args = {make_noise(like, key), storage_type(like), out.mutable_data()};
  device.randn(args, Device::device_key(key));
  stack[0] = out.release();
}

// What becomes of the rows' KL divergences. The values are part of the ops' schemas.
enum KlReduction : int64_t { kNoKl = 0, kKlPerRow = 1, kKlSum = 2, kKlMean = 3 };

KlReduction as_reduction(StableIValue value) {
  const int64_t kl = static_cast<int64_t>(value);
  require(kl >= kNoKl && kl <= kKlMean, "gdl: kl must be 0 (none), 1 (per row), 2 (sum) or 3 (mean)");
  return static_cast<KlReduction>(kl);
}

float kl_scale(KlReduction kl, int64_t rows) { return kl == kKlMean ? 1.0f / static_cast<float>(rows) : 1.0f; }

template <class Device> void reparam_forward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor mean_arg(stack[0]), log_var_arg(stack[1]), key_arg(stack[2]);
  const KlReduction kl = as_reduction(stack[3]);
  require_like(mean_arg, log_var_arg, "gdl::reparam_forward: mean and log_var must have one shape, dtype and device");
  Device device(mean_arg);
  const Tensor mean = std::move(mean_arg).contiguous(), log_var = std::move(log_var_arg).contiguous();
  const Tensor key = std::move(key_arg).contiguous();
  const gdl_noise noise = make_noise(mean, key);
  const int64_t kl_size = kl == kNoKl ? 0 : noise.rows, is_vector = kl == kNoKl || (kl == kKlPerRow && mean.dim() >= 2);
  const int32_t float32 = shim::functions().aoti_torch_dtype_float32();
  Tensor z = Tensor::empty(mean.sizes(), mean.dim(), mean.dtype(), mean);
  Tensor result = Tensor::empty(&kl_size, is_vector, float32, mean);
  const Tensor rows = kl < kKlSum ? Tensor(0) : Tensor::empty(&kl_size, 1, float32, mean);
  const Tensor& per_row = kl < kKlSum ? result : rows;
  const gdl_reparam_forward_args args = {noise,          storage_type(mean), mean.data(),
                                         log_var.data(), z.mutable_data(),
                                         kl == kNoKl ? nullptr : static_cast<float*>(per_row.mutable_data())};
  device.reparam_forward(args, Device::device_key(key), mean);
  if (kl >= kKlSum) {
    device.sum(args.kl, noise.rows, kl_scale(kl, noise.rows), static_cast<float*>(result.mutable_data()));
  }
  stack[0] = z.release();
  stack[1] = result.release();
}

// `kl` says which reduction grad_kl belongs to, 0 that there is none: then the gradient of mean is grad_z, and the first
// result is empty.
template <class Device> void reparam_backward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor grad_z_arg(stack[0]), grad_kl_arg(stack[1]), mean_arg(stack[2]), log_var_arg(stack[3]), key_arg(stack[4]);
  const bool has_grad_z = as_bool(stack[5]);
  const KlReduction kl = as_reduction(stack[6]);
  const bool has_grad_kl = kl != kNoKl;
  require(has_grad_z || has_grad_kl, "gdl::reparam_backward: needs grad_z or grad_kl");
  require_like(mean_arg, log_var_arg, "gdl::reparam_backward: mean and log_var must have one shape, dtype and device");
  if (has_grad_z) require_like(grad_z_arg, mean_arg, "gdl::reparam_backward: grad_z must be like mean");
  Device device(mean_arg);
  const Tensor grad_z = std::move(grad_z_arg).contiguous(), grad_kl = std::move(grad_kl_arg).contiguous();
  const Tensor mean = std::move(mean_arg).contiguous(), log_var = std::move(log_var_arg).contiguous();
  const Tensor key = std::move(key_arg).contiguous();
  const gdl_noise noise = make_noise(mean, key);
  if (has_grad_kl) {
    require(grad_kl.numel() == (kl == kKlPerRow ? noise.rows : 1) &&
                grad_kl.dtype() == shim::functions().aoti_torch_dtype_float32() &&
                grad_kl.device_type() == mean.device_type(),
            "gdl::reparam_backward: grad_kl must be float32, of the shape that the forward pass gave KL");
  }
  const int64_t none = 0;
  Tensor grad_mean = has_grad_kl ? Tensor::empty(mean.sizes(), mean.dim(), mean.dtype(), mean)
                                 : Tensor::empty(&none, 1, mean.dtype(), mean);
  Tensor grad_log_var = Tensor::empty(mean.sizes(), mean.dim(), mean.dtype(), mean);
  const gdl_reparam_backward_args args = {noise,
                                          storage_type(mean),
                                          has_grad_z ? grad_z.data() : nullptr,
                                          has_grad_kl ? static_cast<const float*>(grad_kl.data()) : nullptr,
                                          kl != kKlPerRow,
                                          kl_scale(kl, noise.rows),
                                          mean.data(),
                                          log_var.data(),
                                          has_grad_kl ? grad_mean.mutable_data() : nullptr,
                                          grad_log_var.mutable_data()};
  if (mean.numel() > 0) device.reparam_backward(args, Device::device_key(key));
  stack[0] = grad_mean.release();
  stack[1] = grad_log_var.release();
}

gdl_path make_path(const Tensor& keyframes, const Tensor& t, StableIValue mode, StableIValue normalize) {
  require(keyframes.dim() == 3 && keyframes.size(0) >= 2, "gdl: keyframes must be (count >= 2, batch, latent)");
  require(t.dim() == 1, "gdl: t must have one dimension");
  require_float_vector(t, t.size(0), keyframes, "gdl: t must be float32, of one dimension, on the keyframes' device");
  return {keyframes.size(0), t.size(0),          keyframes.size(1),
          keyframes.size(2), static_cast<int32_t>(static_cast<int64_t>(mode)), as_bool(normalize) ? 1 : 0};
}

template <class Device> void path_forward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor keyframes_arg(stack[0]), t_arg(stack[1]);
  Device device(keyframes_arg);
  const gdl_path path = make_path(keyframes_arg, t_arg, stack[2], stack[3]);
  const Tensor keyframes = std::move(keyframes_arg).contiguous(), t = std::move(t_arg).contiguous();
  const int64_t sizes[] = {path.steps, path.rows, path.cols};
  Tensor out = Tensor::empty(sizes, 3, keyframes.dtype(), keyframes);
  const gdl_path_forward_args args = {path, storage_type(keyframes), keyframes.data(),
                                      static_cast<const float*>(t.data()), out.mutable_data()};
  device.path_forward(args, keyframes);
  stack[0] = out.release();
}

template <class Device> void path_backward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor grad_out_arg(stack[0]), keyframes_arg(stack[1]), t_arg(stack[2]);
  Device device(keyframes_arg);
  const gdl_path path = make_path(keyframes_arg, t_arg, stack[3], stack[4]);
  require(grad_out_arg.dim() == 3 && grad_out_arg.size(0) == path.steps && grad_out_arg.size(1) == path.rows &&
              grad_out_arg.size(2) == path.cols && grad_out_arg.dtype() == keyframes_arg.dtype() &&
              grad_out_arg.device_type() == keyframes_arg.device_type(),
          "gdl::path_backward: grad_out must be (steps, batch, latent) of the keyframes' dtype");
  const Tensor grad_out = std::move(grad_out_arg).contiguous(), keyframes = std::move(keyframes_arg).contiguous();
  const Tensor t = std::move(t_arg).contiguous();
  Tensor grad_keyframes = Tensor::empty(keyframes.sizes(), 3, keyframes.dtype(), keyframes);
  Tensor grad_t = Tensor::empty(&path.steps, 1, t.dtype(), keyframes);
  const gdl_path_backward_args args = {path,
                                       storage_type(keyframes),
                                       grad_out.data(),
                                       keyframes.data(),
                                       static_cast<const float*>(t.data()),
                                       grad_keyframes.mutable_data(),
                                       static_cast<float*>(grad_t.mutable_data())};
  device.path_backward(args, keyframes);
  stack[0] = grad_keyframes.release();
  stack[1] = grad_t.release();
}

// The registrations live as long as the process: torch keeps pointers into them.
template <class Device> void register_kernels(const char* dispatch_key) {
  const shim::Functions& torch = shim::functions();
  shim::LibraryHandle library = nullptr;
  shim::check(torch.aoti_torch_library_init_impl("gdl", dispatch_key, __FILE__, __LINE__, &library), dispatch_key);
  const struct {
    const char* name;
    shim::BoxedKernel* kernel;
  } kernels[] = {
      {"randn", randn<Device>},
      {"reparam_forward", reparam_forward<Device>},
      {"reparam_backward", reparam_backward<Device>},
      {"path_forward", path_forward<Device>},
      {"path_backward", path_backward<Device>},
  };
  for (const auto& k : kernels) {
    shim::check(torch.torch_library_impl(library, k.name, k.kernel, shim::kAbiVersion), k.name);
  }
}

}  // namespace

std::vector<std::string> op_schemas() { return {std::begin(kSchemas), std::end(kSchemas)}; }

void register_cpu_ops(const std::string& libtorch_cpu) {
  static bool done = false;
  if (done) return;
  shim::load(libtorch_cpu);
  const shim::Functions& torch = shim::functions();
  shim::LibraryHandle library = nullptr;
  shim::check(torch.aoti_torch_library_init_fragment("gdl", __FILE__, __LINE__, &library), "namespace gdl");
  for (const char* schema : kSchemas) shim::check(torch.aoti_torch_library_def(library, schema), schema);
  register_kernels<Cpu>("CPU");
  done = true;
}

void register_cuda_ops(const std::string& libtorch_cuda, const std::string& libgdl_cuda) {
  static bool done = false;
  if (done) return;
  void* library = shim::open_library(libgdl_cuda, false);
#define GDL_LOAD(name) cuda.name = reinterpret_cast<decltype(&::name)>(shim::find_symbol(library, #name));
  GDL_CUDA_FUNCTIONS(GDL_LOAD)
#undef GDL_LOAD
  const int devices = cuda.gdl_cuda_device_count();
  if (devices < 0) throw std::runtime_error(std::string("CUDA: ") + cuda.gdl_cuda_error_string(-devices));
  shim::load_cuda(libtorch_cuda);
  register_kernels<Cuda>("CUDA");
  done = true;
}

}  // namespace gdl
