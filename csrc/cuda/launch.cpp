#include "launch.h"

#include <exception>
#include <map>
#include <mutex>
#include <utility>

#include "driver.h"

namespace gdl {
namespace cuda {
namespace {

std::atomic<ImageSource> image_source(nullptr);

std::string& reason() {
  static thread_local std::string words;
  return words;
}

int fail(int status, const std::string& why) {
  reason() = why;
  return status;
}

std::vector<KernelTable*>& tables() {
  static std::vector<KernelTable*> all;
  return all;
}

// Libraries live as long as the process: launches may still be under way when it ends.
struct Libraries {
  std::mutex mutex;
  std::map<std::pair<std::string, int>, Library> loaded;
};
Libraries& libraries() {
  static Libraries* all = new Libraries;
  return *all;
}

int driver_of(const Driver*& driver) {
  const char* why = "";
  driver = find_driver(&why);
  return driver ? GDL_OK : fail(GDL_NO_DRIVER, why);
}

// The device of the current context. A thread without one, as of autograd, gets the primary context of `device`.
int current_device(const Driver& driver, int wanted, int& device) {
  Context context = nullptr;
  Result result = driver.cuCtxGetCurrent(&context);
  if (result != 0) return result;
  if (context) return driver.cuCtxGetDevice(&device);  // asked without one it would be an error, which debuggers report
  if ((result = driver.cuDevicePrimaryCtxRetain(&context, wanted)) != 0) return result;
  device = wanted;
  return driver.cuCtxSetCurrent(context);
}

// Loading is no part of a graph that is being captured.
class OutsideCapture {
 public:
  explicit OutsideCapture(const Driver& driver) : driver_(driver) { driver_.cuThreadExchangeStreamCaptureMode(&mode_); }
  ~OutsideCapture() { driver_.cuThreadExchangeStreamCaptureMode(&mode_); }
  OutsideCapture(const OutsideCapture&) = delete;
  OutsideCapture& operator=(const OutsideCapture&) = delete;

 private:
  const Driver& driver_;
  int mode_ = kRelaxedCapture;
};

int find_library(const Driver& driver, const char* family, int device, Library& library) {
  Libraries& all = libraries();
  const std::pair<std::string, int> key(family, device);
  {
    const std::lock_guard<std::mutex> lock(all.mutex);
    const auto found = all.loaded.find(key);
    if (found != all.loaded.end()) return library = found->second, GDL_OK;
  }
  // No lock is held while the source works: it may wait for Python's, which a thread that waits here may hold.
  std::string image;
  try {
    const ImageSource source = image_source.load();
    if (!source) return fail(GDL_NO_KERNELS, "nobody has said where the CUDA kernels are");
    image = source(family, device);
  } catch (const std::exception& error) {
    return fail(GDL_NO_KERNELS, std::string("no CUDA kernels for ") + family + ": " + error.what());
  }
  const std::lock_guard<std::mutex> lock(all.mutex);
  Library& slot = all.loaded[key];
  if (!slot) {
    const Result result = driver.cuLibraryLoadData(&slot, image.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0);
    if (result != 0) {
      all.loaded.erase(key);
      return result;
    }
  }
  library = slot;
  return GDL_OK;
}

int find_kernel(const Driver& driver, const char* family, const char* name, int device, KernelHandle& handle) {
  const OutsideCapture outside(driver);
  Library library = nullptr;
  int status = find_library(driver, family, device, library);
  if (status != GDL_OK) return status;
  status = driver.cuLibraryGetKernel(&handle, library, name);
  if (status == kNotFound) return fail(GDL_NO_KERNELS, std::string("the CUDA kernels were built from other sources: no ") + name);
  Function loaded = nullptr;  // asked for now, since loading at the launch would be within a capture
  return status == GDL_OK ? driver.cuKernelGetFunction(&loaded, handle) : status;
}

int find_entry(const Driver& driver, const char* family, Entry& entry, int device, void*& handle) {
  KernelHandle found = nullptr;
  const int status = find_kernel(driver, family, entry.name, device, found);
  if (status != GDL_OK) return status;
  handle = found;
  if (device < kCachedDevices) entry.handles[device].store(handle, std::memory_order_release);
  return GDL_OK;
}

}  // namespace

void set_image_source(ImageSource source) { image_source.store(source); }

KernelTable::KernelTable(const char* family_name, const char* const* names, size_t count) : family(family_name), entries_(count) {
  for (size_t i = 0; i < count; ++i) entries_[i].name = names[i];
  tables().push_back(this);
}

const std::vector<KernelTable*>& KernelTable::all() { return tables(); }

std::vector<const char*> KernelTable::names() const {
  std::vector<const char*> names;
  for (const Entry& entry : entries_) names.push_back(entry.name);
  return names;
}

int KernelTable::prepare(int device) {
  const Driver* driver = nullptr;
  int status = driver_of(driver), current = 0;
  if (status != GDL_OK || (status = current_device(*driver, device, current)) != GDL_OK) return status;
  for (Entry& entry : entries_) {
    void* handle = nullptr;
    if ((status = find_entry(*driver, family, entry, device, handle)) != GDL_OK) return status;
  }
  return GDL_OK;
}

int KernelTable::launch_entry(int which, unsigned blocks, const void* parameters, const gdl_cuda_call& call) {
  const Driver* driver = nullptr;
  int status = driver_of(driver), device = 0;
  if (status != GDL_OK || (status = current_device(*driver, call.device, device)) != GDL_OK) return status;
  Entry& entry = entries_[static_cast<size_t>(which)];
  void* handle = device < kCachedDevices ? entry.handles[device].load(std::memory_order_acquire) : nullptr;
  if (!handle && (status = find_entry(*driver, family, entry, device, handle)) != GDL_OK) return status;
  void* arguments[] = {const_cast<void*>(parameters)};
  return driver->cuLaunchKernel(static_cast<Function>(handle), blocks, 1, 1, kThreads, 1, 1, 0,
                                static_cast<Stream>(call.stream), arguments, nullptr);
}

int prepare(const std::string& family, int device) {
  for (KernelTable* table : KernelTable::all()) {
    const int status = family == table->family ? table->prepare(device) : GDL_OK;
    if (status != GDL_OK) return status;
  }
  return GDL_OK;
}

}  // namespace cuda
}  // namespace gdl

int gdl_cuda_device_count(int* count) {
  const gdl::cuda::Driver* driver = nullptr;
  const int status = gdl::cuda::driver_of(driver);
  return status == GDL_OK ? driver->cuDeviceGetCount(count) : status;
}

const char* gdl_cuda_error_string(int error) {
  using namespace gdl::cuda;
  switch (error) {
    case GDL_OK: return "no error";
    case GDL_BAD_ARGUMENT: return "bad argument";
    case GDL_OUT_OF_MEMORY: return "out of memory for intermediate results";
    case GDL_NO_KERNELS:
    case GDL_NO_DRIVER: return reason().c_str();
    case kNoBinaryForGpu: return "the kernels were not built for this GPU; see GDL_CUDA_ARCHS, or set GDL_CUDA_IMAGES=nvrtc";
    case kUnsupportedPtx: return "the NVIDIA driver is older than the compiler of the kernels; a newer driver is needed";
    default: break;
  }
  const char *text = nullptr, *why = "";
  const Driver* driver = find_driver(&why);
  if (driver) driver->cuGetErrorString(error, &text);
  return text ? text : "unknown error";
}
