// PNG (ISO/IEC 15948) with stored deflate blocks (RFC 1951, 3.2.4) in a zlib stream (RFC 1950).
#include "png.h"

#include <algorithm>
#include <fstream>
#include <stdexcept>

namespace {

void append_u32(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

uint32_t crc32(const std::string& data) {
  uint32_t crc = 0xFFFFFFFFu;
  for (const char c : data) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0u);
  }
  return ~crc;
}

uint32_t adler32(const std::string& data) {
  uint32_t a = 1, b = 0;
  for (const char c : data) {
    a = (a + static_cast<uint8_t>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return b << 16 | a;
}

void append_chunk(std::string& out, const std::string& name, const std::string& data) {
  append_u32(out, static_cast<uint32_t>(data.size()));
  out += name + data;
  append_u32(out, crc32(name + data));
}

std::string stored(const std::string& data) {
  constexpr size_t kBlock = 65535;
  std::string out("\x78\x01", 2);
  for (size_t at = 0; at < data.size(); at += kBlock) {
    const size_t size = std::min(kBlock, data.size() - at);
    const bool last = at + size == data.size();
    const uint16_t length = static_cast<uint16_t>(size), inverse = static_cast<uint16_t>(~length);
    for (const int byte : {last ? 1 : 0, length & 0xFF, length >> 8, inverse & 0xFF, inverse >> 8}) {
      out += static_cast<char>(byte);
    }
    out.append(data, at, size);
  }
  append_u32(out, adler32(data));
  return out;
}

}  // namespace

void write_png(const std::string& path, const Picture& picture) {
  std::string header, rows, png("\x89PNG\r\n\x1a\n", 8);
  append_u32(header, picture.width);
  append_u32(header, picture.height);
  header += {8, static_cast<char>(picture.channels == 3 ? 2 : 0), 0, 0, 0};
  const size_t row_bytes = static_cast<size_t>(picture.width) * picture.channels;
  for (size_t y = 0; y < picture.height; ++y) {
    rows += '\0';  // no filter
    rows.append(reinterpret_cast<const char*>(picture.pixels.data()) + y * row_bytes, row_bytes);
  }
  append_chunk(png, "IHDR", header);
  append_chunk(png, "IDAT", stored(rows));
  append_chunk(png, "IEND", "");
  std::ofstream file(path, std::ios::binary);
  if (!file.write(png.data(), static_cast<std::streamsize>(png.size())).flush()) {
    throw std::runtime_error(path + ": cannot be written; does its folder exist?");
  }
}
