#include "model_file.h"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace {

constexpr uint64_t kLongestHeader = 16u << 20;
constexpr long long kFormat = 1;

std::string read_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot be read; is the path right?");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

Tensor read_tensor(const std::string& name, const Json& entry, std::string_view data) {
  Tensor tensor;
  uint64_t count = 1;
  for (const Json& side : entry.at("shape").as_array("shape")) {
    tensor.shape.push_back(side.as_count("a side of a shape"));
    if (__builtin_mul_overflow(count, static_cast<uint64_t>(tensor.shape.back()), &count)) count = UINT64_MAX;
  }
  const std::vector<Json>& offsets = entry.at("data_offsets").as_array("data_offsets");
  if (offsets.size() != 2) throw std::runtime_error("data_offsets of '" + name + "' are not two numbers");
  const auto first = static_cast<uint64_t>(offsets[0].as_count("an offset"));
  const auto last = static_cast<uint64_t>(offsets[1].as_count("an offset"));
  if (first > last || last > data.size()) throw std::runtime_error("cut short in '" + name + "'; copy the file again");
  if ((last - first) % sizeof(float) != 0 || (last - first) / sizeof(float) != count) {
    throw std::runtime_error("'" + name + "' is not as long as its shape says; copy the file again");
  }
  tensor.values.resize(count);
  if (count) std::memcpy(tensor.values.data(), data.data() + first, count * sizeof(float));
  return tensor;
}

ModelFile parse(std::string_view bytes) {
  uint64_t length = 0;  // the file is little-endian, as are the machines that gdl runs on
  if (bytes.size() >= sizeof length) std::memcpy(&length, bytes.data(), sizeof length);
  if (length < 2 || length > kLongestHeader) throw std::runtime_error("not a .gdl file; give a model that gdl wrote");
  if (length > bytes.size() - sizeof length) throw std::runtime_error("cut short; copy the file again");
  const Json header = Json::parse(bytes.substr(sizeof length, length));
  const std::string_view data = bytes.substr(sizeof length + length);

  ModelFile file;
  file.about = Json::parse(header.at("__metadata__").at("gdl").as_string("the metadata"));
  const long long format = file.about.at("format").as_count("format");
  if (format != kFormat) throw std::runtime_error("format " + std::to_string(format) + "; this program reads format 1");
  for (const auto& [name, entry] : header.object) {
    if (name == "__metadata__" || entry.at("dtype").as_string("dtype") != "F32") continue;
    file.tensors.emplace(name, read_tensor(name, entry, data));
  }
  return file;
}

}  // namespace

ModelFile read_model_file(const std::string& path) {
  try {
    return parse(read_bytes(path));
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}
