// Upsampling by zeros, FIR filter, downsampling (Karras et al. 2020) without the zeros: an output row is first mixed from
// the input rows under its taps, into a line in the first-level cache, and then filtered along the line.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

enum { kLine = 4096, kLineSlack = 64 };

inline int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// Where the taps fall from output `index` on: the taps first_tap, first_tap + up, ... lie on the pixels start, start + 1, ...
struct TapStart {
  int64_t pixel, first_tap;
  TapStart(int64_t index, int64_t up, int64_t down, int64_t before) {
    const int64_t position = index * down - before;
    pixel = -floor_div(-position, up);
    first_tap = pixel * up - position;
  }
};

// ---- along a column: out[i] = sum of weights[k] * rows[k][i] -----------------------------------------------------

template <class Storage, int kRows, bool kFirst> struct MixBlock {
  const typename Storage::T* const* rows;
  F weights[kRows];
  float* out;

  MixBlock(const typename Storage::T* const* r, const float* w, float* o) : rows(r), out(o) {
    for (int k = 0; k < kRows; ++k) weights[k] = S::set(w[k]);
  }
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    F sum = kFirst ? S::set(0.0f) : S::load(out + i);
    for (int k = 0; k < kRows; ++k) sum = S::fma(weights[k], load<Storage, kMove>(rows[k] + i, count), sum);
    S::store(out + i, sum);
  }
};

template <class Storage, bool kFirst>
void mix_rows(const typename Storage::T* const* rows, const float* weights, int64_t row_count, float* out, int64_t n) {
  switch (row_count) {
    case 1: return for_each_block(n, false, MixBlock<Storage, 1, kFirst>(rows, weights, out));
    case 2: return for_each_block(n, false, MixBlock<Storage, 2, kFirst>(rows, weights, out));
    case 3: return for_each_block(n, false, MixBlock<Storage, 3, kFirst>(rows, weights, out));
    default: return for_each_block(n, false, MixBlock<Storage, 4, kFirst>(rows, weights, out));
  }
}

// ---- along the line ----------------------------------------------------------------------------------------------

// kTaps 0: as many as `tap_count` says.
template <class Storage, int kTaps, int kStep> struct FilterBlock {
  const float *line, *taps;
  int64_t tap_count;
  typename Storage::T* out;
  F weights[kTaps ? kTaps : 1];

  FilterBlock(const float* l, const float* t, int64_t n, typename Storage::T* o) : line(l), taps(t), tap_count(n), out(o) {
    for (int j = 0; j < kTaps; ++j) weights[j] = S::set(t[j]);
  }
  GDL_INLINE F weight(int64_t j) const { return kTaps ? weights[j] : S::set(taps[j]); }

  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const int64_t n = kTaps ? kTaps : tap_count;
    const float* p = line + kStep * i;
    F sum = S::set(0.0f);
    if (kStep == 1) {
      for (int64_t j = 0; j < n; ++j) sum = S::fma(weight(j), S::load(p + j), sum);
    } else {
      for (int64_t j = 0; j < n; j += 2) {
        F even, odd;
        S::deinterleave(S::load(p + j), S::load(p + j + kLanes), even, odd);
        sum = S::fma(weight(j), even, sum);
        if (j + 1 < n) sum = S::fma(weight(j + 1), odd, sum);
      }
    }
    store<Storage, kMove>(out + i, sum, count);
  }
};

// Even and odd outputs have taps of their own: sixteen of each at a time.
template <class Storage, int kTaps> struct Doubled {
  const float* line[2];
  const float* taps[2];
  int64_t tap_count[2];
  typename Storage::T* out;

  template <int kPhase> GDL_INLINE F phase(int64_t i, const F (&weights)[kTaps ? kTaps / 2 : 1]) const {
    F sum = S::set(0.0f);
    const int64_t n = kTaps ? kTaps / 2 : tap_count[kPhase];
    for (int64_t j = 0; j < n; ++j) {
      sum = S::fma(kTaps ? weights[j] : S::set(taps[kPhase][2 * j]), S::load(line[kPhase] + i + j), sum);
    }
    return sum;
  }

  template <Move kMove> GDL_INLINE void run(int64_t n) const {
    F even[kTaps ? kTaps / 2 : 1], odd[kTaps ? kTaps / 2 : 1];
    for (int j = 0; j < kTaps / 2; ++j) {
      even[j] = S::set(taps[0][2 * j]);
      odd[j] = S::set(taps[1][2 * j]);
    }
    F first, second;
    int64_t i = 0;
    for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
      S::interleave(phase<0>(i / 2, even), phase<1>(i / 2, odd), first, second);
      store<Storage, kMove>(out + i, first, kLanes);
      store<Storage, kMove>(out + i + kLanes, second, kLanes);
    }
    if (i == n) return;
    S::interleave(phase<0>(i / 2, even), phase<1>(i / 2, odd), first, second);
    store<Storage, kPartial>(out + i, first, smaller(kLanes, n - i));
    if (n - i > kLanes) store<Storage, kPartial>(out + i + kLanes, second, n - i - kLanes);
  }
};

// Any factors, one output at a time.
template <class Storage> struct AnyFactorsBlock {
  const gdl_resample_args& args;
  const float *line, *taps;
  int64_t first_column, first_output;
  typename Storage::T* out;

  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    float sums[kLanes] = {};
    for (int64_t k = 0; k < count; ++k) {
      const TapStart start(first_output + i + k, args.up, args.down, args.left);
      const float* p = line + (start.pixel - first_column);
      for (int64_t j = start.first_tap; j < args.tap_count; j += args.up) sums[k] = Scalar::fma(taps[j], *p++, sums[k]);
    }
    store<Storage, kMove>(out + i, S::load(sums), count);
  }
};

// ---- both --------------------------------------------------------------------------------------------------------

template <class Storage> struct ResampleTask {
  typedef typename Storage::T T;
  const gdl_resample_args& args;
  int64_t rows_per_task;
  bool streamed;
  float taps[GDL_MAX_TAPS], gained[GDL_MAX_TAPS];  // in the order of correlation; the second times the gain

  ResampleTask(const gdl_resample_args& a) : args(a) {
    rows_per_task = at_least_one(kLine / at_least_one(a.out_width));
    const int64_t pixels = a.planes * (a.height * a.width + a.out_height * a.out_width);
    streamed = pixels * (int64_t)sizeof(T) > kStreamingBytes && a.out_width * (int64_t)sizeof(T) % 64 == 0 &&
               aligned_for_streaming(a.out);
    for (int64_t j = 0; j < a.tap_count; ++j) {
      taps[j] = a.taps[a.flip ? j : a.tap_count - 1 - j];
      gained[j] = taps[j] * a.gain;
    }
  }

  int64_t task_count() const { return ceil_div(args.planes * args.out_height, rows_per_task); }

  // The outputs that a line is long enough for; blocks of whole vectors, so that tiles keep alignment and phase.
  int64_t outputs_per_line() const {
    const int64_t most = at_least_one(((kLine - 2) * args.up - args.tap_count) / args.down);
    return most < 2 * kLanes ? most : most / (2 * kLanes) * (2 * kLanes);
  }

  void operator()(int64_t index) {
    int64_t row = index * rows_per_task;
    const int64_t end = smaller(row + rows_per_task, args.planes * args.out_height), tile = outputs_per_line();
    const int64_t first_plane = row / args.out_height;
    int64_t y = row - first_plane * args.out_height;
    const T* plane = static_cast<const T*>(args.x) + first_plane * args.height * args.width;
    for (; row < end; ++row) {
      T* out = static_cast<T*>(args.out) + row * args.out_width;
      for (int64_t x = 0; x < args.out_width; x += tile) run_line(plane, y, x, smaller(tile, args.out_width - x), out + x);
      if (++y == args.out_height) {
        y = 0;
        plane += args.height * args.width;
      }
    }
  }

  // Outputs [x, x + n) of row y.
  void run_line(const T* plane, int64_t y, int64_t x, int64_t n, T* out) const {
    float line[kLine + kLineSlack];
    const int64_t first = TapStart(x, args.up, args.down, args.left).pixel;
    const int64_t last = floor_div((x + n - 1) * args.down - args.left + args.tap_count - 1, args.up);
    const int64_t size = last - first + 1;
    const int64_t begin = smaller(at_least_zero(-first), size), end = larger(begin, smaller(args.width - first, size));
    for (int64_t i = 0; i < begin; i += kLanes) S::store(line + i, S::set(0.0f));
    mix(plane, y, first + begin, line + begin, end - begin);
    for (int64_t i = end; i < size + 2 * kLanes; i += kLanes) S::store(line + i, S::set(0.0f));
    filter(line, first, x, n, out);
  }

  static int64_t at_least_zero(int64_t a) { return larger(a, 0); }
  static int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

  void mix(const T* plane, int64_t y, int64_t column, float* line, int64_t n) const {
    if (n <= 0) return;
    const T* rows[4];
    float weights[4];
    int64_t count = 0;
    bool first = true;
    const TapStart start(y, args.up, args.down, args.top);
    int64_t row = start.pixel;
    for (int64_t j = start.first_tap; j < args.tap_count; j += args.up, ++row) {
      if (row < 0 || row >= args.height) continue;
      rows[count] = plane + row * args.width + column;
      weights[count] = gained[j];
      if (++count < 4) continue;
      if (first) mix_rows<Storage, true>(rows, weights, 4, line, n);
      else mix_rows<Storage, false>(rows, weights, 4, line, n);
      first = false;
      count = 0;
    }
    if (count && first) mix_rows<Storage, true>(rows, weights, count, line, n);
    if (count && !first) mix_rows<Storage, false>(rows, weights, count, line, n);
    if (!count && first) {
      for (int64_t i = 0; i < n; i += kLanes) S::store(line + i, S::set(0.0f));
    }
  }

  void filter(const float* line, int64_t first_column, int64_t x, int64_t n, T* out) const {
    if (args.up == 1 && args.down == 1) {
      if (args.tap_count == 4) return for_each_block(n, streamed, FilterBlock<Storage, 4, 1>(line, taps, 4, out));
      return for_each_block(n, streamed, FilterBlock<Storage, 0, 1>(line, taps, args.tap_count, out));
    }
    if (args.up == 1 && args.down == 2) {
      if (args.tap_count == 4) return for_each_block(n, streamed, FilterBlock<Storage, 4, 2>(line, taps, 4, out));
      return for_each_block(n, streamed, FilterBlock<Storage, 0, 2>(line, taps, args.tap_count, out));
    }
    if (args.up == 2 && args.down == 1) {
      return args.tap_count == 4 ? doubled<4>(line, first_column, x, n, out) : doubled<0>(line, first_column, x, n, out);
    }
    const AnyFactorsBlock<Storage> block = {args, line, taps, first_column, x, out};
    for_each_block(n, streamed, block);
  }

  template <int kTaps> void doubled(const float* line, int64_t first_column, int64_t x, int64_t n, T* out) const {
    Doubled<Storage, kTaps> filter;
    filter.out = out;
    for (int64_t phase = 0; phase < 2; ++phase) {
      const TapStart start(x + phase, 2, 1, args.left);
      filter.line[phase] = line + (start.pixel - first_column);
      filter.taps[phase] = taps + start.first_tap;
      filter.tap_count[phase] = (args.tap_count - start.first_tap + 1) / 2;
    }
    if (streamed) {
      filter.template run<kStreamed>(n);
    } else {
      filter.template run<kWhole>(n);
    }
  }
};

template <class Storage> struct Resample {
  static int run(const gdl_resample_args& args, gdl_parallel_for parallel_for) {
    if (args.planes == 0 || args.out_height == 0 || args.out_width == 0) return GDL_OK;
    ResampleTask<Storage> task(args);
    parallel_tasks(parallel_for, task.task_count(), 2, task);
    return GDL_OK;
  }
};

int resample(const gdl_resample_args& args, gdl_parallel_for parallel_for) {
  if (args.planes < 0 || args.height < 0 || args.width < 0 || args.out_height < 0 || args.out_width < 0 || args.up < 1 ||
      args.down < 1 || args.tap_count < 1 || args.tap_count > GDL_MAX_TAPS) {
    return GDL_BAD_ARGUMENT;
  }
  return dispatch_dtype<Resample>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
