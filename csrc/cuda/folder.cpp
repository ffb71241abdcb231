// libgdl_cuda, for C and C++ programs: the kernels lie as FAMILY.fatbin in the folder `gdl_cuda` beside the library.
#include <dlfcn.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

#include "launch.h"

namespace {

std::string image(const char* family, int) {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void*>(&image), &info)) throw std::runtime_error("where libgdl_cuda lies is unknown");
  std::string path(info.dli_fname);
  path.erase(path.rfind('/') + 1);
  path += std::string("gdl_cuda/") + family + ".fatbin";
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + " cannot be read");
  return std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
}

const bool told = (gdl::cuda::set_image_source(image), true);

}  // namespace
