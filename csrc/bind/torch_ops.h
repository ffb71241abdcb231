// Registration of the ops with torch's dispatcher.
#pragma once
#include <string>
#include <vector>

namespace gdl {

// Defines the ops in namespace `gdl` and their CPU kernels. Throws std::runtime_error; may be called again.
void register_cpu_ops(const std::string& libtorch_cpu);

// The signatures of the ops; gdl_core/kernels/schemas.py has the same.
std::vector<std::string> op_schemas();

// Adds the CUDA kernels. Throws std::runtime_error; may be called again.
void register_cuda_ops(const std::string& libtorch_cuda);

}  // namespace gdl
