// Products of words by the tile instructions of AMX: 16 rows by 16 words times 16 words by 16 columns, 2 x 2 of them at once.
// EMULATED: the same by a plain loop, so that layouts can be proved on a processor that has no tiles.
#pragma once
#include "words.h"

#if defined(HALF) && BYTES_OF_VECTOR == 64 && (defined(__AMX_BF16__) || defined(EMULATED))
#define TILES 1

struct alignas(64) Tiles {  // what the processor is told of the sizes of its tiles
  uint8_t palette = 1, start = 0, unused[14] = {};
  uint16_t bytes[16] = {};
  uint8_t rows[16] = {};
};

#ifdef EMULATED
struct Emulated {
  Tiles sizes;
  uint8_t data[8][16][64];
};
inline thread_local Emulated tiles_here;
inline void tile_load(int n, const void* from, long stride) {
  for (int i = 0; i < tiles_here.sizes.rows[n]; ++i) std::memcpy(tiles_here.data[n][i], (const char*)from + i * stride, tiles_here.sizes.bytes[n]);
}
inline void tile_store(int n, void* to, long stride) {
  for (int i = 0; i < tiles_here.sizes.rows[n]; ++i) std::memcpy((char*)to + i * stride, tiles_here.data[n][i], tiles_here.sizes.bytes[n]);
}
inline void tile_multiply(int c, int a, int b) {
  const auto value = [](const void* at, int part) {
    Word word;
    std::memcpy(&word, at, sizeof(word));
    return __builtin_bit_cast(float, part ? word & 0xffff0000u : word << 16);
  };
  for (int i = 0; i < tiles_here.sizes.rows[c]; ++i)
    for (int k = 0; k < tiles_here.sizes.bytes[a] / 4; ++k)
      for (int j = 0; j < tiles_here.sizes.bytes[c] / 4; ++j) {
        float sum;
        std::memcpy(&sum, tiles_here.data[c][i] + 4 * j, 4);
        for (int part = 0; part < 2; ++part) sum += value(tiles_here.data[a][i] + 4 * k, part) * value(tiles_here.data[b][k] + 4 * j, part);
        std::memcpy(tiles_here.data[c][i] + 4 * j, &sum, 4);
      }
}
#define TILE_CONFIGURE(from) (tiles_here.sizes = *(from))
#define TILE_RELEASE() ((void)0)
#define TILE_ZERO(n) std::memset(tiles_here.data[n], 0, sizeof(tiles_here.data[n]))
#define TILE_LOAD(n, from, stride) tile_load(n, from, stride)
#define TILE_STORE(n, to, stride) tile_store(n, to, stride)
#define TILE_MULTIPLY(c, a, b) tile_multiply(c, a, b)
inline bool tiles_granted() { return true; }
#else
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#define TILE_CONFIGURE(sizes) _tile_loadconfig(sizes)
#define TILE_RELEASE() _tile_release()
#define TILE_ZERO(n) _tile_zero(n)
#define TILE_LOAD(n, from, stride) _tile_loadd(n, from, stride)
#define TILE_STORE(n, to, stride) _tile_stored(n, to, stride)
#define TILE_MULTIPLY(c, a, b) _tile_dpbf16ps(c, a, b)
// Linux hands out the memory of tiles to a process that asks for it
inline bool tiles_granted() {
  static const bool granted = syscall(SYS_arch_prctl, 0x1023, 18) == 0;  // ARCH_REQ_XCOMP_PERM, XTILEDATA
  return granted;
}
#endif

inline thread_local long tiled = 0;  // sizes that are set, as rows of the first and of the second tile

inline void size_tiles(long first, long second) {
  if (tiled == first * 32 + second) return;
  tiled = first * 32 + second;
  Tiles sizes;
  for (int n = 0; n < 8; ++n) {  // 0 .. 3 sums, 4 and 5 left, 6 and 7 right operands
    const long rows = n > 5 ? 16 : n == 5 || n == 2 || n == 3 ? second : first;
    sizes.rows[n] = uint8_t(std::max(rows, 1L));
    sizes.bytes[n] = 64;
  }
  TILE_CONFIGURE(&sizes);
}

inline void release_tiles() {
  if (tiled) TILE_RELEASE();
  tiled = 0;
}

// up to 2 x 2 tiles of sums
template <bool LOWER, bool RIGHT>
void tile_block(const Term<Word>* term, const Term<Word>* end, long row, long column, long wide, long inside, float* c, long c_row, const float* start, long start_row) {
  if (start) {
    TILE_LOAD(0, start, start_row * 4);
    if (RIGHT) TILE_LOAD(1, start + 16, start_row * 4);
    if (LOWER) TILE_LOAD(2, start + 16 * start_row, start_row * 4);
    if (LOWER && RIGHT) TILE_LOAD(3, start + 16 * start_row + 16, start_row * 4);
  } else {
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
  }
  for (; term != end; ++term) {
    const Word* a = term->a + row * term->a_row;
    const Word* b = term->b_step ? term->b + (column + inside) * term->b_column : term->b + column * term->b_column + inside;
    const long b_step = term->b_step ? term->b_step : wide;
    for (long k = term->depth; k > 0; k -= DEEP, a += DEEP, b += DEEP * b_step) {
      TILE_LOAD(4, a, term->a_row * 4);
      TILE_LOAD(6, b, b_step * 4);
      TILE_MULTIPLY(0, 4, 6);
      if (RIGHT) {
        TILE_LOAD(7, b + 16, b_step * 4);
        TILE_MULTIPLY(1, 4, 7);
      }
      if (LOWER) {
        TILE_LOAD(5, a + 16 * term->a_row, term->a_row * 4);
        TILE_MULTIPLY(2, 5, 6);
        if (RIGHT) TILE_MULTIPLY(3, 5, 7);
      }
    }
  }
  TILE_STORE(0, c, c_row * 4);
  if (RIGHT) TILE_STORE(1, c + 16, c_row * 4);
  if (LOWER) TILE_STORE(2, c + 16 * c_row, c_row * 4);
  if (LOWER && RIGHT) TILE_STORE(3, c + 16 * c_row + 16, c_row * 4);
}

// as `product`; every depth is a multiple of DEEP, and every a_step 1
inline void tile_product(long rows, long from, long to, const Term<Word>* terms, long count, float* c, long c_row, const float* start, long start_row) {
  constexpr long PANEL_WIDE = Vector<float>::tile;
  for (long j = from; j < to; j += 32) {
    const long column = j / PANEL_WIDE * PANEL_WIDE, wide = std::min(PANEL_WIDE, to - column);
    const bool right = to - j > 16;
    for (long i = 0; i < rows; i += 32) {
      const long first = std::min(rows - i, 16L), second = std::clamp(rows - i - 16, 0L, 16L);
      size_tiles(first, second);
      const auto block = second ? right ? tile_block<true, true> : tile_block<true, false> : right ? tile_block<false, true> : tile_block<false, false>;
      block(terms, terms + count, i, column, wide, j - column, c + i * c_row + j, c_row, start ? start + i * start_row + j : nullptr, start_row);
    }
  }
}
#else
inline bool tiles_granted() { return false; }
inline void release_tiles() {}
#endif
