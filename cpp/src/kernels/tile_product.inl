// The product of pairs on tiles of 16 rows by 64 bytes, for a target's file that includes this
// after kernel_source.inl. `Tiles` has the operations: sums[i][j] += left[i] right[j] for two tiles
// on each side, where a row of `left` has 16 pairs and a row of `right` a pair of each of 16
// columns.

inline constexpr std::int64_t tile_side = 16;
inline constexpr std::int64_t square = 2 * tile_side;  // rows and columns of the four sums
inline constexpr std::int64_t tile_stretch = 256;      // pairs: A's part is half of the first cache
inline constexpr Bfloat16Pair zero_pair = {0};

inline bool is_whole(std::int64_t n) { return n % tile_side == 0; }
inline std::int64_t whole_tiles(std::int64_t n) {
  return (n + tile_side - 1) / tile_side * tile_side;
}

struct Side {
  const Bfloat16Pair* data;
  std::int64_t row_stride;
};

// Up to `square` rows of A, whose pairs lie side by side: where they are, or filled up with zeros
// to whole tiles in `copy`.
inline Side left_side(std::int64_t rows, std::int64_t pairs, const Bfloat16Pair* a,
                      std::int64_t a_row, std::int64_t a_col, Bfloat16Pair* copy) {
  if (a_col == 1 && is_whole(rows) && is_whole(pairs)) return {a, a_row};
  const std::int64_t width = whole_tiles(pairs);
  if (a_col == 1) {
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t p = 0; p < width; ++p) {
        copy[i * tile_stretch + p] = p < pairs ? a[i * a_row + p] : zero_pair;
      }
    }
  } else {
    // By 16 pairs, whose cache lines of `copy` are filled together.
    for (std::int64_t first = 0; first < width; first += tile_side) {
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t p = first; p < first + tile_side; ++p) {
          copy[i * tile_stretch + p] = p < pairs ? a[i * a_row + p * a_col] : zero_pair;
        }
      }
    }
  }
  for (std::int64_t i = rows; i < whole_tiles(rows); ++i) {
    for (std::int64_t p = 0; p < width; ++p) copy[i * tile_stretch + p] = zero_pair;
  }
  return {copy, tile_stretch};
}

// A tile of B, likewise.
inline Side right_tile(std::int64_t pairs, std::int64_t columns, const Bfloat16Pair* b,
                       std::int64_t b_row, Bfloat16Pair* copy) {
  if (pairs >= tile_side && columns >= tile_side) return {b, b_row};
  for (std::int64_t p = 0; p < tile_side; ++p) {
    for (std::int64_t j = 0; j < tile_side; ++j) {
      copy[p * tile_side + j] = p < pairs && j < columns ? b[p * b_row + j] : zero_pair;
    }
  }
  return {copy, tile_side};
}

// The sums of up to `square` rows and columns over one stretch, into `sums` [square, square].
template <class Tiles>
void tile_sums(std::int64_t rows, std::int64_t columns, std::int64_t pairs, const Side& left,
               const Bfloat16Pair* b, std::int64_t b_row, float* sums) {
  alignas(64) Bfloat16Pair copy[2][tile_side * tile_side];
  const bool two_rows = rows > tile_side;
  const bool two_columns = columns > tile_side;
  Tiles::clear_sums();
  for (std::int64_t p = 0; p < pairs; p += tile_side) {
    const Side right = right_tile(pairs - p, columns, b + p * b_row, b_row, copy[0]);
    Tiles::template load_left<0>(left.data + p, left.row_stride);
    Tiles::template load_right<0>(right.data, right.row_stride);
    Tiles::template multiply_add<0, 0>();
    if (two_columns) {
      const Side second =
          right_tile(pairs - p, columns - tile_side, b + p * b_row + tile_side, b_row, copy[1]);
      Tiles::template load_right<1>(second.data, second.row_stride);
      Tiles::template multiply_add<0, 1>();
    }
    if (two_rows) {
      Tiles::template load_left<1>(left.data + tile_side * left.row_stride + p, left.row_stride);
      Tiles::template multiply_add<1, 0>();
      if (two_columns) Tiles::template multiply_add<1, 1>();
    }
  }
  Tiles::template store_sum<0, 0>(sums, square);
  Tiles::template store_sum<0, 1>(sums + tile_side, square);
  Tiles::template store_sum<1, 0>(sums + tile_side * square, square);
  Tiles::template store_sum<1, 1>(sums + tile_side * square + tile_side, square);
}

template <class Tiles>
void tile_product(std::int64_t m, std::int64_t n, std::int64_t pairs, const Bfloat16Pair* a,
                  std::int64_t a_row, std::int64_t a_col, const Bfloat16Pair* b, std::int64_t b_row,
                  Destination<float> c) {
  alignas(64) Bfloat16Pair copy[square * tile_stretch];
  alignas(64) float sums[square * square];
  Tiles::configure();
  std::int64_t p = 0;
  do {  // once even without pairs, which writes what the product is added to
    const std::int64_t depth = pairs - p < tile_stretch ? pairs - p : tile_stretch;
    for (std::int64_t i = 0; i < m; i += square) {
      const std::int64_t rows = m - i < square ? m - i : square;
      const Side left = left_side(rows, depth, a + i * a_row + p * a_col, a_row, a_col, copy);
      for (std::int64_t j = 0; j < n; j += square) {
        const std::int64_t columns = n - j < square ? n - j : square;
        tile_sums<Tiles>(rows, columns, depth, left, b + p * b_row + j, b_row, sums);
        for (std::int64_t r = 0; r < rows; ++r) {
          float* place = c.row(i + r) + j;
          const float before = c.before(i + r);
          for (std::int64_t l = 0; l < columns; ++l) {
            place[l] = sums[r * square + l] + (c.add ? place[l] : before);
          }
        }
      }
    }
    c.add = true;
    p += tile_stretch;
  } while (p < pairs);
  Tiles::release();
}

template <class Tiles>
void tile_multiply(std::int64_t m, std::int64_t n, std::int64_t pairs, const Bfloat16Pair* a,
                   std::int64_t a_row, std::int64_t a_col, const Bfloat16Pair* b,
                   std::int64_t b_row, const float* start, float* c, std::int64_t c_row) {
  tile_product<Tiles>(m, n, pairs, a, a_row, a_col, b, b_row, {c, c_row, nullptr, 0, start, false});
}

template <class Tiles>
void tile_multiply_to_rows(std::int64_t m, std::int64_t n, std::int64_t pairs,
                           const Bfloat16Pair* a, std::int64_t a_row, std::int64_t a_col,
                           const Bfloat16Pair* b, std::int64_t b_row, bool add, float* const* c) {
  tile_product<Tiles>(m, n, pairs, a, a_row, a_col, b, b_row, {nullptr, 0, c, 0, nullptr, add});
}
