// The reparameterization trick with its KL divergence: the launches.
#include "reparam.h"

#include "launch.h"

namespace gdl {
namespace cuda {
namespace {

Kernels<ReparamForward> reparam_forward("reparam", {GDL_REPARAM_FORWARD(GDL_KERNEL_NAME)});
Kernels<ReparamForward> reparam_forward_kl("reparam", {GDL_REPARAM_FORWARD_KL(GDL_KERNEL_NAME)});
Kernels<SumPieces> sum_pieces("reparam", {GDL_SUM_PIECES(GDL_KERNEL_NAME)});
Kernels<Sum> sum("reparam", {GDL_SUM(GDL_KERNEL_NAME)});
Kernels<KlColumns> kl_columns("reparam", {GDL_KL_COLUMNS_SUMS(GDL_KERNEL_NAME)});
Kernels<KlColumns> kl_columns_total("reparam", {GDL_KL_COLUMNS_TOTAL(GDL_KERNEL_NAME)});
Kernels<ReparamBackward> reparam_backward("reparam", {GDL_REPARAM_BACKWARD(GDL_KERNEL_NAME)});

int64_t pieces_per_row(int64_t cols) { return at_least_one(ceil_div(ceil_div(cols, 4), kQuadsPerPiece)); }

// Enough pieces that blocks of 32 columns fill a GPU, and no more of them than that.
int64_t pieces_of_columns(int64_t rows) {
  const int64_t pieces = ceil_div(rows, 256);
  return pieces < 1 ? 1 : pieces < 64 ? pieces : 64;
}

int run_columns(const gdl_reparam_forward_args& args, const gdl_cuda_call& call) {
  const int64_t rows = args.noise.rows, cols = args.noise.cols, pieces = pieces_of_columns(rows);
  if (cols == 0) return GDL_OK;
  const KlColumns p = {args.mean, args.log_var, rows, cols, ceil_div(rows, pieces), pieces,
                       pieces > 1 ? static_cast<double*>(call.scratch) : nullptr, args.kl};
  const int status = kl_columns.launch(args.dtype, blocks_for(ceil_div(cols, kWarp) * pieces, 1), p, call);
  if (status != GDL_OK || pieces == 1) return status;
  return kl_columns_total.launch(0, blocks_for(cols, kThreads), p, call);
}

int run_forward(const gdl_reparam_forward_args& args, const gdl_cuda_call& call) {
  const int64_t rows = args.noise.rows;
  const Quads quads = make_quads(rows, args.noise.cols);
  if (!is_dtype(args.dtype)) return GDL_BAD_ARGUMENT;
  const bool whole = quads.whole() && aligned(args.mean, args.dtype) && aligned(args.log_var, args.dtype) &&
                     aligned(args.z, args.dtype);
  ReparamForward p = {quads, make_key(args.noise, call), args.mean, args.log_var, args.z, args.kl, 1, rows, 1};
  if (!args.kl || args.kl_layout == GDL_KL_COLUMNS) {
    if (quads.count > 0) {
      const int status = reparam_forward.launch(variant(whole, args.dtype), blocks_for(quads.count, kThreads), p, call);
      if (status != GDL_OK) return status;
    }
    return args.kl ? run_columns(args, call) : GDL_OK;
  }
  if (rows == 0) return GDL_OK;
  p.group = quads.per_row <= 4 ? 1 : quads.per_row <= kQuadsPerPiece / 8 ? kWarp : kThreads;
  if (p.group == kThreads) p.per_row = pieces_per_row(args.noise.cols);
  p.count = rows * p.per_row;
  if (p.per_row > 1) p.kl = static_cast<float*>(call.scratch);
  const int status = reparam_forward_kl.launch(variant(whole, args.dtype), blocks_for(p.count, kThreads / p.group), p, call);
  if (status != GDL_OK || p.per_row == 1) return status;
  const SumPieces total = {p.kl, args.kl, p.per_row, rows};
  return sum_pieces.launch(0, blocks_for(rows, kThreads), total, call);
}

int run_backward(const gdl_reparam_backward_args& args, const gdl_cuda_call& call) {
  const Quads quads = make_quads(args.noise.rows, args.noise.cols);
  if (!is_dtype(args.dtype) || !(args.grad_z || args.grad_kl)) return GDL_BAD_ARGUMENT;
  if (quads.count == 0) return GDL_OK;
  const ReparamBackward p = {quads,        make_key(args.noise, call), args.grad_z,    args.mean,     args.log_var,
                             args.grad_kl, args.kl_layout,             args.kl_scale, args.grad_mean, args.grad_log_var};
  bool whole = quads.whole();
  for (const void* array : {p.grad_z, p.mean, p.log_var, static_cast<const void*>(p.grad_mean), static_cast<const void*>(p.grad_log_var)}) {
    whole = whole && aligned(array, args.dtype);
  }
  return reparam_backward.launch(variant(whole, args.dtype), blocks_for(quads.count, kThreads), p, call);
}

}  // namespace
}  // namespace cuda
}  // namespace gdl

int64_t gdl_cuda_reparam_forward_scratch(const gdl_reparam_forward_args* args) {
  using namespace gdl::cuda;
  if (!args->kl) return 0;
  if (args->kl_layout == GDL_KL_COLUMNS) {
    const int64_t pieces = pieces_of_columns(args->noise.rows);
    return pieces > 1 ? pieces * args->noise.cols * (int64_t)sizeof(double) : 0;
  }
  const int64_t per_row = pieces_per_row(args->noise.cols);
  return per_row > 1 ? args->noise.rows * per_row * (int64_t)sizeof(float) : 0;
}

int gdl_cuda_reparam_forward(const gdl_reparam_forward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::run_forward(*args, *call);
}

int gdl_cuda_reparam_backward(const gdl_reparam_backward_args* args, const gdl_cuda_call* call) {
  return gdl::cuda::run_backward(*args, *call);
}

int64_t gdl_cuda_reparam_backward_scratch(const gdl_reparam_backward_args*) { return 0; }

int gdl_cuda_sum(const float* values, int64_t count, float scale, float* out, const gdl_cuda_call* call) {
  const gdl::cuda::Sum p = {values, count, scale, out};
  return gdl::cuda::sum.launch(0, 1, p, *call);
}
