// Standard normal noise.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

template <class Storage> struct Randn {
  typedef typename Storage::T T;

  struct Convert {
    const float* noise;
    T* out;
    template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
      store<Storage, kMove>(out + i, S::load(noise + i), count);
    }
  };

  struct Task {
    const gdl_randn_args& args;
    const Tiling& tiling;
    uint32_t keys[kPhiloxKeyWords];
    bool streamed;

    void operator()(int64_t index) {
      const Tile tile(tiling, index);
      NoiseBuffer noise;
      fill_noise(noise, tiling, tile, args.noise.offset, keys);
      T* out = static_cast<T*>(args.out) + tile.start;
      const Convert convert = {noise, out};
      for_each_block(tile.size, streamed && aligned_for_streaming(out), convert);
    }
  };

  static int run(const gdl_randn_args& args, gdl_parallel_for parallel_for) {
    const Tiling tiling(args.noise);
    Task task = {args, tiling, {}, tiling.rows * tiling.cols * (int64_t)sizeof(T) > kStreamingBytes};
    philox_keys(args.noise.seed, task.keys);
    parallel_tasks(parallel_for, tiling.count, tiling.grain(), task);
    return GDL_OK;
  }
};

int randn(const gdl_randn_args& args, gdl_parallel_for parallel_for) {
  if (!valid(args.noise)) return GDL_BAD_ARGUMENT;
  return dispatch_dtype<Randn>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
