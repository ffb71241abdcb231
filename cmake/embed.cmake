# Writes OUTPUT, C++ that holds the text of the device code, as NVRTC will be given it: `cmake -DOUTPUT=... -DROOT=... -P`.
file(GLOB files ${ROOT}/csrc/cuda/*.cu ${ROOT}/csrc/cuda/*.cuh ${ROOT}/csrc/cuda/*.h ${ROOT}/csrc/include/gdl/*.h)
list(FILTER files EXCLUDE REGEX "simd_(avx2|avx512|neon|portable)\\.h|cuda/(driver|launch|sources)\\.h")
set(text "#include \"sources.h\"\n\nconst gdl::cuda::Source gdl::cuda::kSources[] = {\n")
foreach(file ${files})
  get_filename_component(name ${file} NAME)
  file(READ ${file} content)
  # for NVRTC a header is a name, so each must have one, whoever includes it
  string(REPLACE "#include \"gdl/" "#include \"" content "${content}")
  string(APPEND text "{\"${name}\", R\"gdl(${content})gdl\"},\n")
endforeach()
file(WRITE ${OUTPUT} "${text}{nullptr, nullptr}};\n")
