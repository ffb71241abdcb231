// The reparameterization trick with its KL divergence (Kingma and Welling 2013), forward and backward.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

// ---- forward ---------------------------------------------------------------------------------------------------

// What becomes of the elements' shares of the KL divergence: nothing, they are stored, or they are added up lane by lane
// as sum_of does, which is for tiles of one row. Elements past the row's end were read as 0 and have no share.
enum Shares { kNoShares, kStoredShares, kAddedShares };

template <class Storage, Shares kShares> struct ForwardBlock {
  typedef typename Storage::T T;
  const float* noise;
  const T *mean, *log_var;
  T* z;
  float* kl_terms;
  F* kl_sum;

  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F m = load<Storage, kMove>(mean + i, count);
    F clamped, std, variance_minus_one;
    Math<S>::variance_terms(load<Storage, kMove>(log_var + i, count), clamped, std, variance_minus_one);
    store<Storage, kMove>(z + i, S::fma(std, S::load(noise + i), m), count);
    if (kShares == kStoredShares) S::store(kl_terms + i, Math<S>::kl_term(m, clamped, variance_minus_one));
    if (kShares == kAddedShares) *kl_sum = S::add(*kl_sum, Math<S>::kl_term(m, clamped, variance_minus_one));
  }
};

template <class Storage, bool kWithKl> struct ForwardTask {
  typedef typename Storage::T T;
  const gdl_reparam_forward_args& args;
  const NoiseSource source;
  float* kl;  // (rows, tiles_per_row)
  bool streamed;

  void operator()(int64_t index) const {
    const Tiling& tiling = source.tiling;
    const Tile tile(tiling, index);
    NoiseBuffer noise;
    const Prefetch<T, 2> ahead = {
        {static_cast<const T*>(args.mean) + tile.start, static_cast<const T*>(args.log_var) + tile.start}, streamed};
    source.template fill<Normal>(noise, tile, ahead);
    if (args.kept_noise) memcpy(args.kept_noise + tile.start, noise, (size_t)tile.size * sizeof *noise);
    if constexpr (!kWithKl) {
      run_blocks<kNoShares>(tile, noise, 0, 0);
    } else {
      sum_shares(tile, noise, kl + (tiling.tiles_per_row > 1 ? index : tile.row));
    }
  }

 private:
  void sum_shares(const Tile& tile, const float* noise, float* sums) const {
    if (tile.row_count == 1) {
      F sum = S::set(0.0f);
      run_blocks<kAddedShares>(tile, noise, 0, &sum);
      *sums = S::sum(sum);
      return;
    }
    float kl_terms[kTile + kLanes];
    run_blocks<kStoredShares>(tile, noise, kl_terms, 0);
    for (int64_t r = 0; r < tile.row_count; ++r) sums[r] = sum_of(kl_terms + r * tile.col_count, tile.col_count);
  }

  template <Shares kShares> GDL_INLINE void run_blocks(const Tile& tile, const float* noise, float* terms, F* sum) const {
    T* z = static_cast<T*>(args.z) + tile.start;
    const ForwardBlock<Storage, kShares> block = {
        noise, static_cast<const T*>(args.mean) + tile.start, static_cast<const T*>(args.log_var) + tile.start, z, terms, sum};
    for_each_block(tile.size, streamed && aligned_for_streaming(z), block);
  }
};

template <class Storage> struct KlTerms {
  const typename Storage::T *mean, *log_var;
  float* sums;
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    F clamped, std, variance_minus_one;
    Math<S>::variance_terms(load<Storage, kMove>(log_var + i, count), clamped, std, variance_minus_one);
    const F term = Math<S>::kl_term(load<Storage, kMove>(mean + i, count), clamped, variance_minus_one);
    S::store(sums + i, S::add(S::load(sums + i), term));
  }
};

template <class Storage> struct ReparamForward {
  // The KL divergence of each column: pieces of columns, over all rows in order, in float32 over kRun rows at a time.
  static void sum_columns(const gdl_reparam_forward_args& args, gdl_parallel_for parallel_for) {
    typedef typename Storage::T T;
    enum { kPiece = 256, kRun = 32 };
    const int64_t rows = args.noise.rows, cols = args.noise.cols;
    auto task = [&](int64_t piece) {
      const int64_t col = piece * kPiece, count = smaller(kPiece, cols - col);
      double totals[kPiece] = {};
      for (int64_t first = 0; first < rows; first += kRun) {
        float sums[kPiece + kLanes] = {};
        for (int64_t row = first; row < smaller(rows, first + kRun); ++row) {
          const int64_t start = row * cols + col;
          const KlTerms<Storage> block = {static_cast<const T*>(args.mean) + start,
                                          static_cast<const T*>(args.log_var) + start, sums};
          for_each_block(count, false, block);
        }
        for (int64_t j = 0; j < count; ++j) totals[j] += (double)sums[j];
      }
      for (int64_t j = 0; j < count; ++j) args.kl[col + j] = (float)totals[j];
    };
    parallel_tasks(parallel_for, ceil_div(cols, kPiece), grain_for(rows * kPiece), task);
  }

  template <bool kWithKl>
  static void run_tasks(const gdl_reparam_forward_args& args, const Tiling& tiling, float* kl,
                        gdl_parallel_for parallel_for) {
    const bool streamed = 3 * tiling.rows * tiling.cols * (int64_t)sizeof(typename Storage::T) > kStreamingBytes;
    ForwardTask<Storage, kWithKl> task = {args, NoiseSource(args.noise, tiling), kl, streamed};
    parallel_tasks(parallel_for, tiling.count, tiling.grain(), task);
  }

  static int run(const gdl_reparam_forward_args& args, gdl_parallel_for parallel_for) {
    const Tiling tiling(args.noise);
    if (!args.kl || args.kl_layout == GDL_KL_COLUMNS) {
      run_tasks<false>(args, tiling, 0, parallel_for);
      if (args.kl) sum_columns(args, parallel_for);
      return GDL_OK;
    }
    if (tiling.cols == 0) {
      for (int64_t r = 0; r < tiling.rows; ++r) args.kl[r] = 0.0f;
      return GDL_OK;
    }
    if (tiling.tiles_per_row == 1) {
      run_tasks<true>(args, tiling, args.kl, parallel_for);
      return GDL_OK;
    }
    const Scratch<float> partial(tiling.count);
    if (!partial.data) return GDL_OUT_OF_MEMORY;
    run_tasks<true>(args, tiling, partial.data, parallel_for);
    for (int64_t r = 0; r < tiling.rows; ++r) {
      double sum = 0.0;  // long rows have many pieces
      for (int64_t i = 0; i < tiling.tiles_per_row; ++i) sum += (double)partial.data[r * tiling.tiles_per_row + i];
      args.kl[r] = (float)sum;
    }
    return GDL_OK;
  }
};

int reparam_forward(const gdl_reparam_forward_args& args, gdl_parallel_for parallel_for) {
  if (!valid(args.noise)) return GDL_BAD_ARGUMENT;
  return dispatch_dtype<ReparamForward>(args, parallel_for);
}

// ---- backward --------------------------------------------------------------------------------------------------

template <class Storage, bool kGradZ, bool kGradKl> struct BackwardBlock {
  typedef typename Storage::T T;
  const float *noise, *grad_kl;  // one value for each element of the tile; of grad_kl, sixteen where all are one
  int64_t kl_mask;
  const T *grad_z, *mean, *log_var;
  T *grad_mean, *grad_log_var;

  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F half = S::set(0.5f);
    F clamped, std, variance_minus_one;
    Math<S>::variance_terms(load<Storage, kMove>(log_var + i, count), clamped, std, variance_minus_one);
    F to_mean = S::set(0.0f), to_log_var = to_mean;
    if (kGradZ) {
      to_mean = load<Storage, kMove>(grad_z + i, count);
      to_log_var = S::mul(S::mul(to_mean, load<Float32, kMove>(noise + i, count)), S::mul(std, half));
    }
    if (kGradKl) {
      const F g = S::load(grad_kl + (i & kl_mask));
      to_mean = S::fma(g, load<Storage, kMove>(mean + i, count), to_mean);
      to_log_var = S::fma(S::mul(g, half), variance_minus_one, to_log_var);
      store<Storage, kMove>(grad_mean + i, to_mean, count);
    }
    store<Storage, kMove>(grad_log_var + i, to_log_var, count);
  }
};

// The gradient of KL for every element of the tile; a shared one fills a block.
inline void spread_grad_kl(float* out, const gdl_reparam_backward_args& args, const Tile& tile) {
  if (args.kl_layout == GDL_KL_SHARED) {
    S::store(out, S::set(args.grad_kl[0] * args.kl_scale));
    return;
  }
  if (args.kl_layout == GDL_KL_COLUMNS) {
    for (int64_t r = 0; r < tile.row_count; ++r) {
      for (int64_t j = 0; j < tile.col_count; ++j) *out++ = args.grad_kl[tile.col + j] * args.kl_scale;
    }
    return;
  }
  for (int64_t r = 0; r < tile.row_count; ++r) {
    const float g = args.grad_kl[tile.row + r] * args.kl_scale;
    for (int64_t j = 0; j < tile.col_count; ++j) *out++ = g;
  }
}

template <class Storage, bool kGradZ, bool kGradKl> struct BackwardTask {
  typedef typename Storage::T T;
  const gdl_reparam_backward_args& args;
  const NoiseSource source;
  bool streamed;

  static const T* at(const void* p, int64_t start) { return p ? static_cast<const T*>(p) + start : 0; }
  static T* at(void* p, int64_t start) { return p ? static_cast<T*>(p) + start : 0; }

  void operator()(int64_t index) const {
    const Tile tile(source.tiling, index);
    NoiseBuffer drawn;
    const float* noise = args.kept_noise ? args.kept_noise + tile.start : drawn;
    float grad_kl[kGradKl ? kTile + kLanes : 1];
    if (kGradZ && !args.kept_noise) {
      const Prefetch<T, 3> ahead = {
          {at(args.grad_z, tile.start), at(args.log_var, tile.start), at(kGradKl ? args.mean : args.log_var, tile.start)}, streamed};
      source.template fill<Normal>(drawn, tile, ahead);
    }
    if (kGradKl) spread_grad_kl(grad_kl, args, tile);
    const BackwardBlock<Storage, kGradZ, kGradKl> block = {noise,
                                                           grad_kl,
                                                           args.kl_layout == GDL_KL_SHARED ? 0 : ~(int64_t)0,
                                                           at(args.grad_z, tile.start),
                                                           at(args.mean, tile.start),
                                                           at(args.log_var, tile.start),
                                                           at(args.grad_mean, tile.start),
                                                           at(args.grad_log_var, tile.start)};
    const bool aligned = aligned_for_streaming(block.grad_log_var) && aligned_for_streaming(block.grad_mean);
    for_each_block(tile.size, streamed && aligned, block);
  }
};

template <class Storage> struct ReparamBackward {
  template <bool kGradZ, bool kGradKl>
  static int run_tasks(const gdl_reparam_backward_args& args, gdl_parallel_for parallel_for) {
    const Tiling tiling(args.noise);
    const bool streamed = 2 * tiling.rows * tiling.cols * (int64_t)sizeof(typename Storage::T) > kStreamingBytes;
    BackwardTask<Storage, kGradZ, kGradKl> task = {args, NoiseSource(args.noise, tiling), streamed};
    parallel_tasks(parallel_for, tiling.count, tiling.grain(), task);
    return GDL_OK;
  }

  static int run(const gdl_reparam_backward_args& args, gdl_parallel_for parallel_for) {
    if (args.grad_z) {
      return args.grad_kl ? run_tasks<true, true>(args, parallel_for) : run_tasks<true, false>(args, parallel_for);
    }
    return args.grad_kl ? run_tasks<false, true>(args, parallel_for) : GDL_BAD_ARGUMENT;
  }
};

int reparam_backward(const gdl_reparam_backward_args& args, gdl_parallel_for parallel_for) {
  if (!valid(args.noise)) return GDL_BAD_ARGUMENT;
  return dispatch_dtype<ReparamBackward>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
