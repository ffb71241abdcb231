// The work of the noise kernels is cut into tiles that stay in the first-level cache: several whole rows where rows are
// short, a piece of one row where they are long. Tiles depend on the shape alone, never on the number of threads.
namespace gdl {
namespace GDL_ISA_NAMESPACE {

enum { kTile = 2048, kBlock = 64, kCountersPerBlock = 16 };  // kTile also fixes the order in which a row is summed

// Noise for a tile, with room for the block of 64 that the last counters belong to.
typedef float NoiseBuffer[kTile + kBlock];

inline bool valid(const gdl_noise& noise) { return noise.rows >= 0 && noise.cols >= 0; }

struct Tiling {
  int64_t rows, cols, counters_per_row, rows_per_tile, tiles_per_row, count;

  explicit Tiling(const gdl_noise& noise) : rows(noise.rows), cols(noise.cols) {
    counters_per_row = ceil_div(cols, 4);
    rows_per_tile = at_least_one(kTile / at_least_one(4 * counters_per_row));
    tiles_per_row = ceil_div(cols, kTile);
    count = rows == 0 || cols == 0 ? 0 : tiles_per_row > 1 ? rows * tiles_per_row : ceil_div(rows, rows_per_tile);
  }

  // Tiles that are worth a thread's start.
  int64_t grain() const { return at_least_one(4 * kTile / at_least_one(smaller(kTile, rows_per_tile * cols))); }
};

struct Tile {
  int64_t row, row_count, col, col_count, start, size;

  Tile(const Tiling& tiling, int64_t index) {
    if (tiling.tiles_per_row > 1) {
      row = index / tiling.tiles_per_row;
      row_count = 1;
      col = (index - row * tiling.tiles_per_row) * kTile;
      col_count = smaller(kTile, tiling.cols - col);
    } else {
      row = index * tiling.rows_per_tile;
      row_count = smaller(tiling.rows_per_tile, tiling.rows - row);
      col = 0;
      col_count = tiling.cols;
    }
    start = row * tiling.cols + col;
    size = row_count * col_count;
  }

};

// What four numbers a counter makes. `High` is a vector of the counters' high words, or the start that they share.
struct Normal {
  template <class High> static GDL_INLINE void draw(U low, const High& high, const uint32_t* keys, F (&out)[4]) {
    Math<S>::normals(low, high, keys, out);
  }
};
template <int kBits> struct Uniform {
  template <class High> static GDL_INLINE void draw(U low, const High& high, const uint32_t* keys, F (&out)[4]) {
    Math<S>::template units<kBits>(low, high, keys, out);
  }
};

// The low words of the sixteen counters from `counter` on.
GDL_INLINE U low_words(uint64_t counter) {
  static const uint32_t kSteps[kCountersPerBlock] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  return S::add_u(S::set_u((uint32_t)counter), S::load_u(kSteps));
}

// As draw_counters, for counters whose low words carry into the high ones on the way.
template <class Distribution>
__attribute__((noinline)) void draw_carrying(float* out, uint64_t counter, int64_t counters, const uint32_t* keys) {
  for (int64_t i = 0; i < counters; i += kCountersPerBlock, counter += kCountersPerBlock) {
    uint32_t highs[kCountersPerBlock];
    for (int lane = 0; lane < kCountersPerBlock; ++lane) highs[lane] = (uint32_t)((counter + (uint64_t)lane) >> 32);
    F numbers[4];
    Distribution::draw(low_words(counter), S::load_u(highs), keys, numbers);
    S::store_interleaved(out + 4 * i, numbers);
  }
}

// Asks memory for what is read next, 64 elements of each array at a time, while their noise is drawn: the one waits for
// memory and the other for arithmetic. Where rows are padded it asks for a little more than there is, which does nothing.
struct NoPrefetch {
  GDL_INLINE void operator()(int64_t) const {}
};
template <class T, int kArrays> struct Prefetch {
  const T* arrays[kArrays];
  bool wanted;
  GDL_INLINE void operator()(int64_t i) const {
    if (!wanted) return;
#pragma GCC unroll 16
    for (int line = 0; line < kArrays * (int)sizeof(T); ++line) {
      __builtin_prefetch(arrays[line / (int)sizeof(T)] + i + line % (int)sizeof(T) * (64 / (int)sizeof(T)));
    }
  }
};

// Fills whole blocks of 64: up to 60 numbers more than the counters have.
template <class Distribution, class Ahead>
inline void draw_counters(float* out, uint64_t counter, int64_t counters, const uint32_t* keys, const Ahead& ahead) {
  const uint64_t behind = counter + (uint64_t)counters + kCountersPerBlock;
  if (__builtin_expect(counter >> 32 != behind >> 32, 0)) {
    draw_carrying<Distribution>(out, counter, counters, keys);
    return;
  }
  const PhiloxStart start = philox_start((uint32_t)(counter >> 32), keys);
  U low = low_words(counter);
  const U step = S::set_u(kCountersPerBlock);
  for (int64_t i = 0; i < counters; i += kCountersPerBlock, low = S::add_u(low, step)) {
    ahead(4 * i);
    F numbers[4];
    Distribution::draw(low, start, keys, numbers);
    S::store_interleaved(out + 4 * i, numbers);
  }
}

// The noise of a call: one key for all rows, or one for each.
struct NoiseSource {
  const Tiling& tiling;
  uint64_t offset;
  const int64_t* row_keys;
  uint32_t keys[kPhiloxKeyWords];

  NoiseSource(const gdl_noise& noise, const Tiling& tiling)
      : tiling(tiling), offset(noise.offset), row_keys(noise.row_keys) {
    philox_keys(noise.seed, keys);
  }

  // Rows padded to whole counters.
  template <class Distribution, class Ahead> void draw_rows(float* noise, const Tile& tile, const Ahead& ahead) const {
    const int64_t per_row = tiling.tiles_per_row > 1 ? ceil_div(tile.col_count, 4) : tiling.counters_per_row;
    if (!row_keys) {
      const uint64_t first = offset + (uint64_t)tile.row * (uint64_t)tiling.counters_per_row + (uint64_t)(tile.col / 4);
      draw_counters<Distribution>(noise, first, tile.row_count * per_row, keys, ahead);
      return;
    }
    for (int64_t r = 0; r < tile.row_count; ++r) {
      const int64_t* key = row_keys + 2 * (tile.row + r);
      uint32_t own_keys[kPhiloxKeyWords];
      philox_keys((uint64_t)key[0], own_keys);
      draw_counters<Distribution>(noise + 4 * per_row * r, (uint64_t)key[1] + (uint64_t)(tile.col / 4), per_row, own_keys,
                                  NoPrefetch());
    }
  }

  // Whether `fill` writes the tile's elements and nothing behind them, so that it needs no room for more.
  bool fills_whole_blocks(const Tile& tile) const {
    const int64_t drawn_at_once = row_keys || tiling.cols % 4 != 0 ? tile.col_count : tile.size;
    return drawn_at_once % kBlock == 0;
  }

  // The noise of a tile, element after element, and up to 60 numbers behind it.
  template <class Distribution, class Ahead = NoPrefetch>
  void fill(float* noise, const Tile& tile, const Ahead& ahead = Ahead()) const {
    draw_rows<Distribution>(noise, tile, ahead);
    if (tile.row_count > 1 && tiling.cols % 4 != 0) {  // squeeze the padding out
      const float* padded = noise;
      float* dense = noise;
      for (int64_t r = 0; r < tile.row_count; ++r, padded += 4 * tiling.counters_per_row) {
        for (int64_t j = 0; j < tiling.cols; ++j) *dense++ = padded[j];
      }
    }
  }
};

}  // namespace GDL_ISA_NAMESPACE
}  // namespace gdl
