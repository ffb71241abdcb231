// The text of the device code and of the headers it includes, by file name. cmake/embed.cmake writes it, so that what NVRTC
// compiles is what the launches of the same binary were compiled with.
#pragma once

namespace gdl {
namespace cuda {

struct Source {
  const char *name, *text;
};
extern const Source kSources[];  // ends with a null name

}  // namespace cuda
}  // namespace gdl
