// Mixtures of Gaussians: the launches.
#include "mdn.h"

#include <math.h>

#include "launch.h"

namespace gdl {
namespace cuda {
namespace {

Kernels<MdnNll> mdn_nll("mdn", {GDL_MDN_NLL(GDL_KERNEL_NAME)});
Kernels<MdnNllBackward> mdn_nll_backward("mdn", {GDL_MDN_NLL_BACKWARD(GDL_KERNEL_NAME)});
Kernels<MdnChoose> mdn_choose("mdn", {GDL_MDN_CHOOSE(GDL_KERNEL_NAME)});
Kernels<MdnDraw> mdn_draw("mdn", {GDL_MDN_DRAW(GDL_KERNEL_NAME)});

bool valid(const gdl_mixture& m, int32_t dtype) {
  return m.rows >= 0 && m.components >= 1 && m.cols >= 1 && is_dtype(dtype);
}

int group_of(const gdl_mixture& m) { return m.cols >= 8 ? kWarp : 1; }

int run_forward(const gdl_mdn_nll_forward_args& args, const gdl_cuda_call& call) {
  const gdl_mixture& m = args.mixture;
  if (!valid(m, args.dtype)) return GDL_BAD_ARGUMENT;
  if (m.rows == 0) return GDL_OK;
  const float constant = (float)(0.91893853320467274178 * (double)m.cols);  // ln(2 pi) / 2
  const MdnNll p = {m, args.target, constant, args.nll, group_of(m)};
  return mdn_nll.launch(args.dtype, blocks_for(m.rows, kThreads / p.group), p, call);
}

int run_backward(const gdl_mdn_nll_backward_args& args, const gdl_cuda_call& call) {
  const gdl_mixture& m = args.mixture;
  if (!valid(m, args.dtype)) return GDL_BAD_ARGUMENT;
  if (m.rows == 0) return GDL_OK;
  const MdnNllBackward p = {args, static_cast<float*>(call.scratch), group_of(m)};
  return mdn_nll_backward.launch(args.dtype, blocks_for(m.rows, kThreads / p.group), p, call);
}

int run_sample(const gdl_mdn_sample_args& args, const gdl_cuda_call& call) {
  const gdl_mixture m = args.mixture;
  if (!valid(m, args.dtype) || args.noise.rows != m.rows || args.noise.cols != m.cols || args.noise.row_keys) return GDL_BAD_ARGUMENT;
  if (!(args.temperature >= 0.0f) || args.temperature * 0.0f != 0.0f) return GDL_BAD_ARGUMENT;
  if (m.rows == 0) return GDL_OK;
  const Quads quads = make_quads(m.rows, m.cols);
  const Key key = make_key(args.noise, call);
  float* totals = static_cast<float*>(call.scratch);
  const MdnChoose choose = {m, key, args.temperature, quads.per_row, args.component, totals};
  const int status = mdn_choose.launch(args.dtype, blocks_for(m.rows, kThreads), choose, call);
  if (status != GDL_OK) return status;
  const MdnDraw draw = {m, quads, key, sqrtf(args.temperature), args.component, totals, args.x};
  return mdn_draw.launch(args.dtype, blocks_for(quads.count, kThreads), draw, call);
}

}  // namespace
}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_mdn_nll_forward_scratch(const gdl_mdn_nll_forward_args*) { return 0; }

int64_t gdl_cuda_mdn_nll_backward_scratch(const gdl_mdn_nll_backward_args* args) {
  return args->mixture.rows * args->mixture.components * (int64_t)sizeof(float);
}

int64_t gdl_cuda_mdn_sample_scratch(const gdl_mdn_sample_args* args) { return args->mixture.rows * (int64_t)sizeof(float); }

int gdl_cuda_mdn_nll_forward(const gdl_mdn_nll_forward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::run_forward(*args, *call);
}

int gdl_cuda_mdn_nll_backward(const gdl_mdn_nll_backward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::run_backward(*args, *call);
}

int gdl_cuda_mdn_sample(const gdl_mdn_sample_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::run_sample(*args, *call);
}
