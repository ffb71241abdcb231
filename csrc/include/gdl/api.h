/* The C interface of the kernel core: raw pointers, no torch, no Python.
 *
 * Tensors are dense and in C order. A tensor is `rows` latent vectors of `cols` numbers. The noise of element (r, j) is
 * word j % 4 of the Philox counter offset + r * ceil(cols / 4) + j / 4 (modulo 2^64) under the key `seed`, so that a row
 * has the same noise in every batch. All arithmetic is float32 whatever the storage type.
 * Functions return GDL_OK or an error code; empty tensors are fine. */
#ifndef GDL_API_H
#define GDL_API_H

#include <stdint.h>

#define GDL_EXPORT __attribute__((visibility("default")))

#ifdef __cplusplus
extern "C" {
#endif

enum gdl_status { GDL_OK = 0, GDL_BAD_ARGUMENT = -1, GDL_OUT_OF_MEMORY = -2 };
enum gdl_dtype { GDL_FLOAT32 = 0, GDL_BFLOAT16 = 1, GDL_FLOAT16 = 2 };
enum gdl_isa { GDL_SCALAR = 0, GDL_AVX2 = 1, GDL_AVX512 = 2 };
enum gdl_path_mode { GDL_LERP = 0, GDL_SLERP = 1 };

/* Runs body over [begin, end) in pieces of at least `grain`, on as many threads as the host likes. */
typedef void (*gdl_body)(int64_t begin, int64_t end, void* context);
typedef void (*gdl_parallel_for)(int64_t begin, int64_t end, int64_t grain, gdl_body body, void* context);

typedef struct gdl_noise {
  int64_t rows, cols;
  uint64_t seed, offset;
} gdl_noise;

typedef struct gdl_randn_args {
  gdl_noise noise;
  int32_t dtype;
  void* out; /* (rows, cols) */
} gdl_randn_args;

/* z = mean + exp(log_var / 2) * noise and KL(N(mean, exp(log_var)) || N(0, 1)) of each row, log_var clamped. */
typedef struct gdl_reparam_forward_args {
  gdl_noise noise;
  int32_t dtype;
  const void *mean, *log_var; /* (rows, cols) */
  void* z;                    /* (rows, cols) */
  float* kl;                  /* (rows), or NULL */
} gdl_reparam_forward_args;

/* The noise is drawn again rather than stored. The gradient of log_var is taken at its clamped value. */
typedef struct gdl_reparam_backward_args {
  gdl_noise noise;
  int32_t dtype;
  const void* grad_z;         /* (rows, cols), or NULL: zero */
  const float* grad_kl;       /* (rows), or one number if kl_shared, or NULL: zero */
  int32_t kl_shared;
  float kl_scale; /* every grad_kl is multiplied by it: 1 / rows for a mean */
  const void *mean, *log_var; /* (rows, cols); mean may be NULL without grad_kl */
  void* grad_mean;            /* (rows, cols); NULL without grad_kl, where it equals grad_z */
  void* grad_log_var;         /* (rows, cols) */
} gdl_reparam_backward_args;

/* A polyline through `count` keyframes: time t lies on the segment floor(t), the first and last are extended. */
typedef struct gdl_path {
  int64_t count, steps, rows, cols;
  int32_t mode, normalize;
} gdl_path;

typedef struct gdl_path_forward_args {
  gdl_path path;
  int32_t dtype;
  const void* keyframes; /* (count, rows, cols), count >= 2 */
  const float* t;        /* (steps) */
  void* out;             /* (steps, rows, cols) */
} gdl_path_forward_args;

typedef struct gdl_path_backward_args {
  gdl_path path;
  int32_t dtype;
  const void* grad_out;  /* (steps, rows, cols) */
  const void* keyframes; /* (count, rows, cols) */
  const float* t;        /* (steps) */
  void* grad_keyframes;  /* (count, rows, cols) */
  float* grad_t;         /* (steps) */
} gdl_path_backward_args;

/* A tensor of (outer, channels, inner) elements. out = clamp((x + bias) * slope), where the slope is `positive` above zero
 * and `negative` elsewhere, and values are clamped to [-limit, limit]; limit INFINITY clamps nothing. */
typedef struct gdl_bias_act {
  int64_t outer, channels, inner;
  float positive, negative, limit; /* positive > 0, negative >= 0: the sign of out is that of x + bias */
} gdl_bias_act;

typedef struct gdl_bias_act_forward_args {
  gdl_bias_act shape;
  int32_t dtype;
  const void* x;     /* (outer, channels, inner) */
  const float* bias; /* (channels), or NULL */
  void* out;         /* (outer, channels, inner) */
} gdl_bias_act_forward_args;

/* grad_x = grad_out * the slope at out, zero where out is clamped. Being linear in grad_out, it is its own gradient. */
typedef struct gdl_bias_act_backward_args {
  gdl_bias_act shape;
  int32_t dtype;
  const void *grad_out, *out; /* (outer, channels, inner) */
  void* grad_x;               /* (outer, channels, inner) */
  float* grad_bias;           /* (channels), or NULL */
} gdl_bias_act_backward_args;

/* `planes` pictures: `up - 1` zeros behind each pixel to its right and below, zeros added (or rows and columns cut off)
 * at the top and left so that `top` and `left` lie before the first pixel, convolution with the taps in both directions
 * times `gain`, and every `down`-th row and column of what fits. The sizes of the result say how much is added below and
 * to the right. */
typedef struct gdl_resample_args {
  int64_t planes, height, width, out_height, out_width, left, top, up, down, tap_count;
  int32_t dtype, flip; /* flip: correlation */
  float gain;
  const void* x;     /* (planes, height, width) */
  const float* taps; /* (tap_count), 1 <= tap_count <= GDL_MAX_TAPS */
  void* out;         /* (planes, out_height, out_width) */
} gdl_resample_args;

#define GDL_MAX_TAPS 256

/* Every operation NAME has a struct gdl_NAME_args and these functions:
 *   gdl_cpu_NAME           `parallel_for` may be NULL: one thread
 *   gdl_cuda_NAME          in libgdl_cuda: all pointers are device pointers; positive results are cudaError_t
 *   gdl_cuda_NAME_scratch  the bytes of device memory that gdl_cuda_NAME wants as `scratch` */
#define GDL_OPERATIONS(X)                                                        \
  X(randn) X(reparam_forward) X(reparam_backward) X(path_forward) X(path_backward) \
  X(bias_act_forward) X(bias_act_backward) X(resample)

typedef struct gdl_cuda_call {
  const int64_t* device_key; /* int64[2] (seed, offset) on the device, which overrides args->noise, or NULL */
  void* scratch;
  void* stream; /* a cudaStream_t */
} gdl_cuda_call;

#define GDL_DECLARE(name)                                                                            \
  GDL_EXPORT int gdl_cpu_##name(const gdl_##name##_args* args, gdl_parallel_for parallel_for);       \
  GDL_EXPORT int gdl_cuda_##name(const gdl_##name##_args* args, const gdl_cuda_call* call);          \
  GDL_EXPORT int64_t gdl_cuda_##name##_scratch(const gdl_##name##_args* args);
GDL_OPERATIONS(GDL_DECLARE)
#undef GDL_DECLARE

/* *out = scale * the sum of `values`, in a fixed order; device pointers. */
GDL_EXPORT int gdl_cuda_sum(const float* values, int64_t count, float scale, float* out, void* stream);
GDL_EXPORT int gdl_cuda_device_count(void); /* negative cudaError_t if there is no usable driver */
GDL_EXPORT const char* gdl_cuda_error_string(int error);

/* The instruction set in use: the best one, unless the environment variable GDL_ISA or gdl_set_isa says otherwise. */
GDL_EXPORT int gdl_get_isa(void);
GDL_EXPORT int gdl_isa_available(int isa);
GDL_EXPORT int gdl_set_isa(int isa); /* GDL_BAD_ARGUMENT if this machine or build lacks it */

#ifdef __cplusplus
}
#endif

#endif
