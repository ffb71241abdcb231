// Samples of mixtures of Gaussians with the temperature of Ha and Schmidhuber 2018, "World Models".
namespace gdl {
namespace GDL_ISA_NAMESPACE {

template <class Storage> struct SampleBlock {
  typedef typename Storage::T T;
  const float* noise;
  const T *mean, *log_std;
  T* x;
  F scale;
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F m = load<Storage, kMove>(mean + i, count), s = load<Storage, kMove>(log_std + i, count);
    store<Storage, kMove>(x + i, Mdn::draw(m, s, S::load(noise + i), scale), count);
  }
};

template <class Storage> struct MdnSample {
  typedef typename Storage::T T;

  struct Task {
    const gdl_mdn_sample_args& args;
    const Tiling& tiling;
    const NoiseSource source;
    F scale;

    // The components of up to sixteen rows by inverse CDF: as many as have a cumulative weight below the threshold. At
    // temperature zero those before the first that equals the largest. `total` is 1 or more for rows that have any.
    template <bool kAll> void choose(int64_t row, int64_t count, float* component, float* total) const {
      const int64_t components = args.mixture.components;
      const T* logits = static_cast<const T*>(args.mixture.logits) + row * components;
      const bool greedy = args.temperature == 0.0f;
      const F temperature = S::set(greedy ? 1.0f : args.temperature), one = S::set(1.0f);
      F top = Mdn::minus_infinity(), sum = S::set(0.0f), below = sum;
      for (int64_t k = 0; k < components; ++k) top = S::max(top, gather<Storage, kAll>(logits + k, components, count));
      top = Mdn::finite(top);
      auto scaled = [&](int64_t k) {
        return S::div(S::sub(gather<Storage, kAll>(logits + k, components, count), top), temperature);
      };
      for (int64_t k = 0; k < components; ++k) sum = S::add(sum, Mdn::exp(scaled(k)));
      const F threshold = greedy ? S::set(0.0f) : S::mul(uniform(row), sum);
      F reached = greedy ? Mdn::minus_infinity() : S::set(0.0f);
      for (int64_t k = 0; k < components; ++k) {
        reached = greedy ? S::max(reached, scaled(k)) : S::add(reached, Mdn::exp(scaled(k)));
        below = S::add(below, S::sub(one, S::unless_less(reached, threshold, one)));
      }
      S::store(component, below);
      S::store(total, sum);
    }

    F uniform(int64_t row) const {
      uint32_t low[kLanes], high[kLanes];
      uint64_t counter = args.noise.offset + (uint64_t)row * (uint64_t)tiling.counters_per_row;
      for (int i = 0; i < kLanes; ++i, counter += (uint64_t)tiling.counters_per_row) {
        low[i] = (uint32_t)counter;
        high[i] = (uint32_t)(counter >> 32);
      }
      return Mdn::uniform(S::load_u(low), S::load_u(high), source.keys);
    }

    void operator()(int64_t index) const {
      const Tile tile(tiling, index);
      const gdl_mixture& m = args.mixture;
      const T *mean = static_cast<const T*>(m.mean), *log_std = static_cast<const T*>(m.log_std);
      T *x = static_cast<T*>(args.x) + tile.start, narrow_mean[kTile], narrow_log_std[kTile];
      const bool narrow = m.cols < kLanes;
      NoiseBuffer noise;
      source.template fill<Normal>(noise, tile);
      float component[kLanes], total[kLanes];
      for (int64_t r = 0; r < tile.row_count; ++r) {
        const int64_t row = tile.row + r, lane = r % kLanes, begin = r * tile.col_count;
        if (lane == 0) {
          const int64_t count = smaller(kLanes, tile.row_count - r);
          count == kLanes ? choose<true>(row, count, component, total) : choose<false>(row, count, component, total);
        }
        const bool drawn = total[lane] >= 1.0f;
        const int64_t chosen = drawn ? (int64_t)component[lane] : 0, at = (row * m.components + chosen) * m.cols + tile.col;
        if (tile.col == 0) args.component[row] = chosen;
        for (int64_t j = 0; !drawn && j < tile.col_count; ++j) noise[begin + j] = __builtin_nanf("");
        for (int64_t j = 0; narrow && j < m.cols; ++j) {
          narrow_mean[begin + j] = mean[at + j];
          narrow_log_std[begin + j] = log_std[at + j];
        }
        if (!narrow) {
          const SampleBlock<Storage> block = {noise + begin, mean + at, log_std + at, x + begin, scale};
          for_each_block(tile.col_count, false, block);
        }
      }
      const SampleBlock<Storage> block = {noise, narrow_mean, narrow_log_std, x, scale};
      if (narrow) for_each_block(tile.size, false, block);
    }
  };

  static int run(const gdl_mdn_sample_args& args, gdl_parallel_for parallel_for) {
    const Tiling tiling(args.noise);
    Task task = {args, tiling, NoiseSource(args.noise, tiling), S::set(__builtin_sqrtf(args.temperature))};
    parallel_tasks(parallel_for, tiling.count, tiling.grain(), task);
    return GDL_OK;
  }
};

int mdn_sample(const gdl_mdn_sample_args& args, gdl_parallel_for parallel_for) {
  const gdl_mixture& m = args.mixture;
  if (!valid(m) || args.noise.rows != m.rows || args.noise.cols != m.cols || args.noise.row_keys) {
    return GDL_BAD_ARGUMENT;
  }
  if (!(args.temperature >= 0.0f) || args.temperature * 0.0f != 0.0f) return GDL_BAD_ARGUMENT;
  return dispatch_dtype<MdnSample>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
