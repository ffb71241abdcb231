#include "driver.h"

#include <dlfcn.h>

#include <string>

namespace gdl {
namespace cuda {
namespace {

struct Found {
  Driver driver = {};
  std::string why;

  Found() {
    void* library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    if (!library) {
      why = "no NVIDIA driver: libcuda.so.1 cannot be loaded";
      return;
    }
#define GDL_LOAD(name, ...)                                                             \
  driver.name = reinterpret_cast<Driver::name##_type*>(dlsym(library, #name));          \
  if (!driver.name) why = "the NVIDIA driver lacks " #name "; CUDA 12 or newer is needed";
    GDL_DRIVER_FUNCTIONS(GDL_LOAD)
#undef GDL_LOAD
    if (!why.empty()) return;
    const Result result = driver.cuInit(0);
    if (result == 0) return;
    const char* text = nullptr;
    driver.cuGetErrorString(result, &text);
    why = std::string("the NVIDIA driver does not start: ") + (text ? text : "unknown error");
  }
};

}  // namespace

const Driver* find_driver(const char** why) {
  static const Found found;
  *why = found.why.c_str();
  return found.why.empty() ? &found.driver : nullptr;
}

}  // namespace cuda
}  // namespace gdl
