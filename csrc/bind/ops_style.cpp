// The ops of style-based generators: biased activation, and resampling with a filter.
#include "ops.h"

namespace gdl {
namespace {

// The stack owns its tensors, so every op takes all of them first.

// Without a bias the whole tensor is one row.
gdl_bias_act make_bias_act(const Tensor& x, int64_t dim, bool has_bias, const StableIValue* slopes) {
  gdl_bias_act shape = {1, 1, 1, static_cast<float>(as_double(slopes[0])), static_cast<float>(as_double(slopes[1])),
                        static_cast<float>(as_double(slopes[2]))};
  require(!has_bias || (dim >= 0 && dim < x.dim()), "gdl: dim must be a dimension of x");
  for (int64_t i = 0; i < x.dim(); ++i) {
    (!has_bias || i > dim ? shape.inner : i < dim ? shape.outer : shape.channels) *= x.size(i);
  }
  return shape;
}

template <class Device> void bias_act_forward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor x_arg(stack[0]), bias_arg(stack[1]);
  const int64_t dim = static_cast<int64_t>(stack[2]);
  const bool has_bias = as_bool(stack[3]);
  Device device(x_arg);
  const gdl_bias_act shape = make_bias_act(x_arg, dim, has_bias, stack + 4);
  if (has_bias) {
    require_float_vector(bias_arg, shape.channels, x_arg,
                         "gdl::bias_act_forward: bias must be float32, with a number for each channel, on x's device");
  }
  const Tensor x = std::move(x_arg).contiguous(), bias = std::move(bias_arg).contiguous();
  Tensor out = Tensor::empty(x.sizes(), x.dim(), x.dtype(), x);
  const gdl_bias_act_forward_args args = {shape, storage_type(x), x.data(),
                                          has_bias ? static_cast<const float*>(bias.data()) : nullptr, out.mutable_data()};
  if (x.numel() > 0) device.bias_act_forward(args, x);
  stack[0] = out.release();
}

// Without a bias the second result is empty.
template <class Device> void bias_act_backward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor grad_out_arg(stack[0]), out_arg(stack[1]);
  const int64_t dim = static_cast<int64_t>(stack[2]);
  const bool has_bias = as_bool(stack[3]);
  require_like(grad_out_arg, out_arg, "gdl::bias_act_backward: grad_out and out must have one shape, dtype and device");
  Device device(out_arg);
  const gdl_bias_act shape = make_bias_act(out_arg, dim, has_bias, stack + 4);
  const Tensor grad_out = std::move(grad_out_arg).contiguous(), out = std::move(out_arg).contiguous();
  const int64_t bias_size = has_bias ? shape.channels : 0;
  Tensor grad_x = Tensor::empty(out.sizes(), out.dim(), out.dtype(), out);
  Tensor grad_bias = Tensor::empty(&bias_size, 1, shim::functions().aoti_torch_dtype_float32(), out);
  const gdl_bias_act_backward_args args = {shape,
                                           storage_type(out),
                                           grad_out.data(),
                                           out.data(),
                                           grad_x.mutable_data(),
                                           bias_size ? static_cast<float*>(grad_bias.mutable_data()) : nullptr};
  device.bias_act_backward(args, out);
  stack[0] = grad_x.release();
  stack[1] = grad_bias.release();
}

template <class Device> void resample(StableIValue* stack, uint64_t, uint64_t) {
  Tensor x_arg(stack[0]), taps_arg(stack[1]);
  int64_t numbers[6];  // up, down, left, right, top, bottom
  for (int i = 0; i < 6; ++i) numbers[i] = static_cast<int64_t>(stack[2 + i]);
  const int64_t up = numbers[0], down = numbers[1], left = numbers[2], right = numbers[3], top = numbers[4], bottom = numbers[5];
  require(x_arg.dim() == 4, "gdl::resample: x must be (batch, channels, height, width)");
  require(up >= 1 && down >= 1, "gdl::resample: up and down must be 1 or more");
  require(taps_arg.dim() == 1 && taps_arg.size(0) >= 1 && taps_arg.size(0) <= GDL_MAX_TAPS,
          "gdl::resample: taps must have one dimension and 1 to 256 numbers");
  require_float_vector(taps_arg, taps_arg.size(0), x_arg, "gdl::resample: taps must be float32, on x's device");
  Device device(x_arg);
  const Tensor x = std::move(x_arg).contiguous(), taps = std::move(taps_arg).contiguous();
  const int64_t height = x.size(2) * up + top + bottom - taps.size(0), width = x.size(3) * up + left + right - taps.size(0);
  require(height >= 0 && width >= 0, "gdl::resample: the padded picture is smaller than the filter");
  const int64_t sizes[] = {x.size(0), x.size(1), height / down + 1, width / down + 1};
  Tensor out = Tensor::empty(sizes, 4, x.dtype(), x);
  const gdl_resample_args args = {sizes[0] * sizes[1],
                                  x.size(2),
                                  x.size(3),
                                  sizes[2],
                                  sizes[3],
                                  left,
                                  top,
                                  up,
                                  down,
                                  taps.size(0),
                                  storage_type(x),
                                  as_bool(stack[8]) ? 1 : 0,
                                  static_cast<float>(as_double(stack[9])),
                                  x.data(),
                                  static_cast<const float*>(taps.data()),
                                  out.mutable_data()};
  device.resample(args, x);
  stack[0] = out.release();
}

}  // namespace

std::vector<Op> style_ops() {
  return {
      GDL_OP("bias_act_forward(Tensor x, Tensor bias, int dim, bool has_bias, float positive, float negative, float limit) "
             "-> Tensor",
             bias_act_forward),
      GDL_OP("bias_act_backward(Tensor grad_out, Tensor out, int dim, bool has_bias, float positive, float negative, "
             "float limit) -> (Tensor, Tensor)",
             bias_act_backward),
      GDL_OP("resample(Tensor x, Tensor taps, int up, int down, int left, int right, int top, int bottom, bool flip, "
             "float gain) -> Tensor",
             resample),
  };
}

}  // namespace gdl
