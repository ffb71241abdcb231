# CUDA. The launches are plain C++ and always built; they find the driver at run time. The kernels are compiled here where
# nvcc is, one fatbin for each family: PTX of the least capability, and from it machine code for every one.
set(GDL_CUDA_FAMILIES arithmetic bias_act mdn path randn reparam resample)
list(TRANSFORM GDL_CUDA_FAMILIES PREPEND csrc/cuda/ OUTPUT_VARIABLE launches)
list(TRANSFORM launches APPEND .cpp)
add_library(gdl_cuda_launches OBJECT csrc/cuda/launch.cpp ${launches})
target_include_directories(gdl_cuda_launches PUBLIC csrc/include)
target_compile_options(gdl_cuda_launches PRIVATE -Wall -Wextra)

set(gdl_cuda_sources "${CMAKE_CURRENT_BINARY_DIR}/cuda_sources.cpp")
file(GLOB device_code CONFIGURE_DEPENDS csrc/cuda/*.cu csrc/cuda/*.cuh csrc/cuda/*.h csrc/include/gdl/*.h)
add_custom_command(OUTPUT "${gdl_cuda_sources}"
                   COMMAND ${CMAKE_COMMAND} "-DOUTPUT=${gdl_cuda_sources}" "-DROOT=${PROJECT_SOURCE_DIR}" -P "${PROJECT_SOURCE_DIR}/cmake/embed.cmake"
                   DEPENDS ${device_code} cmake/embed.cmake VERBATIM)

if(NOT GDL_CUDA MATCHES "^(auto|on|off)$")
  message(FATAL_ERROR "GDL_CUDA is '${GDL_CUDA}'; it must be auto, on or off")
endif()
set(gdl_nvcc "")
if(NOT GDL_CUDA STREQUAL "off")
  set(cuda_home /usr/local/cuda)
  foreach(variable CUDA_PATH CUDA_HOME)
    if(DEFINED ENV{${variable}})
      set(cuda_home "$ENV{${variable}}")
    endif()
  endforeach()
  find_program(gdl_nvcc_found NAMES "$ENV{CUDACXX}" nvcc PATHS "${cuda_home}/bin" NO_CMAKE_SYSTEM_PATH NO_CACHE)
  if(gdl_nvcc_found)
    set(gdl_nvcc "${gdl_nvcc_found}")
  elseif(GDL_CUDA STREQUAL "on")
    message(FATAL_ERROR "GDL_CUDA is on but there is no CUDA compiler; put nvcc on the PATH or set CUDACXX")
  else()
    message(STATUS "gdl: no CUDA compiler; where torch has CUDA, NVRTC will compile the kernels when they are first used")
  endif()
endif()

if(gdl_nvcc)
  set(archs ${GDL_CUDA_ARCHS})
  list(SORT archs COMPARE NATURAL)
  list(GET archs 0 least)
  list(TRANSFORM archs PREPEND sm_)
  string(REPLACE ";" "," codes "${archs};compute_${least}")
  set(fatbins "")
  foreach(family ${GDL_CUDA_FAMILIES})
    set(fatbin "${CMAKE_CURRENT_BINARY_DIR}/fatbins/${family}.fatbin")
    # -fmad=false: as on the CPU, every fma is written out
    add_custom_command(
      OUTPUT "${fatbin}"
      COMMAND ${CMAKE_COMMAND} -E make_directory "${CMAKE_CURRENT_BINARY_DIR}/fatbins"
      COMMAND ${gdl_nvcc} -fatbin -std=c++17 -fmad=false "-gencode=arch=compute_${least},code=[${codes}]"
              -I "${PROJECT_SOURCE_DIR}/csrc/include" -MD -MF "${fatbin}.d" -MT "${fatbin}"
              -o "${fatbin}" "${PROJECT_SOURCE_DIR}/csrc/cuda/${family}.cu"
      DEPENDS "${PROJECT_SOURCE_DIR}/csrc/cuda/${family}.cu"
      DEPFILE "${fatbin}.d"
      VERBATIM)
    # a copy, since whoever installs empties the folder of the libraries, and nvcc takes its time
    add_custom_command(
      OUTPUT "${GDL_OUTPUT_DIR}/cuda/${family}.fatbin"
      COMMAND ${CMAKE_COMMAND} -E make_directory "${GDL_OUTPUT_DIR}/cuda"
      COMMAND ${CMAKE_COMMAND} -E copy "${fatbin}" "${GDL_OUTPUT_DIR}/cuda/${family}.fatbin"
      DEPENDS "${fatbin}"
      VERBATIM)
    list(APPEND fatbins "${GDL_OUTPUT_DIR}/cuda/${family}.fatbin")
  endforeach()
  add_custom_target(gdl_cuda_fatbins ALL DEPENDS ${fatbins})
  message(STATUS "gdl: CUDA kernels for ${GDL_CUDA_ARCHS} with ${gdl_nvcc}")
endif()
