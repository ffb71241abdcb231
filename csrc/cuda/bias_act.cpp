// Bias, piecewise linear activation, gain and clamp: the launches.
#include "bias_act.h"

#include "launch.h"

namespace gdl {
namespace cuda {
namespace {

Kernels<BiasActForward> bias_act_forward("bias_act", {GDL_BIAS_ACT_FORWARD(GDL_KERNEL_NAME)});
Kernels<BiasActBackward> bias_act_backward("bias_act", {GDL_BIAS_ACT_BACKWARD(GDL_KERNEL_NAME)});
Kernels<BiasActSum> bias_act_sum("bias_act", {GDL_BIAS_ACT_SUM(GDL_KERNEL_NAME)});
Kernels<BiasActSum> bias_act_sum_across("bias_act", {GDL_BIAS_ACT_SUM_ACROSS(GDL_KERNEL_NAME)});
Kernels<BiasActTotal> bias_act_total("bias_act", {GDL_BIAS_ACT_TOTAL(GDL_KERNEL_NAME)});

bool valid(const gdl_bias_act& s, int32_t dtype) {
  return s.outer >= 0 && s.channels >= 0 && s.inner >= 0 && s.positive > 0.0f && s.negative >= 0.0f && is_dtype(dtype);
}

int64_t size_of(const gdl_bias_act& s) { return s.outer * s.channels * s.inner; }

int64_t pieces_of(const gdl_bias_act& s) {
  const int64_t pieces = ceil_div(s.outer * s.inner, s.inner == 1 ? 64 : 16 * kThreads);
  return pieces < 1 ? 1 : pieces > 64 ? 64 : pieces;
}

int run_forward(const gdl_bias_act_forward_args& args, const gdl_cuda_call& call) {
  const gdl_bias_act s = args.shape;
  if (!valid(s, args.dtype)) return GDL_BAD_ARGUMENT;
  if (size_of(s) == 0) return GDL_OK;
  const bool across = s.inner == 1;
  const Quads quads = make_quads(across ? s.outer : s.outer * s.channels, across ? s.channels : s.inner);
  const bool whole = quads.whole() && aligned(args.x, args.dtype) && aligned(args.out, args.dtype);
  const BiasActForward p = {s, quads, args.x, args.bias, args.out};
  return bias_act_forward.launch(variant(whole, args.dtype), blocks_for(quads.count, kThreads), p, call);
}

int run_sums(const gdl_bias_act_backward_args& args, const gdl_cuda_call& call) {
  const gdl_bias_act s = args.shape;
  const int64_t pieces = pieces_of(s), count = pieces * s.channels;
  if (count == 0) return GDL_OK;
  float* sums = static_cast<float*>(call.scratch);
  const BiasActSum p = {s, ceil_div(s.outer * s.inner, pieces), pieces, args.grad_out, args.out, args.grad_x, sums};
  const int status = s.inner == 1 ? bias_act_sum_across.launch(args.dtype, blocks_for(count, kThreads), p, call)
                                  : bias_act_sum.launch(args.dtype, blocks_for(count, 1), p, call);
  if (status != GDL_OK) return status;
  const BiasActTotal total = {s.channels, pieces, sums, args.grad_bias};
  return bias_act_total.launch(0, blocks_for(s.channels, kThreads), total, call);
}

int run_backward(const gdl_bias_act_backward_args& args, const gdl_cuda_call& call) {
  const gdl_bias_act s = args.shape;
  if (!valid(s, args.dtype)) return GDL_BAD_ARGUMENT;
  if (args.grad_bias) return run_sums(args, call);
  const Quads quads = make_quads(1, size_of(s));
  if (quads.count == 0) return GDL_OK;
  const bool whole = quads.whole() && aligned(args.grad_out, args.dtype) && aligned(args.out, args.dtype) &&
                     aligned(args.grad_x, args.dtype);
  const BiasActBackward p = {s, quads, args.grad_out, args.out, args.grad_x};
  return bias_act_backward.launch(variant(whole, args.dtype), blocks_for(quads.count, kThreads), p, call);
}

}  // namespace
}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_bias_act_forward_scratch(const gdl_bias_act_forward_args*) { return 0; }

int64_t gdl_cuda_bias_act_backward_scratch(const gdl_bias_act_backward_args* args) {
  return args->grad_bias ? gdl::cuda::pieces_of(args->shape) * args->shape.channels * (int64_t)sizeof(float) : 0;
}

int gdl_cuda_bias_act_forward(const gdl_bias_act_forward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::run_forward(*args, *call);
}

int gdl_cuda_bias_act_backward(const gdl_bias_act_backward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::run_backward(*args, *call);
}
