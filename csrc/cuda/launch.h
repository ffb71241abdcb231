// Launches kernels by name. The machine code of a family of kernels, an "image", is asked for when one of them is launched
// first on a device: a fatbin that nvcc made, or what NVRTC compiles there and then.
#pragma once
#include <atomic>
#include <initializer_list>
#include <string>
#include <vector>

#include "kernels.h"

namespace gdl {
namespace cuda {

// Gives the image of a family for a device. Throws std::exception, whose words the error text then has.
typedef std::string (*ImageSource)(const char* family, int device);
void set_image_source(ImageSource source);

enum { kCachedDevices = 16 };  // on others every launch looks its kernel up

struct Entry {
  const char* name;
  std::atomic<void*> handles[kCachedDevices];
};

// The entry points of one kernel, in the order of its list.
class KernelTable {
 public:
  const char* const family;
  std::vector<const char*> names() const;
  // Loads the image of the family, and the kernels of this table, on a device.
  int prepare(int device);
  static const std::vector<KernelTable*>& all();

 protected:
  KernelTable(const char* family, const char* const* names, size_t count);
  int launch_entry(int which, unsigned blocks, const void* parameters, const gdl_cuda_call& call);

 private:
  std::vector<Entry> entries_;
};

template <class Parameters> struct KernelName {
  const char* name;
};
#define GDL_KERNEL_NAME(kernel, variant, Parameters, ...) KernelName<Parameters>{"gdl_" #kernel "_" #variant},

template <class Parameters> class Kernels : public KernelTable {
 public:
  Kernels(const char* family, std::initializer_list<KernelName<Parameters>> names)
      : KernelTable(family, &names.begin()->name, names.size()) {
    static_assert(sizeof(KernelName<Parameters>) == sizeof(const char*), "names lie as in an array");
  }
  int launch(int which, unsigned blocks, const Parameters& parameters, const gdl_cuda_call& call) {
    return launch_entry(which, blocks, &parameters, call);
  }
};

// Loads all kernels of a family on a device.
int prepare(const std::string& family, int device);

// ---- what the launches of all families share ---------------------------------------------------------------------------

inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
inline int64_t at_least_one(int64_t a) { return a > 1 ? a : 1; }

// Loops stride over the grid, so more blocks than fill any GPU are of no use.
inline unsigned blocks_for(int64_t items, int64_t items_per_block) {
  const int64_t blocks = ceil_div(items, items_per_block), most = 16384;
  return static_cast<unsigned>(blocks < 1 ? 1 : blocks < most ? blocks : most);
}

inline bool is_dtype(int32_t dtype) { return dtype == GDL_FLOAT32 || dtype == GDL_BFLOAT16 || dtype == GDL_FLOAT16; }

// True if four elements at p can be moved at once; a null pointer is never moved.
inline bool aligned(const void* p, int32_t dtype) { return reinterpret_cast<uintptr_t>(p) % (dtype == GDL_FLOAT32 ? 16 : 8) == 0; }

inline int variant(int option, int32_t dtype) { return 3 * option + dtype; }

inline Key make_key(const gdl_noise& noise, const gdl_cuda_call& call) {
  return {noise.seed, noise.offset, call.device_key, noise.row_keys};
}

}  // namespace cuda
}  // namespace gdl
