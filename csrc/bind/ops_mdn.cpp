// Mixture density networks as ops.
#include "ops.h"

namespace gdl {
namespace {

// The stack owns its tensors, so every op takes all of them first.

gdl_mixture make_mixture(const Tensor& logits, const Tensor& mean, const Tensor& log_std) {
  require(mean.dim() == 3 && mean.size(1) >= 1 && mean.size(2) >= 1,
          "gdl: mean must be (rows, components >= 1, cols >= 1)");
  require_like(log_std, mean, "gdl: mean and log_std must have one shape, dtype and device");
  require(logits.dim() == 2 && logits.size(0) == mean.size(0) && logits.size(1) == mean.size(1) &&
              logits.dtype() == mean.dtype() && logits.device_type() == mean.device_type(),
          "gdl: logits must be (rows, components), of the dtype and device of mean");
  return {mean.size(0), mean.size(1), mean.size(2), logits.data(), mean.data(), log_std.data()};
}

void require_target(const Tensor& target, const Tensor& mean) {
  require(target.dim() == 2 && target.size(0) == mean.size(0) && target.size(1) == mean.size(2) &&
              target.dtype() == mean.dtype() && target.device_type() == mean.device_type(),
          "gdl: target must be (rows, cols), of the dtype and device of mean");
}

Tensor empty_like(const Tensor& tensor) { return Tensor::empty(tensor.sizes(), tensor.dim(), tensor.dtype(), tensor); }

template <class Device> void mdn_nll_forward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor logits_arg(stack[0]), mean_arg(stack[1]), log_std_arg(stack[2]), target_arg(stack[3]);
  Device device(mean_arg);
  const Tensor logits = std::move(logits_arg).contiguous(), mean = std::move(mean_arg).contiguous();
  const Tensor log_std = std::move(log_std_arg).contiguous(), target = std::move(target_arg).contiguous();
  const gdl_mixture mixture = make_mixture(logits, mean, log_std);
  require_target(target, mean);
  Tensor nll = Tensor::empty(&mixture.rows, 1, shim::functions().aoti_torch_dtype_float32(), mean);
  const gdl_mdn_nll_forward_args args = {mixture, storage_type(mean), target.data(),
                                         static_cast<float*>(nll.mutable_data())};
  device.mdn_nll_forward(args, mean);
  stack[0] = nll.release();
}

template <class Device> void mdn_nll_backward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor grad_arg(stack[0]), logits_arg(stack[1]), mean_arg(stack[2]), log_std_arg(stack[3]), target_arg(stack[4]);
  Device device(mean_arg);
  const Tensor logits = std::move(logits_arg).contiguous(), mean = std::move(mean_arg).contiguous();
  const Tensor log_std = std::move(log_std_arg).contiguous(), target = std::move(target_arg).contiguous();
  const Tensor grad = std::move(grad_arg).contiguous();
  const gdl_mixture mixture = make_mixture(logits, mean, log_std);
  require_target(target, mean);
  require_float_vector(grad, mixture.rows, mean, "gdl::mdn_nll_backward: grad must be float32 of shape (rows)");
  Tensor grad_logits = empty_like(logits), grad_mean = empty_like(mean), grad_log_std = empty_like(log_std);
  Tensor grad_target = empty_like(target);
  const gdl_mdn_nll_backward_args args = {mixture,
                                          storage_type(mean),
                                          target.data(),
                                          static_cast<const float*>(grad.data()),
                                          grad_logits.mutable_data(),
                                          grad_mean.mutable_data(),
                                          grad_log_std.mutable_data(),
                                          grad_target.mutable_data()};
  device.mdn_nll_backward(args, mean);
  stack[0] = grad_logits.release();
  stack[1] = grad_mean.release();
  stack[2] = grad_log_std.release();
  stack[3] = grad_target.release();
}

template <class Device> void mdn_sample(StableIValue* stack, uint64_t, uint64_t) {
  Tensor logits_arg(stack[0]), mean_arg(stack[1]), log_std_arg(stack[2]), key_arg(stack[3]);
  const float temperature = static_cast<float>(as_double(stack[4]));
  Device device(mean_arg);
  const Tensor logits = std::move(logits_arg).contiguous(), mean = std::move(mean_arg).contiguous();
  const Tensor log_std = std::move(log_std_arg).contiguous(), key = std::move(key_arg).contiguous();
  const gdl_mixture mixture = make_mixture(logits, mean, log_std);
  const int64_t sizes[] = {mixture.rows, mixture.cols};
  Tensor x = Tensor::empty(sizes, 2, mean.dtype(), mean);
  Tensor component = Tensor::empty(sizes, 1, shim::functions().aoti_torch_dtype_int64(), mean);
  const gdl_mdn_sample_args args = {mixture,     make_noise(x, key), storage_type(mean),
                                    temperature, x.mutable_data(),   static_cast<int64_t*>(component.mutable_data())};
  device.mdn_sample(args, mean, Device::device_key(key));
  stack[0] = x.release();
  stack[1] = component.release();
}

}  // namespace

std::vector<Op> mdn_ops() {
  return {
      GDL_OP("mdn_nll_forward(Tensor logits, Tensor mean, Tensor log_std, Tensor target) -> Tensor", mdn_nll_forward),
      GDL_OP("mdn_nll_backward(Tensor grad, Tensor logits, Tensor mean, Tensor log_std, Tensor target) -> "
             "(Tensor, Tensor, Tensor, Tensor)",
             mdn_nll_backward),
      GDL_OP("mdn_sample(Tensor logits, Tensor mean, Tensor log_std, Tensor key, float temperature) -> (Tensor, Tensor)",
             mdn_sample),
  };
}

}  // namespace gdl
