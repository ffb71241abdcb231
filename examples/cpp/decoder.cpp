#include "decoder.h"

#include <cmath>
#include <stdexcept>
#include <utility>

namespace {

constexpr long long kLongestSide = 1 << 16;

float sigmoid(float x) { return 1.0f / (1.0f + std::exp(-x)); }

float activate(const std::string& name, float x) {
  if (name == "silu") return x * sigmoid(x);
  if (name == "relu") return x > 0.0f ? x : 0.0f;
  if (name == "tanh") return std::tanh(x);
  return 0.5f * x * (1.0f + std::erf(x * 0.70710678f));  // gelu
}

size_t count_decoder_tensors(const ModelFile& file) {
  size_t count = 0;
  for (const auto& [name, tensor] : file.tensors) count += name.rfind("decoder.", 0) == 0;
  return count;
}

Layer take_layer(const ModelFile& file, const std::string& name) {
  const auto weight = file.tensors.find(name + ".weight"), bias = file.tensors.find(name + ".bias");
  if (bias == file.tensors.end()) throw std::runtime_error("'" + name + ".bias' is missing");
  const std::vector<long long>& shape = weight->second.shape;
  if (shape.size() != 2) throw std::runtime_error("'" + name + "' is no fully connected layer; set: {network: mlp}");
  if (bias->second.shape != std::vector<long long>{shape[0]}) throw std::runtime_error("'" + name + ".bias' does not fit");
  return {shape[1], shape[0], weight->second.values, bias->second.values};
}

}  // namespace

Decoder::Decoder(const ModelFile& file) {
  const std::string& model = file.about.at("model").as_string("model");
  if (model != "vae/vae" && model != "vae/autoencoder") {
    throw std::runtime_error("a model of the kind " + model + "; this program decodes vae/vae and vae/autoencoder");
  }
  const std::vector<Json>& shape = file.about.at("data_shape").as_array("data_shape");
  if (shape.size() != 3) throw std::runtime_error("its samples are no pictures");
  channels = shape[0].as_count("channels");
  height = shape[1].as_count("height");
  width = shape[2].as_count("width");
  if ((channels != 1 && channels != 3) || height < 1 || width < 1 || height > kLongestSide || width > kLongestSide) {
    throw std::runtime_error("its samples are no grey or coloured pictures");
  }
  activation = file.about.at("config").at("activation").as_string("activation");
  if (activation != "silu" && activation != "relu" && activation != "tanh" && activation != "gelu") {
    throw std::runtime_error("unknown activation '" + activation + "'");
  }
  // torch numbers the activations in between too.
  for (int index = 0; file.tensors.count("decoder." + std::to_string(index) + ".weight"); index += 2) {
    layers.push_back(take_layer(file, "decoder." + std::to_string(index)));
    if (layers.size() > 1 && layers[layers.size() - 2].outputs != layers.back().inputs) {
      throw std::runtime_error("its layers do not fit one another");
    }
  }
  if (layers.empty() || count_decoder_tensors(file) != 2 * layers.size()) {
    throw std::runtime_error("its decoder is not fully connected; train one with set: {network: mlp}");
  }
  if (layers.back().outputs != channels * height * width) {
    throw std::runtime_error("its last layer does not fit pictures of " + std::to_string(channels) + " x " +
                             std::to_string(height) + " x " + std::to_string(width));
  }
}

std::vector<float> Decoder::decode(const float* z) const {
  std::vector<float> x(z, z + latent()), y;
  for (const Layer& layer : layers) {
    const bool last = &layer == &layers.back();
    y = layer.bias;
    for (long long o = 0; o < layer.outputs; ++o) {
      const float* row = layer.weight.data() + o * layer.inputs;
      double sum = 0.0;
      for (long long i = 0; i < layer.inputs; ++i) sum += static_cast<double>(row[i]) * x[static_cast<size_t>(i)];
      float& out = y[static_cast<size_t>(o)];
      out += static_cast<float>(sum);
      out = last ? sigmoid(out) : activate(activation, out);
    }
    std::swap(x, y);
  }
  return x;
}
