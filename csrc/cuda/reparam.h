// Parameters and names of the kernels of reparam.cu.
#pragma once
#include "kernels.h"

namespace gdl {
namespace cuda {

struct ReparamForward {
  Quads quads;
  Key key;
  const void *mean, *log_var;
  void* z;
  // A group of 1, 32 or 256 threads sums a piece of a row; where the group is smaller than a block, a whole row.
  float* kl;  // of each piece
  int64_t per_row, count;  // pieces
  int32_t group;
};

// A block sums a piece of a row that is longer than a piece, eight quads in each thread.
const int64_t kQuadsPerPiece = 8 * kThreads;

struct SumPieces {
  const float* pieces;
  float* kl;
  int64_t per_row, rows;
};

struct Sum {
  const float* values;
  int64_t count;
  float scale;
  float* out;
};

// The columns are summed in pieces of `size` rows, cut by the shape alone.
struct KlColumns {
  const void *mean, *log_var;
  int64_t rows, cols, size, pieces;
  double* sums;  // (pieces, cols), or null where there is one piece
  float* kl;
};

struct ReparamBackward {
  Quads quads;
  Key key;
  // grad_z or grad_kl may be null
  const void *grad_z, *mean, *log_var;
  const float* grad_kl;
  int32_t kl_layout;
  float kl_scale;
  void *grad_mean, *grad_log_var;
};

#define GDL_REPARAM_FORWARD(X) GDL_TYPES_AND_SHAPES(X, reparam_forward, ReparamForward)
#define GDL_REPARAM_FORWARD_KL(X) GDL_TYPES_AND_SHAPES(X, reparam_forward_kl, ReparamForward)
#define GDL_SUM_PIECES(X) X(sum_pieces, f32, SumPieces, Float32)
#define GDL_SUM(X) X(sum, f32, Sum, Float32)
#define GDL_KL_COLUMNS_SUMS(X) GDL_TYPES(X, kl_columns, KlColumns)
#define GDL_KL_COLUMNS_TOTAL(X) X(kl_columns_total, f32, KlColumns, Float32)
#define GDL_REPARAM_BACKWARD(X) GDL_TYPES_AND_SHAPES(X, reparam_backward, ReparamBackward)

#define GDL_REPARAM_KERNELS(X) \
  GDL_REPARAM_FORWARD(X) GDL_REPARAM_FORWARD_KL(X) GDL_SUM_PIECES(X) GDL_SUM(X) GDL_KL_COLUMNS_SUMS(X) \
  GDL_KL_COLUMNS_TOTAL(X) GDL_REPARAM_BACKWARD(X)

}  // namespace cuda
}  // namespace gdl
