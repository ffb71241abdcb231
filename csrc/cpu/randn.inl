// Standard normal and uniform noise.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

template <class Storage, class Distribution> struct Draw {
  typedef typename Storage::T T;

  struct Convert {
    const float* noise;
    T* out;
    template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
      store<Storage, kMove>(out + i, S::load(noise + i), count);
    }
  };

  static float* as_floats(float* out) { return out; }
  static float* as_floats(uint16_t*) { return 0; }

  struct Task {
    const NoiseSource source;
    T* all;
    bool streamed;

    void operator()(int64_t index) const {
      const Tile tile(source.tiling, index);
      float* const floats = as_floats(all + tile.start);
      if (floats && !streamed && source.fills_whole_blocks(tile)) {
        source.fill<Distribution>(floats, tile);
        return;
      }
      NoiseBuffer noise;
      source.fill<Distribution>(noise, tile);
      const Convert convert = {noise, all + tile.start};
      for_each_block(tile.size, streamed && aligned_for_streaming(convert.out), convert);
    }
  };

  static int run(const gdl_randn_args& args, gdl_parallel_for parallel_for) {
    const Tiling tiling(args.noise);
    Task task = {NoiseSource(args.noise, tiling), static_cast<T*>(args.out),
                 tiling.rows * tiling.cols * (int64_t)sizeof(T) > kStreamingBytes};
    parallel_tasks(parallel_for, tiling.count, tiling.grain(), task);
    return GDL_OK;
  }
};

template <class Storage> struct Randn : Draw<Storage, Normal> {};
template <class Storage> struct RandomUnit : Draw<Storage, Uniform<Storage::kBits> > {};

int randn(const gdl_randn_args& args, gdl_parallel_for parallel_for) {
  if (!valid(args.noise)) return GDL_BAD_ARGUMENT;
  return dispatch_dtype<Randn>(args, parallel_for);
}

int uniform(const gdl_uniform_args& args, gdl_parallel_for parallel_for) {
  if (!valid(args.noise)) return GDL_BAD_ARGUMENT;
  return dispatch_dtype<RandomUnit>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
