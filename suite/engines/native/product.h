// Matrix products with all sums in registers: a tile of ROWS x COLUMNS vectors over any number of terms, one pass over each.
#pragma once
#include <algorithm>
#include <vector>

#if defined(__AVX512F__)
#define BYTES_OF_VECTOR 64
constexpr int ROWS = 6, COLUMNS = 4;
#elif defined(__aarch64__)
#define BYTES_OF_VECTOR 16
constexpr int ROWS = 6, COLUMNS = 4;
#elif defined(__AVX__)
#define BYTES_OF_VECTOR 32
constexpr int ROWS = 6, COLUMNS = 2;
#else
#define BYTES_OF_VECTOR 16
constexpr int ROWS = 6, COLUMNS = 2;
#endif
constexpr int BYTES = BYTES_OF_VECTOR;

template <class T> struct Vector {
  typedef T whole __attribute__((vector_size(BYTES)));
  typedef T loose __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));
  static constexpr long lanes = BYTES / sizeof(T);
  static constexpr long tile = COLUMNS * lanes;
};

// how operands are multiplied and added to sums: vectors of the type itself, or of words (`words.h`)
template <class T, class W> struct Operand;
template <class T> struct Operand<T, T> {
  typedef typename Vector<T>::whole Whole;
  typedef typename Vector<T>::loose Loose;
  static Whole spread(T a) { return Whole{} + a; }
  static void add(Whole& sum, Whole x, Whole w) { sum += x * w; }
};

// a(i, k) b(k, j), summed over k: a at a[i * a_row + k * a_step], b at b[j * b_column + k * b_step].
// Packed b has b_step 0: its panels of `tile` columns follow each other, each k after k.
template <class W> struct Term {
  const W* a;
  long a_row, a_step;
  const W* b;
  long b_column, b_step;
  long depth;
};

// AHEAD: how many k before they are needed operands are called for, where they come from behind a core's own cache
template <class T, class W, int M, int N, int AHEAD = 0>
void tile(const Term<W>* term, const Term<W>* end, long row, long column, T* c, long c_row, const T* start, long start_row) {
  typedef typename Vector<T>::whole V;
  typedef const typename Vector<T>::loose* From;
  typedef Operand<T, W> O;
  constexpr long L = Vector<T>::lanes;
  V sum[M][N];
  for (int i = 0; i < M; ++i)
    for (int v = 0; v < N; ++v) {
      sum[i][v] = V{};
      if (start) __builtin_prefetch(start + i * start_row + v * L);  // added at the end: it comes while the sums are made
    }
  for (; term != end; ++term) {
    const W *a = term->a + row * term->a_row, *b = term->b + column * term->b_column;
    const long a_row = term->a_row, a_step = term->a_step, b_step = term->b_step ? term->b_step : N * L;
    for (long k = term->depth; k; --k, a += a_step, b += b_step) {
      typename O::Whole w[N];
      for (int v = 0; v < N; ++v) {
        if (AHEAD) __builtin_prefetch(b + AHEAD * b_step + v * L);
        w[v] = *(const typename O::Loose*)(b + v * L);
      }
      for (int i = 0; i < M; ++i) {
        const auto x = O::spread(a[i * a_row]);
        for (int v = 0; v < N; ++v) O::add(sum[i][v], x, w[v]);
      }
    }
  }
  for (int i = 0; i < M; ++i)
    for (int v = 0; v < N; ++v) {
      if (start) sum[i][v] += (V) * (From)(start + i * start_row + v * L);
      *(typename Vector<T>::loose*)(c + i * c_row + v * L) = sum[i][v];
    }
}

template <class T, class W> using Tile = void (*)(const Term<W>*, const Term<W>*, long, long, T*, long, const T*, long);
template <class T, class W, int M, int AHEAD = 0> Tile<T, W> narrow(long vectors) {
  if constexpr (COLUMNS > 2) {
    if (vectors == 3) return tile<T, W, M, 3, AHEAD>;
    if (vectors > 3) return tile<T, W, M, 4, AHEAD>;
  }
  return vectors == 1 ? tile<T, W, M, 1, AHEAD> : tile<T, W, M, 2, AHEAD>;
}
template <class T, class W> Tile<T, W> tile_of(long rows, long vectors, bool far) {
  switch (rows) {
    case 1: return far ? narrow<T, W, 1, 8>(vectors) : narrow<T, W, 1>(vectors);
    case 2: return narrow<T, W, 2>(vectors);
    case 3: return narrow<T, W, 3>(vectors);
    case 4: return narrow<T, W, 4>(vectors);
    case 5: return narrow<T, W, 5>(vectors);
    default: return narrow<T, W, 6>(vectors);
  }
}

// in which order columns are gone through: what was read last is what a cache still holds
struct Way {
  bool down = false;  // from the last to the first
  bool far = false;   // whether operands come from behind a core's own cache
};

// c(i, j) = start(i, j) + sum of terms, for columns [from, to) (whole vectors; what lies behind the last real column must be there
// to be written); start null: zero; start_row 0: the same for every row
template <class T, class W>
void product(long rows, long from, long to, const Term<W>* terms, long count, T* c, long c_row, const T* start, long start_row, Way way) {
  constexpr long L = Vector<T>::lanes, WIDE = Vector<T>::tile;
  const long pieces = (rows + ROWS - 1) / ROWS, tiles = (to - from + WIDE - 1) / WIDE;
  for (long n = 0; n < tiles; ++n) {
    const long j = from + (way.down ? tiles - 1 - n : n) * WIDE;
    const long vectors = std::min<long>(COLUMNS, (to - j + L - 1) / L);
    for (long p = 0; p < pieces; ++p) {
      const long i = rows * p / pieces, m = rows * (p + 1) / pieces - i;
      tile_of<T, W>(m, vectors, way.far)(terms, terms + count, i, j, c + i * c_row + j, c_row, start ? start + i * start_row + j : nullptr, start_row);
    }
  }
}
