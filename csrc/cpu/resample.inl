// Upsampling by zeros, FIR filter, downsampling (Karras et al. 2020) without the zeros: an output row is first mixed from
// the input rows under its taps, into a line in the first-level cache, and then filtered along the line. Several rows are
// mixed before the first is filtered, so that no load waits for a store that it overlaps in part.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

enum { kLine = 1024, kLineSlack = 64, kRowsTogether = 4 };

inline int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }
inline int64_t whole_blocks(int64_t n) { return ceil_div(n, kLanes) * kLanes; }
// The usual factors are spared the division.
inline int64_t floor_div(int64_t a, int64_t b) {
  if (b <= 2) return a >> (b - 1);
  return a >= 0 ? a / b : -((-a + b - 1) / b);
}

// Where the taps fall from output `index` on: the taps first_tap, first_tap + up, ... lie on the pixels start, start + 1, ...
struct TapStart {
  int64_t pixel, first_tap;
  TapStart(int64_t index, int64_t up, int64_t down, int64_t before) {
    const int64_t position = index * down - before;
    pixel = -floor_div(-position, up);
    first_tap = pixel * up - position;
  }
};

// Outputs [x, x + count) of any row: their line holds the columns [first, first + size), of which [begin, end) lie in the
// picture.
struct Columns {
  int64_t x, count, first, size, begin, end;

  Columns(const gdl_resample_args& args, int64_t from, int64_t n) : x(from), count(n) {
    first = TapStart(x, args.up, args.down, args.left).pixel;
    size = floor_div((x + n - 1) * args.down - args.left + args.tap_count - 1, args.up) - first + 1;
    begin = smaller(larger(-first, 0), size);
    end = larger(begin, smaller(args.width - first, size));
  }
};

// ---- along a column: out[i] = sum of weights[k] * rows[k][i] -----------------------------------------------------

template <class Storage, int kRows, bool kFirst> struct MixBlock {
  const typename Storage::T* const* rows;
  F weights[kRows ? kRows : 1];
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

// The rows are in order. What lies behind them may be read, up to x_end, and the line may be written in whole blocks.
template <class Storage>
void mix_rows(const typename Storage::T* const* rows, const float* weights, int64_t row_count, bool first, float* line,
              int64_t n, const typename Storage::T* x_end) {
  if (row_count == 0 || rows[row_count - 1] + whole_blocks(n) <= x_end) n = whole_blocks(n);
  if (first) {
    switch (row_count) {
      case 0: return for_each_block(n, false, MixBlock<Storage, 0, true>(rows, weights, line));
      case 1: return for_each_block(n, false, MixBlock<Storage, 1, true>(rows, weights, line));
      case 2: return for_each_block(n, false, MixBlock<Storage, 2, true>(rows, weights, line));
      case 3: return for_each_block(n, false, MixBlock<Storage, 3, true>(rows, weights, line));
      default: return for_each_block(n, false, MixBlock<Storage, 4, true>(rows, weights, line));
    }
  }
  switch (row_count) {
    case 1: return for_each_block(n, false, MixBlock<Storage, 1, false>(rows, weights, line));
    case 2: return for_each_block(n, false, MixBlock<Storage, 2, false>(rows, weights, line));
    case 3: return for_each_block(n, false, MixBlock<Storage, 3, false>(rows, weights, line));
    default: return for_each_block(n, false, MixBlock<Storage, 4, false>(rows, weights, line));
  }
}

// ---- along the line: along(line, out, n) filters n outputs ------------------------------------------------

// Up 1, down kStep. kTaps 0: as many as `tap_count` says.
template <class Storage, int kTaps, int kStep> struct FilterBlock {
  typedef typename Storage::T T;
  const float *taps, *line;
  int64_t tap_count;
  T* out;
  F weights[kTaps ? kTaps : 1];

  FilterBlock(const float* t, int64_t n) : taps(t), line(0), tap_count(n), out(0) {
    for (int j = 0; j < kTaps; ++j) weights[j] = S::set(t[j]);
  }
  GDL_INLINE F weight(int64_t j) const { return kTaps ? weights[j] : S::set(taps[j]); }

  GDL_INLINE void along(const float* from, T* to, int64_t n) const {
    FilterBlock block = *this;
    block.line = from;
    block.out = to;
    for_each_block(n, false, block);
  }

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

// Up 2, down 1: even and odd outputs have taps and a start in the line of their own; sixteen of each at a time.
template <class Storage, int kTaps> struct Doubled {
  typedef typename Storage::T T;
  enum { kEach = kTaps ? kTaps / 2 : 1 };
  int64_t start[2], tap_count[2];
  const float* taps[2];

  template <int kPhase> GDL_INLINE F phase(const float* line, const F (&weights)[kEach]) const {
    const float* p = line + start[kPhase];
    F sum = S::set(0.0f);
    if (kTaps) {
      for (int j = 0; j < kEach; ++j) sum = S::fma(weights[j], S::load(p + j), sum);
    } else {
      for (int64_t j = 0; j < tap_count[kPhase]; ++j) sum = S::fma(S::set(taps[kPhase][2 * j]), S::load(p + j), sum);
    }
    return sum;
  }

  GDL_INLINE void along(const float* line, T* out, int64_t n) const {
    F even[kEach], odd[kEach], first, second;
    for (int j = 0; j < kTaps / 2; ++j) {
      even[j] = S::set(taps[0][2 * j]);
      odd[j] = S::set(taps[1][2 * j]);
    }
    int64_t i = 0;
    for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
      S::interleave(phase<0>(line + i / 2, even), phase<1>(line + i / 2, odd), first, second);
      store<Storage, kWhole>(out + i, first, kLanes);
      store<Storage, kWhole>(out + i + kLanes, second, kLanes);
    }
    if (i == n) return;
    S::interleave(phase<0>(line + i / 2, even), phase<1>(line + i / 2, odd), first, second);
    if (n - i < kLanes) return store<Storage, kPartial>(out + i, first, n - i);
    store<Storage, kWhole>(out + i, first, kLanes);
    if (n - i > kLanes) store<Storage, kPartial>(out + i + kLanes, second, n - i - kLanes);
  }
};

// Any factors, one output at a time.
template <class Storage> struct AnyFactorsBlock {
  typedef typename Storage::T T;
  const gdl_resample_args& args;
  const float* taps;
  const Columns& columns;
  const float* line;
  T* out;

  void along(const float* from, T* to, int64_t n) const {
    const AnyFactorsBlock block = {args, taps, columns, from, to};
    for_each_block(smaller(n, columns.count), false, block);
  }

  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    float sums[kLanes] = {};
    for (int64_t k = 0; k < count; ++k) {
      const TapStart start(columns.x + i + k, args.up, args.down, args.left);
      const float* p = line + (start.pixel - columns.first);
      for (int64_t j = start.first_tap; j < args.tap_count; j += args.up) sums[k] = Scalar::fma(taps[j], *p++, sums[k]);
    }
    store<Storage, kMove>(out + i, S::load(sums), count);
  }
};

// ---- both --------------------------------------------------------------------------------------------------------

template <class Storage> struct ResampleTask {
  typedef typename Storage::T T;
  const gdl_resample_args& args;
  const T* x_end;
  int64_t rows_per_task;
  float taps[GDL_MAX_TAPS], gained[GDL_MAX_TAPS];  // in the order of correlation; the second times the gain

  ResampleTask(const gdl_resample_args& a) : args(a) {
    x_end = static_cast<const T*>(a.x) + a.planes * a.height * a.width;
    rows_per_task = at_least_one(4096 / a.out_width);
    for (int64_t j = 0; j < a.tap_count; ++j) {
      taps[j] = a.taps[a.flip ? j : a.tap_count - 1 - j];
      gained[j] = taps[j] * a.gain;
    }
  }

  int64_t task_count() const { return ceil_div(args.planes * args.out_height, rows_per_task); }

  // The outputs that a line is long enough for; blocks of whole vectors, so that they keep alignment and phase.
  int64_t outputs_per_line() const {
    const int64_t most = at_least_one(((kLine - 2) * args.up - args.tap_count) / args.down);
    return most < 2 * kLanes ? most : most / (2 * kLanes) * (2 * kLanes);
  }

  void operator()(int64_t index) {
    const int64_t begin = index * rows_per_task, end = smaller(begin + rows_per_task, args.planes * args.out_height);
    const int64_t tile = outputs_per_line();
    for (int64_t x = 0; x < args.out_width; x += tile) {
      const Columns columns(args, x, smaller(tile, args.out_width - x));
      if (args.up == 2 && args.down == 1) {
        args.tap_count == 4 ? run(doubled<4>(columns), columns, begin, end) : run(doubled<0>(columns), columns, begin, end);
      } else if (args.up == 1 && args.down <= 2 && args.tap_count == 4) {
        args.down == 1 ? run(FilterBlock<Storage, 4, 1>(taps, 4), columns, begin, end)
                       : run(FilterBlock<Storage, 4, 2>(taps, 4), columns, begin, end);
      } else if (args.up == 1 && args.down <= 2) {
        args.down == 1 ? run(FilterBlock<Storage, 0, 1>(taps, args.tap_count), columns, begin, end)
                       : run(FilterBlock<Storage, 0, 2>(taps, args.tap_count), columns, begin, end);
      } else {
        const AnyFactorsBlock<Storage> block = {args, taps, columns, 0, 0};
        run(block, columns, begin, end);
      }
    }
  }

  template <class Filter> void run(const Filter& filter, const Columns& columns, int64_t begin, int64_t end) const {
    float lines[kRowsTogether][kLine + kLineSlack];
    T* const out = static_cast<T*>(args.out) + columns.x;
    const int64_t blocks = whole_blocks(columns.count);
    int64_t y = begin % args.out_height;
    const T* plane = static_cast<const T*>(args.x) + begin / args.out_height * args.height * args.width;
    for (int64_t first = begin; first < end; first += kRowsTogether) {
      const int64_t count = smaller(kRowsTogether, end - first);
      for (int64_t k = 0; k < count; ++k) {
        make_line(columns, plane, y, lines[k]);
        if (++y < args.out_height) continue;
        y = 0;
        plane += args.height * args.width;
      }
      for (int64_t k = 0; k < count; ++k) {
        const int64_t at = (first + k) * args.out_width;
        // What a whole vector writes behind its row is written again with the next rows of this task.
        const bool spill = columns.count == args.out_width && at + blocks <= end * args.out_width;
        filter.along(lines[k], out + at, spill ? blocks : columns.count);
      }
    }
  }

  void make_line(const Columns& columns, const T* plane, int64_t y, float* line) const {
    for (int64_t i = 0; i < columns.begin; i += kLanes) S::store(line + i, S::set(0.0f));
    if (columns.end > columns.begin) {
      mix(plane + columns.first + columns.begin, y, line + columns.begin, columns.end - columns.begin);
    }
    for (int64_t i = columns.end; i < columns.size + 2 * kLanes; i += kLanes) S::store(line + i, S::set(0.0f));
  }

  void mix(const T* plane, int64_t y, float* line, int64_t n) const {
    const T* rows[4];
    float weights[4];
    int64_t count = 0;
    bool first = true;
    const TapStart start(y, args.up, args.down, args.top);
    int64_t row = start.pixel;
    for (int64_t j = start.first_tap; j < args.tap_count; j += args.up, ++row) {
      if (row < 0 || row >= args.height) continue;
      rows[count] = plane + row * args.width;
      weights[count] = gained[j];
      if (++count < 4) continue;
      mix_rows<Storage>(rows, weights, 4, first, line, n, x_end);
      first = false;
      count = 0;
    }
    if (count || first) mix_rows<Storage>(rows, weights, count, first, line, n, x_end);
  }

  template <int kTaps> Doubled<Storage, kTaps> doubled(const Columns& columns) const {
    Doubled<Storage, kTaps> filter;
    for (int64_t phase = 0; phase < 2; ++phase) {
      const TapStart start(columns.x + phase, 2, 1, args.left);
      filter.start[phase] = start.pixel - columns.first;
      filter.taps[phase] = taps + start.first_tap;
      filter.tap_count[phase] = (args.tap_count - start.first_tap + 1) / 2;
    }
    return filter;
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
