/* The C interface of the kernel core: raw pointers, no torch, no Python.
 *
 * Tensors are dense and in C order. A tensor is `rows` latent vectors of `cols` numbers. The noise of element (r, j) is
 * word j % 4 of the Philox counter offset + r * ceil(cols / 4) + j / 4 (modulo 2^64) under the key `seed`, so that a row
 * has the same noise in every batch. All arithmetic is float32 whatever the storage type.
 * Functions return GDL_OK or an error code; empty tensors are fine. */
#ifndef GDL_API_H
#define GDL_API_H

#if defined(__CUDACC_RTC__)
#include "platform.h" /* NVRTC has no system headers, and no libraries to export from */
#define GDL_EXPORT
#else
#include <stdint.h>
#define GDL_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum gdl_status { GDL_OK = 0, GDL_BAD_ARGUMENT = -1, GDL_OUT_OF_MEMORY = -2, GDL_NO_KERNELS = -3, GDL_NO_DRIVER = -4 };
enum gdl_dtype { GDL_FLOAT32 = 0, GDL_BFLOAT16 = 1, GDL_FLOAT16 = 2 };
enum gdl_isa { GDL_SCALAR = 0, GDL_AVX2 = 1, GDL_AVX512 = 2, GDL_NEON = 3 };
enum gdl_path_mode { GDL_LERP = 0, GDL_SLERP = 1, GDL_CATMULL_ROM = 2 };

/* Runs body over [begin, end) in pieces of at least `grain`, on as many threads as the host likes. */
typedef void (*gdl_body)(int64_t begin, int64_t end, void* context);
typedef void (*gdl_parallel_for)(int64_t begin, int64_t end, int64_t grain, gdl_body body, void* context);

/* With `row_keys`, (rows) pairs of (seed, offset), every row is drawn as the first row under a key of its own. */
typedef struct gdl_noise {
  int64_t rows, cols;
  uint64_t seed, offset;
  const int64_t* row_keys; /* or NULL */
} gdl_noise;

typedef struct gdl_randn_args {
  gdl_noise noise;
  int32_t dtype;
  void* out; /* (rows, cols) */
} gdl_randn_args;

/* Numbers of [0, 1): the top 24 bits of a word over 2^24; 8 for bfloat16 and 11 for float16. */
typedef gdl_randn_args gdl_uniform_args;

/* What the KL divergences of the elements are summed to. */
enum gdl_kl_layout { GDL_KL_ROWS = 0, GDL_KL_SHARED = 1, GDL_KL_COLUMNS = 2 };

/* z = mean + exp(log_var / 2) * noise and KL(N(mean, exp(log_var)) || N(0, 1)) of rows or columns, log_var clamped. */
typedef struct gdl_reparam_forward_args {
  gdl_noise noise;
  int32_t dtype;
  const void *mean, *log_var; /* (rows, cols) */
  void* z;                    /* (rows, cols) */
  float* kl;                  /* (rows), or (cols) if kl_layout is GDL_KL_COLUMNS, or NULL */
  int32_t kl_layout;
  float* kept_noise; /* (rows, cols): the noise is also written here; or NULL. CPU only */
} gdl_reparam_forward_args;

/* The noise is drawn again unless it was kept. The gradient of log_var is taken at its clamped value. */
typedef struct gdl_reparam_backward_args {
  gdl_noise noise;
  int32_t dtype;
  const void* grad_z;         /* (rows, cols), or NULL: zero */
  const float* grad_kl;       /* (rows), (1) or (cols) by kl_layout, or NULL: zero */
  int32_t kl_layout;
  float kl_scale; /* every grad_kl is multiplied by it: 1 / rows for a mean */
  const void *mean, *log_var; /* (rows, cols); mean may be NULL without grad_kl */
  void* grad_mean;            /* (rows, cols); NULL without grad_kl, where it equals grad_z */
  void* grad_log_var;         /* (rows, cols) */
  const float* kept_noise;    /* (rows, cols) from the forward pass, or NULL. CPU only */
} gdl_reparam_backward_args;

/* A line through `count` >= 2 keyframes: time t lies on the segment floor(t). An open line has count - 1 segments, the first
 * and last of which go on before and behind; a closed one returns to its first keyframe and begins again. */
typedef struct gdl_path {
  int64_t count, steps, rows, cols;
  int32_t mode, normalize, closed;
  int32_t apart;  /* 0: keyframes follow one another; 1: they lie `stride` numbers apart, so that two may lie anywhere */
  int64_t stride;
} gdl_path;

typedef struct gdl_path_forward_args {
  gdl_path path;
  int32_t dtype;
  const void* keyframes; /* (count, rows, cols) */
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

/* out[t, r] = z[r] + sum over d of alpha[t, d] * directions[d] */
typedef struct gdl_arithmetic_args {
  int64_t steps, rows, cols, count;
  int32_t dtype;
  const void* z;          /* (rows, cols) */
  const void* directions; /* (count, cols) */
  const float* alpha;     /* (steps, count) */
  void* out;              /* (steps, rows, cols) */
} gdl_arithmetic_args;

/* Each row is a mixture of `components` Gaussians with independent dimensions: softmax(logits) are the weights, and log_std
 * is clamped. Both counts are 1 or more. */
typedef struct gdl_mixture {
  int64_t rows, components, cols;
  const void* logits;         /* (rows, components) */
  const void *mean, *log_std; /* (rows, components, cols) */
} gdl_mixture;

typedef struct gdl_mdn_nll_forward_args {
  gdl_mixture mixture;
  int32_t dtype;
  const void* target; /* (rows, cols) */
  float* nll;         /* (rows) */
} gdl_mdn_nll_forward_args;

typedef struct gdl_mdn_nll_backward_args {
  gdl_mixture mixture;
  int32_t dtype;
  const void* target;    /* (rows, cols) */
  const float* grad_nll; /* (rows) */
  void* grad_logits;     /* like logits */
  void *grad_mean, *grad_log_std; /* like mean */
  void* grad_target;     /* like target */
} gdl_mdn_nll_backward_args;

/* The logits are divided by the temperature, the standard deviations multiplied by its root; at 0 x is the mean of the
 * likeliest component. The noise of row r is that of randn; its component comes from word 0 of the Philox counter
 * (offset + r * ceil(cols / 4), 1), whose upper half is 0 in all normal noise. noise.rows and noise.cols are the mixture's.
 * A row without a distribution (NaN or inf among its logits, or all of them -inf) gives NaN and component 0. */
typedef struct gdl_mdn_sample_args {
  gdl_mixture mixture;
  gdl_noise noise;
  int32_t dtype;
  float temperature;
  void* x;            /* (rows, cols) */
  int64_t* component; /* (rows) */
} gdl_mdn_sample_args;

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
 *   gdl_cuda_NAME          in libgdl_cuda: all pointers are device pointers; positive results are CUresult
 *   gdl_cuda_NAME_scratch  the bytes of device memory that gdl_cuda_NAME wants as `scratch` */
#define GDL_OPERATIONS(X) \
  X(randn) X(uniform) X(reparam_forward) X(reparam_backward) X(path_forward) X(path_backward) X(arithmetic) \
  X(mdn_nll_forward) X(mdn_nll_backward) X(mdn_sample) \
  X(bias_act_forward) X(bias_act_backward) X(resample)

typedef struct gdl_cuda_call {
  const int64_t* device_key; /* int64[2] (seed, offset) on the device, which overrides args->noise, or NULL */
  void* scratch;
  void* stream;   /* a cudaStream_t of the current context */
  int32_t device; /* whose primary context is made current where the calling thread has none */
} gdl_cuda_call;

#define GDL_DECLARE(name)                                                                            \
  GDL_EXPORT int gdl_cpu_##name(const gdl_##name##_args* args, gdl_parallel_for parallel_for);       \
  GDL_EXPORT int gdl_cuda_##name(const gdl_##name##_args* args, const gdl_cuda_call* call);          \
  GDL_EXPORT int64_t gdl_cuda_##name##_scratch(const gdl_##name##_args* args);
GDL_OPERATIONS(GDL_DECLARE)
#undef GDL_DECLARE

/* *out = scale * the sum of `values`, in a fixed order; device pointers. */
GDL_EXPORT int gdl_cuda_sum(const float* values, int64_t count, float scale, float* out, const gdl_cuda_call* call);
GDL_EXPORT int gdl_cuda_device_count(int* count);
/* Of any status of gdl_cuda functions; for GDL_NO_KERNELS and GDL_NO_DRIVER what this thread met last. */
GDL_EXPORT const char* gdl_cuda_error_string(int error);

/* The instruction set in use: the best one, unless the environment variable GDL_ISA or gdl_set_isa says otherwise. */
GDL_EXPORT int gdl_get_isa(void);
GDL_EXPORT int gdl_isa_available(int isa);
GDL_EXPORT int gdl_set_isa(int isa); /* GDL_BAD_ARGUMENT if this machine or build lacks it */
GDL_EXPORT const char* gdl_isa_name(int isa); /* "scalar", "avx2", ...; NULL behind the last */

#ifdef __cplusplus
}
#endif

#endif
