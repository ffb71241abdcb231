// Writes small .gdl files of fully connected VAEs with random weights for the test of examples/cpp: a good one, and
// damaged ones.
#include <stdint.h>

#include <fstream>
#include <string>
#include <vector>

#include "gdl/api.h"

static std::string model_file(const std::string& format, const std::string& model) {
  const int sizes[] = {3, 8, 1 * 6 * 5};
  std::string header, data;
  auto add = [&](const std::string& name, int rows, int cols) {
    std::vector<float> values((size_t)(rows * cols));
    const gdl_noise noise = {rows, cols, 11, data.size(), nullptr};
    const gdl_randn_args args = {noise, GDL_FLOAT32, values.data()};
    gdl_cpu_randn(&args, nullptr);
    const std::string begin = std::to_string(data.size());
    data.append((const char*)values.data(), values.size() * sizeof(float));
    const std::string shape = (rows == 1 ? "" : std::to_string(rows) + ",") + std::to_string(cols);
    header += ",\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[" + shape + "],\"data_offsets\":[" + begin + "," +
              std::to_string(data.size()) + "]}";
  };
  for (int layer = 0; layer < 2; ++layer) {
    const std::string name = "decoder." + std::to_string(2 * layer);
    add(name + ".bias", 1, sizes[layer + 1]);
    add(name + ".weight", sizes[layer + 1], sizes[layer]);
  }
  const std::string about = "{\\\"format\\\":" + format + ",\\\"model\\\":\\\"" + model +
                            "\\\",\\\"config\\\":{\\\"activation\\\":\\\"silu\\\"},\\\"data_shape\\\":[1,6,5]}";
  header = "{\"__metadata__\":{\"gdl\":\"" + about + "\"}" + header + "}";
  const uint64_t length = header.size();
  return std::string((const char*)&length, sizeof length) + header + data;
}

static bool write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  return bool(file.write(bytes.data(), (std::streamsize)bytes.size()));
}

int main(int, char** words) {
  const std::string folder = std::string(words[1]) + "/", good = model_file("1", "vae/vae");
  std::string lie = good;
  lie.replace(lie.find("[8,3]"), 5, "[8,4]");
  return write(folder + "good.gdl", good) && write(folder + "cut.gdl", good.substr(0, good.size() - 4)) &&
                 write(folder + "newer.gdl", model_file("2", "vae/vae")) && write(folder + "lie.gdl", lie) &&
                 write(folder + "probe.gdl", model_file("1", "probe/probe")) && write(folder + "text.gdl", "a text") &&
                 write(folder + "header.gdl", good.substr(0, 8) + std::string(good.size() - 8, '['))
             ? 0
             : 1;
}
