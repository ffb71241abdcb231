// Bias, piecewise linear activation, gain and clamp in one pass (Karras et al. 2020), forward and backward.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

enum { kPiece = 4096 };  // also fixes the order in which a row is summed

inline bool valid(const gdl_bias_act& s) {
  return s.outer >= 0 && s.channels >= 0 && s.inner >= 0 && s.positive > 0.0f && s.negative >= 0.0f;
}

// `Across` has the channels along a row and the outer dimension as rows; otherwise a row is one channel.
struct RowPieces {
  int64_t rows, cols, rows_per_task, pieces_per_row, count;

  RowPieces(const gdl_bias_act& s, bool across)
      : rows(across ? s.outer : s.outer * s.channels), cols(across ? s.channels : s.inner) {
    rows_per_task = at_least_one(kPiece / at_least_one(cols));
    pieces_per_row = ceil_div(cols, kPiece);
    count = pieces_per_row > 1 ? rows * pieces_per_row : cols == 0 ? 0 : ceil_div(rows, rows_per_task);
  }
};

struct RowPiece {
  int64_t row, row_end, col, size;

  RowPiece(const RowPieces& pieces, int64_t index) {
    if (pieces.pieces_per_row > 1) {
      row = index / pieces.pieces_per_row;
      row_end = row + 1;
      col = (index - row * pieces.pieces_per_row) * kPiece;
      size = smaller(kPiece, pieces.cols - col);
    } else {
      row = index * pieces.rows_per_task;
      row_end = smaller(row + pieces.rows_per_task, pieces.rows);
      col = 0;
      size = pieces.cols;
    }
  }
};

// The slopes with what is derived from them: `limit` as the storage type rounds it, since it is compared with stored numbers.
template <class Storage> struct Slopes {
  F positive, negative, limits;
  U keep;  // no bit where the negative slope is zero: infinity times zero shall be zero
  float lowest, limit;

  explicit Slopes(const gdl_bias_act& s)
      : positive(S::set(s.positive)), negative(S::set(s.negative)), keep(S::set_u(s.negative > 0.0f ? ~0u : 0u)) {
    typename Storage::T stored[kLanes];
    float rounded[kLanes];
    Storage::store(stored, S::set(s.limit));
    limits = Storage::load(stored);
    S::store(rounded, limits);
    limit = rounded[0];
    lowest = s.negative > 0.0f ? -INFINITY : 0.0f;
  }
};

// ---- forward ---------------------------------------------------------------------------------------------------

template <class Storage, bool kAcross> struct BiasActBlock {
  typedef typename Storage::T T;
  const Slopes<Storage>& slopes;
  const T* x;
  F bias;
  const float* biases;  // kAcross: one for each element
  T* out;

  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F b = kAcross ? load<Float32, kMove>(biases + i, count) : bias;
    const F v = S::clamp(S::add(load<Storage, kMove>(x + i, count), b), slopes.lowest, INFINITY);
    const F y = S::mul(v, S::where_positive(v, slopes.positive, slopes.negative));
    store<Storage, kMove>(out + i, S::clamp(y, -slopes.limit, slopes.limit), count);
  }
};

template <class Storage, bool kAcross> struct BiasActTask {
  typedef typename Storage::T T;
  const gdl_bias_act_forward_args& args;
  const RowPieces& pieces;
  const Slopes<Storage> slopes;
  bool streamed;

  void operator()(int64_t index) {
    const RowPiece piece(pieces, index);
    int64_t channel = piece.row % at_least_one(args.shape.channels);
    for (int64_t row = piece.row; row < piece.row_end; ++row) {
      const int64_t at = row * pieces.cols + piece.col;
      T* out = static_cast<T*>(args.out) + at;
      const BiasActBlock<Storage, kAcross> block = {slopes, static_cast<const T*>(args.x) + at,
                                                    S::set(kAcross || !args.bias ? 0.0f : args.bias[channel]),
                                                    kAcross ? args.bias + piece.col : 0, out};
      for_each_block(piece.size, streamed && aligned_for_streaming(out), block);
      if (++channel == args.shape.channels) channel = 0;
    }
  }
};

template <class Storage> struct BiasActForward {
  template <bool kAcross> static void run_tasks(const gdl_bias_act_forward_args& args, gdl_parallel_for parallel_for) {
    const RowPieces pieces(args.shape, kAcross);
    const bool streamed = 2 * pieces.rows * pieces.cols * (int64_t)sizeof(typename Storage::T) > kStreamingBytes;
    BiasActTask<Storage, kAcross> task = {args, pieces, Slopes<Storage>(args.shape), streamed};
    parallel_tasks(parallel_for, pieces.count, 2, task);
  }

  static int run(const gdl_bias_act_forward_args& args, gdl_parallel_for parallel_for) {
    if (args.bias && args.shape.inner == 1) {
      run_tasks<true>(args, parallel_for);
    } else {
      run_tasks<false>(args, parallel_for);
    }
    return GDL_OK;
  }
};

int bias_act_forward(const gdl_bias_act_forward_args& args, gdl_parallel_for parallel_for) {
  if (!valid(args.shape)) return GDL_BAD_ARGUMENT;
  return dispatch_dtype<BiasActForward>(args, parallel_for);
}

// ---- backward --------------------------------------------------------------------------------------------------

template <class Storage> struct BiasActGradBlock {
  typedef typename Storage::T T;
  const Slopes<Storage>& slopes;
  const T *grad_out, *out;
  T* grad_x;
  F* sum;

  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F g = load<Storage, kMove>(grad_out + i, count), y = load<Storage, kMove>(out + i, count);
    const F below = S::from_bits(S::and_u(S::bits(S::mul(g, slopes.negative)), slopes.keep));
    F v = S::where_positive(y, S::mul(g, slopes.positive), below);
    if (slopes.limit < INFINITY) {
      const F size = S::from_bits(S::and_u(S::bits(y), S::set_u(0x7FFFFFFFu)));
      v = S::where_positive(S::sub(slopes.limits, size), v, S::set(0.0f));
    }
    *sum = S::add(*sum, v);
    store<Storage, kMove>(grad_x + i, v, count);
  }
};

template <class Storage> struct BiasActGradTask {
  typedef typename Storage::T T;
  const gdl_bias_act_backward_args& args;
  const RowPieces& pieces;
  const Slopes<Storage> slopes;
  float* sums;  // (rows, pieces_per_row), or null
  bool streamed;

  void operator()(int64_t index) {
    const RowPiece piece(pieces, index);
    for (int64_t row = piece.row; row < piece.row_end; ++row) {
      const int64_t at = row * pieces.cols + piece.col;
      T* grad_x = static_cast<T*>(args.grad_x) + at;
      F sum = S::set(0.0f);
      const BiasActGradBlock<Storage> block = {slopes, static_cast<const T*>(args.grad_out) + at,
                                               static_cast<const T*>(args.out) + at, grad_x, &sum};
      for_each_block(piece.size, streamed && aligned_for_streaming(grad_x), block);
      if (sums) sums[pieces.pieces_per_row > 1 ? index : row] = S::sum(sum);
    }
  }
};

// Sixteen channels of all rows: lane k belongs to channel k.
template <class Storage> struct BiasActGradAcrossTask {
  typedef typename Storage::T T;
  enum { kRun = 64 };  // rows that are summed in float32
  const gdl_bias_act_backward_args& args;
  const Slopes<Storage> slopes;

  void operator()(int64_t index) {
    const int64_t channels = args.shape.channels, col = index * kLanes, count = smaller(kLanes, channels - col);
    double totals[kLanes] = {};
    for (int64_t first = 0; first < args.shape.outer; first += kRun) {
      F sum = S::set(0.0f);
      for (int64_t row = first; row < smaller(first + kRun, args.shape.outer); ++row) {
        const int64_t at = row * channels + col;
        const BiasActGradBlock<Storage> block = {slopes, static_cast<const T*>(args.grad_out) + at,
                                                 static_cast<const T*>(args.out) + at,
                                                 static_cast<T*>(args.grad_x) + at, &sum};
        for_each_block(count, false, block);
      }
      float lanes[kLanes];
      S::store(lanes, sum);
      for (int k = 0; k < kLanes; ++k) totals[k] += (double)lanes[k];
    }
    for (int64_t k = 0; k < count; ++k) args.grad_bias[col + k] = (float)totals[k];
  }
};

template <class Storage> struct BiasActBackward {
  static int run(const gdl_bias_act_backward_args& args, gdl_parallel_for parallel_for) {
    const gdl_bias_act& s = args.shape;
    if (args.grad_bias && s.inner == 1) {
      BiasActGradAcrossTask<Storage> task = {args, Slopes<Storage>(s)};
      parallel_tasks(parallel_for, ceil_div(s.channels, kLanes), 1 + kPiece / (kLanes * at_least_one(s.outer)), task);
      return GDL_OK;
    }
    const RowPieces pieces(s, false);
    const int64_t sum_count = args.grad_bias ? pieces.rows * pieces.pieces_per_row : 0;
    const Scratch<float> sums(sum_count);
    if (!sums.data) return GDL_OUT_OF_MEMORY;
    const bool streamed = 3 * pieces.rows * pieces.cols * (int64_t)sizeof(typename Storage::T) > kStreamingBytes;
    BiasActGradTask<Storage> task = {args, pieces, Slopes<Storage>(s), args.grad_bias ? sums.data : 0, streamed};
    parallel_tasks(parallel_for, pieces.count, 2, task);
    if (!args.grad_bias) return GDL_OK;
    for (int64_t c = 0; c < s.channels; ++c) {
      double total = 0.0;
      for (int64_t o = 0; o < s.outer; ++o) {
        const float* row = sums.data + (o * s.channels + c) * pieces.pieces_per_row;
        for (int64_t i = 0; i < pieces.pieces_per_row; ++i) total += (double)row[i];
      }
      args.grad_bias[c] = (float)total;
    }
    return GDL_OK;
  }
};

int bias_act_backward(const gdl_bias_act_backward_args& args, gdl_parallel_for parallel_for) {
  if (!valid(args.shape)) return GDL_BAD_ARGUMENT;
  return dispatch_dtype<BiasActBackward>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
