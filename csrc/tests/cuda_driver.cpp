// A CUDA driver whose kernels run on the CPU; takes the place of csrc/cuda/driver.cpp.
#include "cuda_emulation.h"

// clang-format off
#include "../cuda/arithmetic.cu"
#include "../cuda/bias_act.cu"
#include "../cuda/mdn.cu"
#include "../cuda/path.cu"
#include "../cuda/randn.cu"
#include "../cuda/reparam.cu"
#include "../cuda/resample.cu"
// clang-format on
#include "../cuda/driver.h"
#include "cuda_driver.h"

namespace fake_driver {

using namespace gdl::cuda;

struct Entry {
  const char* name;
  void (*run)(void*);
};

#define GDL_EMULATED(kernel, variant, Parameters, ...) \
  {"gdl_" #kernel "_" #variant, [](void* p) { gdl_##kernel##_##variant(*static_cast<Parameters*>(p)); }},
static const Entry kEntries[] = {
    GDL_ARITHMETIC_KERNELS(GDL_EMULATED) GDL_BIAS_ACT_KERNELS(GDL_EMULATED) GDL_MDN_KERNELS(GDL_EMULATED)
        GDL_PATH_KERNELS(GDL_EMULATED) GDL_RANDN_KERNELS(GDL_EMULATED) GDL_REPARAM_KERNELS(GDL_EMULATED)
            GDL_RESAMPLE_KERNELS(GDL_EMULATED)};

int contexts = 0, loads = 0, launches = 0, next_error = 0;
bool has_context = false;
const char* missing = nullptr;
const char* hidden = "";

void reverse(bool order) { emulation::reversed = order; }

static Result take_error() {
  const Result error = next_error;
  next_error = 0;
  return error;
}

static Result init(unsigned) { return 0; }
static Result device_count(int* count) { return *count = 1, 0; }
static Result retain(Context* context, int device) {
  ++contexts;
  *context = reinterpret_cast<Context>(&contexts);
  return device == 0 ? 0 : 101;
}
static Result set_current(Context) { return has_context = true, 0; }
static const Result kInvalidContext = 201;  // CUDA_ERROR_INVALID_CONTEXT
static Result get_current(Context* context) {
  return *context = has_context ? reinterpret_cast<Context>(&contexts) : nullptr, 0;
}
static Result get_device(int* device) { return has_context ? (*device = 0, 0) : kInvalidContext; }
static Result load(Library* library, const void*, int*, void**, unsigned, int*, void**, unsigned) {
  ++loads;
  *library = reinterpret_cast<Library>(&loads);
  return take_error();
}
static Result get_kernel(KernelHandle* handle, Library, const char* name) {
  for (const Entry& entry : kEntries) {
    if (strcmp(entry.name, name) == 0 && strcmp(name, hidden) != 0) return *handle = reinterpret_cast<KernelHandle>(const_cast<Entry*>(&entry)), 0;
  }
  return kNotFound;
}
static Result get_function(Function* function, KernelHandle handle) { return *function = reinterpret_cast<Function>(handle), 0; }
static Result exchange_mode(int* mode) { return *mode = 2 - *mode, 0; }
static Result launch_kernel(Function function, unsigned blocks, unsigned, unsigned, unsigned threads, unsigned, unsigned, unsigned,
                            Stream, void** parameters, void**) {
  ++launches;
  emulation::launch(reinterpret_cast<const Entry*>(function)->run, blocks, threads, parameters[0]);
  return take_error();
}
static Result error_string(Result error, const char** text) { return *text = error == 719 ? "unspecified launch failure" : nullptr, 0; }

}  // namespace fake_driver

namespace gdl {
namespace cuda {

const Driver* find_driver(const char** why) {
  using namespace fake_driver;
  static const Driver driver = {init, device_count, retain,       get_current,   set_current,   get_device,
                                load, get_kernel,   get_function, exchange_mode, launch_kernel, error_string};
  *why = missing;
  return missing ? nullptr : &driver;
}

}  // namespace cuda
}  // namespace gdl
