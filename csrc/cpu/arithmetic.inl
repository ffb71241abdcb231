// Latent vectors moved along directions: every step's offset is made once, then added to every row.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

// offset += alpha * direction
template <class Storage> struct AddDirection {
  const typename Storage::T* direction;
  float* offset;
  F alpha;
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F sum = S::fma(alpha, load<Storage, kMove>(direction + i, count), load<Float32, kMove>(offset + i, count));
    store<Float32, kMove>(offset + i, sum, count);
  }
};

// A row moved by the offsets of kSteps steps.
template <class Storage, int kSteps> struct AddOffsets {
  typedef typename Storage::T T;
  const T* z;
  const float* offsets;  // (kSteps, cols)
  T* out;
  int64_t cols, stride;
  template <Move kMove> GDL_INLINE void run(int64_t i, int64_t count) const {
    const F from = load<Storage, kMove>(z + i, count);
    for (int k = 0; k < kSteps; ++k) {
      const F offset = load<Float32, kMove>(offsets + k * cols + i, count);
      store<Storage, kMove>(out + k * stride + i, S::add(from, offset), count);
    }
  }
};

template <class Storage> struct Arithmetic {
  typedef typename Storage::T T;
  enum { kGroup = 4 };  // steps that a task makes of one row

  const gdl_arithmetic_args& args;
  const float* offsets;  // (steps, cols)
  bool streamed;

  template <int kSteps> void write(int64_t row, int64_t step) const {
    const int64_t stride = args.rows * args.cols;
    T* out = static_cast<T*>(args.out) + step * stride + row * args.cols;
    const AddOffsets<Storage, kSteps> block = {static_cast<const T*>(args.z) + row * args.cols,
                                               offsets + step * args.cols, out, args.cols, stride};
    const bool whole_lines = kSteps == 1 || stride * (int64_t)sizeof(T) % 64 == 0;
    for_each_block(args.cols, streamed && whole_lines && aligned_for_streaming(out), block);
  }

  void operator()(int64_t index) const {
    const int64_t group = index / args.rows, row = index - group * args.rows, step = group * kGroup;
    if (step + kGroup <= args.steps) {
      write<kGroup>(row, step);
    } else {
      for (int64_t k = step; k < args.steps; ++k) write<1>(row, k);
    }
  }

  static void find_offset(const gdl_arithmetic_args& args, int64_t step, float* offset) {
    memset(offset, 0, (size_t)args.cols * sizeof *offset);
    for (int64_t d = 0; d < args.count; ++d) {
      const AddDirection<Storage> block = {static_cast<const T*>(args.directions) + d * args.cols, offset,
                                           S::set(args.alpha[step * args.count + d])};
      for_each_block(args.cols, false, block);
    }
  }

  static int run(const gdl_arithmetic_args& args, gdl_parallel_for parallel_for) {
    if (args.steps < 0 || args.rows < 0 || args.cols < 0 || args.count < 0) return GDL_BAD_ARGUMENT;
    const int64_t size = args.steps * args.rows * args.cols;
    if (size == 0) return GDL_OK;
    const Scratch<float> offsets(args.steps * args.cols);
    if (!offsets.data) return GDL_OUT_OF_MEMORY;
    auto prepare = [&](int64_t step) { find_offset(args, step, offsets.data + step * args.cols); };
    parallel_tasks(parallel_for, args.steps, grain_for(args.count * args.cols), prepare);
    Arithmetic task = {args, offsets.data, size * (int64_t)sizeof(T) > kStreamingBytes};
    parallel_tasks(parallel_for, ceil_div(args.steps, kGroup) * args.rows, grain_for(kGroup * args.cols), task);
    return GDL_OK;
  }
};

int arithmetic(const gdl_arithmetic_args& args, gdl_parallel_for parallel_for) {
  return dispatch_dtype<Arithmetic>(args, parallel_for);
}

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
