// The Python module gdl_core._native. It imports without torch; register_cpu_ops adds the dispatcher ops once torch is
// there.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "gdl/api.h"
#include "gdl/math.h"
#include "gdl/simd_scalar.h"
#include "launch.h"
#include "sources.h"
#include "torch_ops.h"

namespace py = pybind11;

namespace {

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (int isa = 0; gdl_isa_name(isa); ++isa) {
    if (gdl_isa_available(isa)) names.push_back(gdl_isa_name(isa));
  }
  return names;
}

void set_isa(const std::string& name) {
  for (int isa = 0; gdl_isa_name(isa); ++isa) {
    if (name == gdl_isa_name(isa) && gdl_set_isa(isa) == GDL_OK) return;
  }
  throw py::value_error("instruction set '" + name + "' is not available here");
}

// The four words of each counter, before they become normals.
std::vector<uint32_t> philox_words(uint64_t seed, uint64_t counter, int64_t count) {
  uint32_t keys[gdl::kPhiloxKeyWords];
  gdl::philox_keys(seed, keys);
  std::vector<uint32_t> words;
  for (int64_t i = 0; i < count; ++i, ++counter) {
    uint32_t x[4] = {static_cast<uint32_t>(counter), static_cast<uint32_t>(counter >> 32), 0, 0};
    gdl::Philox<gdl::Scalar>::rounds(x, keys);
    words.insert(words.end(), x, x + 4);
  }
  return words;
}

std::map<std::string, std::string> cuda_sources() {
  std::map<std::string, std::string> sources;
  for (const gdl::cuda::Source* source = gdl::cuda::kSources; source->name; ++source) sources[source->name] = source->text;
  return sources;
}

// The names that the launches ask for, by family.
std::map<std::string, std::vector<std::string>> cuda_kernels() {
  std::map<std::string, std::vector<std::string>> kernels;
  for (const gdl::cuda::KernelTable* table : gdl::cuda::KernelTable::all()) {
    for (const char* name : table->names()) kernels[table->family].push_back(name);
  }
  return kernels;
}

// Python's source of images: called with a family and a device, gives bytes. Kept until the process ends, since threads may
// ask while Python goes down.
py::object& python_images() {
  static py::object* images = new py::object;
  return *images;
}

std::string image_from_python(const char* family, int device) {
  const py::gil_scoped_acquire gil;
  try {
    return python_images()(family, device).cast<py::bytes>();
  } catch (py::error_already_set& error) {
    throw std::runtime_error(py::str(error.value()).cast<std::string>());  // and let go of Python's while it may be
  }
}

void set_cuda_images(const py::object& images) {
  python_images() = images;
  gdl::cuda::set_image_source(image_from_python);
}

void prepare_cuda(const std::string& family, int device) {
  const int status = gdl::cuda::prepare(family, device);
  if (status != GDL_OK) throw std::runtime_error(gdl_cuda_error_string(status));
}

}  // namespace

PYBIND11_MODULE(_native, m) {
  m.doc() = "Native kernels of gdl_core; see gdl_core.kernels for the public functions.";
  m.def("register_cpu_ops", &gdl::register_cpu_ops, py::arg("libtorch_cpu"));
  m.def("register_cuda_ops", &gdl::register_cuda_ops, py::arg("libtorch_cuda"));
  m.def("cuda_sources", &cuda_sources);
  m.def("cuda_kernels", &cuda_kernels);
  m.def("set_cuda_images", &set_cuda_images, py::arg("images"));
  m.def("prepare_cuda", &prepare_cuda, py::arg("family"), py::arg("device"), py::call_guard<py::gil_scoped_release>());
  m.def("schemas", &gdl::op_schemas);
  m.def("isa", [] { return gdl_isa_name(gdl_get_isa()); });
  m.def("set_isa", &set_isa, py::arg("name"));
  m.def("available_isas", &available_isas);
  m.def("philox_words", &philox_words, py::arg("seed"), py::arg("counter"), py::arg("count"));
}
