// A .gdl file: safetensors (8 bytes of length, a JSON header, the tensors), with all that describes the model as JSON
// under the metadata key "gdl".
#pragma once
#include <map>
#include <string>
#include <vector>

#include "json.h"

struct Tensor {
  std::vector<long long> shape;
  std::vector<float> values;
};

struct ModelFile {
  Json about;                             // model, version, config, data_shape, ...
  std::map<std::string, Tensor> tensors;  // those of float32
};

// Throws std::runtime_error: what is wrong with the file, and what to try.
ModelFile read_model_file(const std::string& path);
