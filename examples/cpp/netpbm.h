#pragma once
#include <cstdint>
#include <string>
#include <vector>

struct Picture {
  uint32_t width, height, channels;  // channels: 1 grey, 3 red, green, blue
  std::vector<uint8_t> pixels;       // (height, width, channels)

  Picture(uint32_t width, uint32_t height, uint32_t channels, uint8_t background = 0)
      : width(width), height(height), channels(channels),
        pixels(static_cast<size_t>(width) * height * channels, background) {}
};

// Writes STEM.pgm (grey) or STEM.ppm (colour), the netpbm formats that every viewer of pictures reads. Throws
// std::runtime_error where the file cannot be written.
void write_netpbm(const std::string& stem, const Picture& picture);
