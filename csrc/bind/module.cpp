// The Python module gdl_core._native. It imports without torch; register_cpu_ops adds the dispatcher ops once torch is
// there.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <string>
#include <vector>

#include "gdl/api.h"
#include "gdl/math.h"
#include "gdl/simd_scalar.h"
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

}  // namespace

PYBIND11_MODULE(_native, m) {
  m.doc() = "Native kernels of gdl_core; see gdl_core.kernels for the public functions.";
  m.def("register_cpu_ops", &gdl::register_cpu_ops, py::arg("libtorch_cpu"));
  m.def("register_cuda_ops", &gdl::register_cuda_ops, py::arg("libtorch_cuda"), py::arg("libgdl_cuda"));
  m.def("schemas", &gdl::op_schemas);
  m.def("isa", [] { return gdl_isa_name(gdl_get_isa()); });
  m.def("set_isa", &set_isa, py::arg("name"));
  m.def("available_isas", &available_isas);
  m.def("philox_words", &philox_words, py::arg("seed"), py::arg("counter"), py::arg("count"));
}
