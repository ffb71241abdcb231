// Lines through latent space as ops.
#include "ops.h"

namespace gdl {
namespace {

// The stack owns its tensors, so every op takes all of them first.

// `settings`: the stack from mode on.
gdl_path make_path(const Tensor& keyframes, const Tensor& t, const StableIValue* settings) {
  require(keyframes.dim() == 3 && keyframes.size(0) >= 2, "gdl: keyframes must be (count >= 2, batch, latent)");
  require(t.dim() == 1, "gdl: t must have one dimension");
  require_float_vector(t, t.size(0), keyframes, "gdl: t must be float32, of one dimension, on the keyframes' device");
  const int32_t mode = static_cast<int32_t>(static_cast<int64_t>(settings[0]));
  return {keyframes.size(0), t.size(0), keyframes.size(1),    keyframes.size(2),
          mode,              as_bool(settings[1]), as_bool(settings[2]), 0, 0};
}

template <class Device> void path_forward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor keyframes_arg(stack[0]), t_arg(stack[1]);
  Device device(keyframes_arg);
  const gdl_path path = make_path(keyframes_arg, t_arg, stack + 2);
  const Tensor keyframes = std::move(keyframes_arg).contiguous(), t = std::move(t_arg).contiguous();
  const int64_t sizes[] = {path.steps, path.rows, path.cols};
  Tensor out = Tensor::empty(sizes, 3, keyframes.dtype(), keyframes);
  const gdl_path_forward_args args = {path, storage_type(keyframes), keyframes.data(),
                                      static_cast<const float*>(t.data()), out.mutable_data()};
  device.path_forward(args, keyframes);
  stack[0] = out.release();
}

// A line from a to b, which need not be stacked.
template <class Device> void between(StableIValue* stack, uint64_t, uint64_t) {
  Tensor a_arg(stack[0]), b_arg(stack[1]), t_arg(stack[2]);
  Device device(a_arg);
  require(a_arg.dim() == 2, "gdl::between: a and b must be (batch, latent)");
  require_like(b_arg, a_arg, "gdl::between: a and b must have one shape, dtype and device");
  require_float_vector(t_arg, t_arg.dim() == 1 ? t_arg.size(0) : 0, a_arg,
                       "gdl::between: t must be float32, of one dimension, on the device of a and b");
  const Tensor a = std::move(a_arg).contiguous(), b = std::move(b_arg).contiguous(), t = std::move(t_arg).contiguous();
  const int32_t dtype = storage_type(a), mode = static_cast<int32_t>(static_cast<int64_t>(stack[3]));
  const int64_t bytes = reinterpret_cast<intptr_t>(b.data()) - reinterpret_cast<intptr_t>(a.data());
  const int64_t stride = bytes / (dtype == GDL_FLOAT32 ? 4 : 2);
  const int64_t sizes[] = {t.size(0), a.size(0), a.size(1)};
  Tensor out = Tensor::empty(sizes, 3, a.dtype(), a);
  const gdl_path path = {2, sizes[0], sizes[1], sizes[2], mode, as_bool(stack[4]), 0, 1, stride};
  const gdl_path_forward_args args = {path, dtype, a.data(), static_cast<const float*>(t.data()), out.mutable_data()};
  device.path_forward(args, a);
  stack[0] = out.release();
}

template <class Device> void path_backward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor grad_out_arg(stack[0]), keyframes_arg(stack[1]), t_arg(stack[2]);
  Device device(keyframes_arg);
  const gdl_path path = make_path(keyframes_arg, t_arg, stack + 3);
  require(grad_out_arg.dim() == 3 && grad_out_arg.size(0) == path.steps && grad_out_arg.size(1) == path.rows &&
              grad_out_arg.size(2) == path.cols && grad_out_arg.dtype() == keyframes_arg.dtype() &&
              grad_out_arg.device_type() == keyframes_arg.device_type(),
          "gdl::path_backward: grad_out must be (steps, batch, latent) of the keyframes' dtype");
  const Tensor grad_out = std::move(grad_out_arg).contiguous(), keyframes = std::move(keyframes_arg).contiguous();
  const Tensor t = std::move(t_arg).contiguous();
  Tensor grad_keyframes = Tensor::empty(keyframes.sizes(), 3, keyframes.dtype(), keyframes);
  Tensor grad_t = Tensor::empty(&path.steps, 1, t.dtype(), keyframes);
  const gdl_path_backward_args args = {path,
                                       storage_type(keyframes),
                                       grad_out.data(),
                                       keyframes.data(),
                                       static_cast<const float*>(t.data()),
                                       grad_keyframes.mutable_data(),
                                       static_cast<float*>(grad_t.mutable_data())};
  device.path_backward(args, keyframes);
  stack[0] = grad_keyframes.release();
  stack[1] = grad_t.release();
}

template <class Device> void arithmetic(StableIValue* stack, uint64_t, uint64_t) {
  Tensor z_arg(stack[0]), directions_arg(stack[1]), alpha_arg(stack[2]);
  Device device(z_arg);
  require(z_arg.dim() == 2 && directions_arg.dim() == 2 && alpha_arg.dim() == 2 &&
              directions_arg.size(1) == z_arg.size(1) && alpha_arg.size(1) == directions_arg.size(0) &&
              directions_arg.dtype() == z_arg.dtype() &&
              alpha_arg.dtype() == shim::functions().aoti_torch_dtype_float32() &&
              directions_arg.device_type() == z_arg.device_type() && alpha_arg.device_type() == z_arg.device_type(),
          "gdl::arithmetic: needs z (batch, latent), directions (count, latent) of its dtype, alpha (steps, count) float32");
  const Tensor z = std::move(z_arg).contiguous(), directions = std::move(directions_arg).contiguous();
  const Tensor alpha = std::move(alpha_arg).contiguous();
  const int64_t sizes[] = {alpha.size(0), z.size(0), z.size(1)};
  Tensor out = Tensor::empty(sizes, 3, z.dtype(), z);
  const gdl_arithmetic_args args = {sizes[0], sizes[1], sizes[2], directions.size(0), storage_type(z), z.data(),
                                    directions.data(), static_cast<const float*>(alpha.data()), out.mutable_data()};
  device.arithmetic(args, z);
  stack[0] = out.release();
}

}  // namespace

std::vector<Op> path_ops() {
  return {
      GDL_OP("path_forward(Tensor keyframes, Tensor t, int mode, bool normalize, bool closed) -> Tensor", path_forward),
      GDL_OP("between(Tensor a, Tensor b, Tensor t, int mode, bool normalize) -> Tensor", between),
      GDL_OP("path_backward(Tensor grad_out, Tensor keyframes, Tensor t, int mode, bool normalize, bool closed) -> (Tensor, Tensor)",
             path_backward),
      GDL_OP("arithmetic(Tensor z, Tensor directions, Tensor alpha) -> Tensor", arithmetic),
  };
}

}  // namespace gdl
