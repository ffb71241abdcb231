// The decoder of a fully connected autoencoder or VAE for pictures.
#pragma once
#include <string>
#include <vector>

#include "model_file.h"

struct Layer {
  long long inputs, outputs;
  std::vector<float> weight, bias;  // (outputs, inputs), (outputs)
};

struct Decoder {
  long long channels, height, width;
  std::string activation;
  std::vector<Layer> layers;

  // Throws std::runtime_error where the file holds another kind of model.
  explicit Decoder(const ModelFile& file);

  long long latent() const { return layers.front().inputs; }
  // One latent point (latent) to one picture in [0, 1], (channels, height, width).
  std::vector<float> decode(const float* z) const;
};
