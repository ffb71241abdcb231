// Registers the families of ops with torch's dispatcher, and checks what their arguments have in common.
#include "torch_ops.h"

#include "ops.h"

namespace gdl {

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

gdl_noise make_noise(const Tensor& tensor) {
  const int64_t dim = tensor.dim();
  gdl_noise noise = {dim >= 2 ? tensor.size(0) : 1, 1, 0, 0, nullptr};
  for (int64_t i = dim >= 2 ? 1 : 0; i < dim; ++i) noise.cols *= tensor.size(i);
  return noise;
}

gdl_noise make_noise(const Tensor& tensor, const Tensor& key) {
  gdl_noise noise = make_noise(tensor);
  const bool of_rows = key.dim() == 2 && key.size(0) == noise.rows && key.device_type() == tensor.device_type();
  require((of_rows || key.dim() == 1) && key.size(key.dim() - 1) == 2 &&
              key.dtype() == shim::functions().aoti_torch_dtype_int64(),
          "gdl: key must be int64 of shape (2,), seed and offset, or one such pair for each row on the rows' device");
  if (of_rows) noise.row_keys = static_cast<const int64_t*>(key.data());
  if (key.on_cpu() && !of_rows) {
    const int64_t* words = static_cast<const int64_t*>(key.data());
    noise.seed = static_cast<uint64_t>(words[0]);
    noise.offset = static_cast<uint64_t>(words[1]);
  }
  return noise;
}

namespace {

std::vector<Op> all_ops() {
  std::vector<Op> ops;
  for (const std::vector<Op>& family : {noise_ops(), path_ops(), mdn_ops(), style_ops()}) {
    ops.insert(ops.end(), family.begin(), family.end());
  }
  return ops;
}

std::string name_of(const Op& op) { return std::string(op.schema, std::string(op.schema).find('(')); }

// The registrations live as long as the process: torch keeps pointers into them.
void register_kernels(const char* dispatch_key, shim::BoxedKernel* Op::*kernel) {
  const shim::Functions& torch = shim::functions();
  shim::LibraryHandle library = nullptr;
  shim::check(torch.aoti_torch_library_init_impl("gdl", dispatch_key, __FILE__, __LINE__, &library), dispatch_key);
  for (const Op& op : all_ops()) {
    if (!(op.*kernel)) continue;
    const std::string name = name_of(op);
    shim::check(torch.torch_library_impl(library, name.c_str(), op.*kernel, shim::kAbiVersion), name.c_str());
  }
}

}  // namespace

std::vector<std::string> op_schemas() {
  std::vector<std::string> schemas;
  for (const Op& op : all_ops()) schemas.push_back(op.schema);
  return schemas;
}

void register_cpu_ops(const std::string& libtorch_cpu) {
  static bool done = false;
  if (done) return;
  shim::load(libtorch_cpu);
  const shim::Functions& torch = shim::functions();
  shim::LibraryHandle library = nullptr;
  shim::check(torch.aoti_torch_library_init_fragment("gdl", __FILE__, __LINE__, &library), "namespace gdl");
  for (const Op& op : all_ops()) shim::check(torch.aoti_torch_library_def(library, op.schema), op.schema);
  register_kernels("CPU", &Op::cpu);
  done = true;
}

void register_cuda_ops(const std::string& libtorch_cuda) {
  static bool done = false;
  if (done) return;
  int devices = 0;
  const int status = gdl_cuda_device_count(&devices);
  if (status != GDL_OK) throw std::runtime_error(gdl_cuda_error_string(status));
  shim::load_cuda(libtorch_cuda);
  register_kernels("CUDA", &Op::cuda);
  done = true;
}

}  // namespace gdl
