// Compiles only if torch_shim.h says what torch's own headers say. Needs torch's include folder; links nothing.
#define TORCH_TARGET_VERSION 0x020a000000000000  // 2.10, as gdl::shim::kAbiVersion
#define USE_CUDA 1
#include <torch/csrc/stable/c/shim.h>

#include <type_traits>

#include "torch_shim.h"

static_assert(std::is_same_v<gdl::shim::Error, AOTITorchError>);
static_assert(std::is_same_v<gdl::shim::StableIValue, StableIValue>);
#define GDL_SAME(name, ...) \
  static_assert(std::is_same_v<gdl::shim::Functions::name##_type, std::remove_pointer_t<decltype(&::name)>>, #name);
GDL_SHIM_FUNCTIONS(GDL_SAME)
GDL_SHIM_CUDA_FUNCTIONS(GDL_SAME)
