// The CUDA kernels and their launches on the CPU: what the launches do with the driver, then all operations.
#include <stdexcept>

#include "../cuda/launch.h"
#include "cuda_check.h"

static int asked = 0;

static std::string image(const char* family, int device) {
  ++asked;
  if (device != 0) throw std::runtime_error("no such device");
  return family;
}

static std::string no_image(const char*, int) { throw std::runtime_error("NVRTC is not installed"); }

static bool says(int status, const char* words) { return strstr(gdl_cuda_error_string(status), words) != nullptr; }

static void check_launches() {
  float out[8];
  const gdl_randn_args args = {{2, 4, 1, 0, nullptr}, GDL_FLOAT32, out};
  const gdl_cuda_call call = {nullptr, nullptr, nullptr, 0};
  int count = 0;

  fake_driver::missing = "no NVIDIA driver";
  CHECK(gdl_cuda_device_count(&count) == GDL_NO_DRIVER, "count");
  const int without = gdl_cuda_randn(&args, &call);
  CHECK(without == GDL_NO_DRIVER && says(without, "no NVIDIA driver"), "%s", gdl_cuda_error_string(without));
  fake_driver::missing = nullptr;
  CHECK(gdl_cuda_device_count(&count) == GDL_OK && count == 1, "%d devices", count);

  CHECK(gdl_cuda_randn(&args, &call) == GDL_NO_KERNELS, "no source of images");
  gdl::cuda::set_image_source(no_image);
  const int lacking = gdl_cuda_randn(&args, &call);
  CHECK(lacking == GDL_NO_KERNELS && says(lacking, "randn: NVRTC is not installed"), "%s", gdl_cuda_error_string(lacking));
  CHECK(fake_driver::contexts == 1 && fake_driver::has_context, "the primary context is taken once, by a thread without one");

  gdl::cuda::set_image_source(image);
  fake_driver::next_error = 209;
  CHECK(gdl_cuda_randn(&args, &call) == 209 && says(209, "GDL_CUDA_ARCHS"), "no binary for this GPU");
  fake_driver::hidden = "gdl_draw_normal_f32_whole";
  const int other = gdl_cuda_randn(&args, &call);
  CHECK(other == GDL_NO_KERNELS && says(other, "no gdl_draw_normal_f32"), "%s", gdl_cuda_error_string(other));
  fake_driver::hidden = "";
  const int loads = fake_driver::loads, before = fake_driver::launches;
  for (int i = 0; i < 3; ++i) CHECK(gdl_cuda_randn(&args, &call) == GDL_OK, "a launch");
  CHECK(fake_driver::loads == loads && fake_driver::launches == before + 3, "an image is loaded once");
  CHECK(asked == 2, "a source is asked once, and again after a failure: %d", asked);
  fake_driver::next_error = 719;
  CHECK(gdl_cuda_randn(&args, &call) == 719 && says(719, "unspecified launch failure"), "the driver's own words");

  for (const gdl::cuda::KernelTable* table : gdl::cuda::KernelTable::all()) {
    CHECK(gdl::cuda::prepare(table->family, 0) == GDL_OK, "%s: %s", table->family, gdl_cuda_error_string(GDL_NO_KERNELS));
  }
  CHECK(asked == 8, "families: %d", asked - 1);
}

static void check_bad_arguments() {
  const gdl_cuda_call call = {nullptr, nullptr, nullptr, 0};
  const gdl_randn_args dtype = {{2, 4, 1, 0, nullptr}, 3, nullptr};
  CHECK(gdl_cuda_randn(&dtype, &call) == GDL_BAD_ARGUMENT, "dtype");
  const gdl_path_forward_args path = {{1, 1, 1, 1, GDL_LERP, 0, 0, 0, 0}, GDL_FLOAT32, nullptr, nullptr, nullptr};
  CHECK(gdl_cuda_path_forward(&path, &call) == GDL_BAD_ARGUMENT, "one keyframe");
  const gdl_mdn_nll_forward_args mixture = {{2, 0, 3, nullptr, nullptr, nullptr}, GDL_FLOAT32, nullptr, nullptr};
  CHECK(gdl_cuda_mdn_nll_forward(&mixture, &call) == GDL_BAD_ARGUMENT, "no components");
  const gdl_resample_args up = {1, 4, 4, 4, 4, 0, 0, 0, 1, 1, GDL_FLOAT32, 0, 1.0f, nullptr, nullptr, nullptr};
  CHECK(gdl_cuda_resample(&up, &call) == GDL_BAD_ARGUMENT, "up 0");
}

int main() {
  check_launches();
  check_bad_arguments();
  check_noise();
  check_paths();
  check_mixtures();
  check_layers();
  return finish();
}
