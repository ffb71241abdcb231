// A walk through the latent space of a model that gdl trained, without Python: random keyframes, arcs between them
// (Shoemake 1985), every point on the way decoded to a picture.
//
//     walk MODEL.gdl [FRAMES [KEYFRAMES [SEED]]]
//
// writes walk.pgm (walk.ppm in colour), a contact sheet, and frames/0000.pgm ... where there is a folder `frames`. The
// latent points have the bits of randn((KEYFRAMES, latent), seed=SEED) and latent_path(..., "slerp") in Python.
#include <gdl/api.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "decoder.h"
#include "netpbm.h"

namespace {

struct Walk {
  long long frames = 60, keyframes = 5, seed = 7;
};

void check(int status, const char* what) {
  if (status != GDL_OK) throw std::runtime_error(std::string(what) + ": gdl status " + std::to_string(status));
}

// (frames, latent)
std::vector<float> walk(const Walk& w, long long latent) {
  std::vector<float> keyframes(static_cast<size_t>(w.keyframes * latent)), out(static_cast<size_t>(w.frames * latent));
  const gdl_noise noise = {w.keyframes, latent, static_cast<uint64_t>(w.seed), 0, nullptr};
  const gdl_randn_args randn = {noise, GDL_FLOAT32, keyframes.data()};
  check(gdl_cpu_randn(&randn, nullptr), "noise");

  std::vector<float> t(static_cast<size_t>(w.frames));
  for (long long i = 0; i < w.frames; ++i) {
    t[static_cast<size_t>(i)] = static_cast<float>(static_cast<double>(i * (w.keyframes - 1)) / static_cast<double>(w.frames - 1));
  }
  const gdl_path path = {w.keyframes, w.frames, 1, latent, GDL_SLERP, 0, 0, 0, 0};
  const gdl_path_forward_args forward = {path, GDL_FLOAT32, keyframes.data(), t.data(), out.data()};
  check(gdl_cpu_path_forward(&forward, nullptr), "path");
  return out;
}

// (channels, height, width) in [0, 1] to the upper left corner (x, y) of a picture.
void paint(Picture& picture, uint32_t x, uint32_t y, const Decoder& decoder, const std::vector<float>& sample) {
  const auto width = static_cast<uint32_t>(decoder.width), height = static_cast<uint32_t>(decoder.height);
  for (uint32_t c = 0; c < picture.channels; ++c) {
    for (uint32_t row = 0; row < height; ++row) {
      for (uint32_t col = 0; col < width; ++col) {
        const float level = sample[(static_cast<size_t>(c) * height + row) * width + col];
        const size_t pixel = static_cast<size_t>(y + row) * picture.width + x + col;
        picture.pixels[pixel * picture.channels + c] =
            static_cast<uint8_t>(level > 0.0f ? level * 255.0f + 0.5f : 0.0f);  // NaN is black, as in Python
      }
    }
  }
}

long long parse_count(const char* text, const char* what, long long least, long long most) {
  char* rest = nullptr;
  const long long value = std::strtoll(text, &rest, 10);
  if (rest == text || *rest != '\0' || value < least || value > most) {
    throw std::runtime_error(std::string(what) + " is '" + text + "'; give a whole number from " +
                             std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

void run(const std::string& model, const Walk& w) {
  const ModelFile file = read_model_file(model);
  const Decoder decoder = [&] {
    try {
      return Decoder(file);
    } catch (const std::runtime_error& error) {
      throw std::runtime_error(model + ": " + error.what());
    }
  }();
  const std::vector<float> latents = walk(w, decoder.latent());
  const bool numbered = std::filesystem::is_directory("frames");
  const auto width = static_cast<uint32_t>(decoder.width), height = static_cast<uint32_t>(decoder.height);
  const auto channels = static_cast<uint32_t>(decoder.channels);
  const auto across = static_cast<uint32_t>(std::ceil(std::sqrt(static_cast<double>(w.frames))));
  const auto down = (static_cast<uint32_t>(w.frames) + across - 1) / across;
  Picture sheet(across * (width + 2) - 2, down * (height + 2) - 2, channels, 96);
  for (long long i = 0; i < w.frames; ++i) {
    const std::vector<float> sample = decoder.decode(latents.data() + i * decoder.latent());
    const auto cell = static_cast<uint32_t>(i);
    paint(sheet, cell % across * (width + 2), cell / across * (height + 2), decoder, sample);
    if (numbered) {
      Picture frame(width, height, channels);
      paint(frame, 0, 0, decoder, sample);
      char name[32];
      std::snprintf(name, sizeof name, "frames/%04lld", i);
      write_netpbm(name, frame);
    }
  }
  write_netpbm("walk", sheet);
  std::cout << "walk: " << w.frames << " pictures through " << w.keyframes << " keyframes of "
            << decoder.latent() << " numbers (" << gdl_isa_name(gdl_get_isa()) << ")\n";
}

}  // namespace

int main(int count, char** words) {
  try {
    if (count < 2 || count > 5) throw std::runtime_error("usage: walk MODEL.gdl [FRAMES [KEYFRAMES [SEED]]]");
    Walk w;
    if (count > 2) w.frames = parse_count(words[2], "FRAMES", 2, 9999);
    if (count > 3) w.keyframes = parse_count(words[3], "KEYFRAMES", 2, 9999);
    if (count > 4) w.seed = parse_count(words[4], "SEED", 0, INT64_MAX);
    run(words[1], w);
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
  return 0;
}
