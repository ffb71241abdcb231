// Noise and the reparameterization trick as ops.
#include "ops.h"

namespace gdl {
namespace {

// The stack owns its tensors, so every op takes all of them first.

template <class Device, void (Device::*kDraw)(const gdl_randn_args&, const Tensor&, const int64_t*)>
void draw(StableIValue* stack) {
  const Tensor like(stack[0]);
  const Tensor key = Tensor(stack[1]).contiguous();
  Device device(like);
  Tensor out = Tensor::empty(like.sizes(), like.dim(), like.dtype(), like);
  const gdl_randn_args args = {make_noise(like, key), storage_type(like), out.mutable_data()};
  (device.*kDraw)(args, like, Device::device_key(key));
  stack[0] = out.release();
}

template <class Device> void randn(StableIValue* stack, uint64_t, uint64_t) { draw<Device, &Device::randn>(stack); }
template <class Device> void uniform(StableIValue* stack, uint64_t, uint64_t) { draw<Device, &Device::uniform>(stack); }

// What becomes of the rows' KL divergences. The values are part of the ops' schemas.
enum KlReduction : int64_t { kNoKl = 0, kKlPerRow = 1, kKlSum = 2, kKlMean = 3, kKlPerColumn = 4 };

KlReduction as_reduction(StableIValue value) {
  const int64_t kl = static_cast<int64_t>(value);
  require(kl >= kNoKl && kl <= kKlPerColumn, "gdl: kl must be 0 (none), 1 (per row), 2 (sum), 3 (mean) or 4 (per column)");
  return static_cast<KlReduction>(kl);
}

int32_t kl_layout(KlReduction kl) {
  return kl == kKlPerColumn ? GDL_KL_COLUMNS : kl == kKlPerRow ? GDL_KL_ROWS : GDL_KL_SHARED;
}

float kl_scale(KlReduction kl, int64_t rows) { return kl == kKlMean ? 1.0f / static_cast<float>(rows) : 1.0f; }

template <class Device, bool kKeep> void reparam_any_forward(StableIValue* stack) {
  Tensor mean_arg(stack[0]), log_var_arg(stack[1]), key_arg(stack[2]);
  const KlReduction kl = as_reduction(stack[3]);
  require_like(mean_arg, log_var_arg, "gdl::reparam_forward: mean and log_var must have one shape, dtype and device");
  Device device(mean_arg);
  const Tensor mean = std::move(mean_arg).contiguous(), log_var = std::move(log_var_arg).contiguous();
  const Tensor key = std::move(key_arg).contiguous();
  const gdl_noise noise = make_noise(mean, key);
  const bool reduced = kl == kKlSum || kl == kKlMean;
  const int64_t kl_size = kl == kNoKl ? 0 : kl == kKlPerColumn ? noise.cols : noise.rows;
  const int64_t is_vector = kl == kNoKl || kl == kKlPerColumn || (kl == kKlPerRow && mean.dim() >= 2);
  const int32_t float32 = shim::functions().aoti_torch_dtype_float32();
  Tensor z = Tensor::empty(mean.sizes(), mean.dim(), mean.dtype(), mean);
  Tensor result = Tensor::empty(&kl_size, is_vector, float32, mean);
  typename Device::Floats rows(reduced ? noise.rows : 0, mean);
  float* sums = kl == kNoKl ? nullptr : reduced ? rows.data() : static_cast<float*>(result.mutable_data());
  Tensor kept = kKeep ? Tensor::empty(mean.sizes(), mean.dim(), float32, mean) : Tensor(0);
  const gdl_reparam_forward_args args = {noise,
                                         storage_type(mean),
                                         mean.data(),
                                         log_var.data(),
                                         z.mutable_data(),
                                         sums,
                                         kl_layout(kl),
                                         kKeep ? static_cast<float*>(kept.mutable_data()) : nullptr};
  device.reparam_forward(args, mean, Device::device_key(key));
  if (reduced) {
    device.sum(args.kl, noise.rows, kl_scale(kl, noise.rows), static_cast<float*>(result.mutable_data()));
  }
  stack[0] = z.release();
  stack[1] = result.release();
  if (kKeep) stack[2] = kept.release();
}

template <class Device> void reparam_forward(StableIValue* stack, uint64_t, uint64_t) {
  reparam_any_forward<Device, false>(stack);
}

// Returns the noise too, for the backward pass to read: cheaper than to draw it again while it is small.
void reparam_forward_keeping(StableIValue* stack, uint64_t, uint64_t) { reparam_any_forward<Cpu, true>(stack); }

// `noise` is the key, or what reparam_forward_keeping kept. `kl` says which reduction grad_kl belongs to, 0 that there is
// none: then the gradient of mean is grad_z, and the first result is empty.
template <class Device> void reparam_backward(StableIValue* stack, uint64_t, uint64_t) {
  Tensor grad_z_arg(stack[0]), grad_kl_arg(stack[1]), mean_arg(stack[2]), log_var_arg(stack[3]), noise_arg(stack[4]);
  const bool has_grad_z = as_bool(stack[5]);
  const KlReduction kl = as_reduction(stack[6]);
  const bool has_grad_kl = kl != kNoKl;
  require(has_grad_z || has_grad_kl, "gdl::reparam_backward: needs grad_z or grad_kl");
  require_like(mean_arg, log_var_arg, "gdl::reparam_backward: mean and log_var must have one shape, dtype and device");
  if (has_grad_z) require_like(grad_z_arg, mean_arg, "gdl::reparam_backward: grad_z must be like mean");
  Device device(mean_arg);
  const Tensor grad_z = std::move(grad_z_arg).contiguous(), grad_kl = std::move(grad_kl_arg).contiguous();
  const Tensor mean = std::move(mean_arg).contiguous(), log_var = std::move(log_var_arg).contiguous();
  const Tensor key = std::move(noise_arg).contiguous();
  const bool kept = key.dtype() == shim::functions().aoti_torch_dtype_float32();
  if (kept) {
    require(mean.on_cpu() && key.on_cpu() && key.same_shape(mean),
            "gdl::reparam_backward: kept noise must have the shape of mean, on the CPU");
  }
  const gdl_noise noise = kept ? make_noise(mean) : make_noise(mean, key);
  if (has_grad_kl) {
    require(grad_kl.numel() == (kl == kKlPerRow ? noise.rows : kl == kKlPerColumn ? noise.cols : 1) &&
                grad_kl.dtype() == shim::functions().aoti_torch_dtype_float32() &&
                grad_kl.device_type() == mean.device_type(),
            "gdl::reparam_backward: grad_kl must be float32, of the shape that the forward pass gave KL");
  }
  const int64_t none = 0;
  Tensor grad_mean = has_grad_kl ? Tensor::empty(mean.sizes(), mean.dim(), mean.dtype(), mean)
                                 : Tensor::empty(&none, 1, mean.dtype(), mean);
  Tensor grad_log_var = Tensor::empty(mean.sizes(), mean.dim(), mean.dtype(), mean);
  const gdl_reparam_backward_args args = {noise,
                                          storage_type(mean),
                                          has_grad_z ? grad_z.data() : nullptr,
                                          has_grad_kl ? static_cast<const float*>(grad_kl.data()) : nullptr,
                                          kl_layout(kl),
                                          kl_scale(kl, noise.rows),
                                          mean.data(),
                                          log_var.data(),
                                          has_grad_kl ? grad_mean.mutable_data() : nullptr,
                                          grad_log_var.mutable_data(),
                                          kept ? static_cast<const float*>(key.data()) : nullptr};
  if (mean.numel() > 0) device.reparam_backward(args, mean, kept ? nullptr : Device::device_key(key));
  stack[0] = grad_mean.release();
  stack[1] = grad_log_var.release();
}

}  // namespace

std::vector<Op> noise_ops() {
  return {
      GDL_OP("randn(Tensor like, Tensor key) -> Tensor", randn),
      GDL_OP("uniform(Tensor like, Tensor key) -> Tensor", uniform),
      GDL_OP("reparam_forward(Tensor mean, Tensor log_var, Tensor key, int kl) -> (Tensor, Tensor)", reparam_forward),
      {"reparam_forward_keeping(Tensor mean, Tensor log_var, Tensor key, int kl) -> (Tensor, Tensor, Tensor)",
       reparam_forward_keeping, nullptr},
      GDL_OP("reparam_backward(Tensor grad_z, Tensor grad_kl, Tensor mean, Tensor log_var, Tensor noise, bool has_grad_z, "
             "int kl) -> (Tensor, Tensor)",
             reparam_backward),
  };
}

}  // namespace gdl
