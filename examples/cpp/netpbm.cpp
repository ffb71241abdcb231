#include "netpbm.h"

#include <fstream>
#include <stdexcept>

void write_netpbm(const std::string& stem, const Picture& picture) {
  const bool grey = picture.channels == 1;
  const std::string path = stem + (grey ? ".pgm" : ".ppm");
  std::ofstream file(path, std::ios::binary);
  file << (grey ? "P5" : "P6") << '\n' << picture.width << ' ' << picture.height << "\n255\n";
  file.write(reinterpret_cast<const char*>(picture.pixels.data()), static_cast<std::streamsize>(picture.pixels.size()));
  if (!file.flush()) throw std::runtime_error(path + ": cannot be written; does its folder exist?");
}
