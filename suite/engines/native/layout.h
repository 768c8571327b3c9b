// Where everything is: memory of a call, weights as the products want them, who does what.
#pragma once
#include <cstring>
#include <type_traits>

#include "loop.h"
#include "product.h"
#include "team.h"
#include "tiles.h"
#include "words.h"

namespace {

using T = REAL;
#ifdef HALF
using W = Word;  // operands of products
#else
using W = T;
#endif
constexpr bool WORDS = !std::is_same_v<T, W>;
static_assert(!WORDS || sizeof(W) == sizeof(T), "both stand in the same memory");
constexpr long GROUP = 8;         // rows whose share of an extra's gradient is summed at once; panels are whole groups
constexpr long PANEL = 32;        // rows that go through the sequence together, at most; twice as many where all threads work on them
constexpr long CACHE = 1 << 19;   // bytes of a core's own cache that weights or sums may fill

long padded(long width) { return (width + Vector<T>::lanes - 1) / Vector<T>::lanes * Vector<T>::lanes; }
// how many operands a sum over so many numbers has
long deep(long width) {
  const long words = WORDS ? (width + 1) / 2 : width;
  return (words + DEEP - 1) / DEEP * DEEP;
}
T* at(const View& v, long t, long r, long b) { return (T*)v.data + t * v.time + r * v.replica + b * v.row; }

// one of several threads that do something together
struct Part {
  Team* team;
  long member = 0, members = 1;

  void meet() const {
    if (members > 1) team->meet();
  }
  // this one's share of `count` things that are handed out `step` at a time
  std::pair<long, long> of(long count, long step) const {
    const long steps = (count + step - 1) / step;
    return {std::min(count, steps * member / members * step), std::min(count, steps * (member + 1) / members * step)};
  }
};

// to(k, j) = from(j, k), by squares that stay in cache
void transpose(T* to, long to_row, const T* from, long from_row, long rows, long columns) {
  for (long j = 0; j < rows; j += 16)
    for (long k = 0; k < columns; k += 16)
      for (long i = k; i < std::min(k + 16, columns); ++i)
        for (long l = j; l < std::min(j + 16, rows); ++l) to[i * to_row + l] = from[l * from_row + i];
}

// c(i, j) = start(i, j) + sum of terms; see `product.h`
void multiply(long rows, long from, long to, const Term<W>* terms, long count, T* c, long c_row, const T* start, long start_row, Way way = {}) {
#ifdef TILES
  if (tiles_granted()) return tile_product(rows, from, to, terms, count, c, c_row, start, start_row);
#endif
  product<T, W>(rows, from, to, terms, count, c, c_row, start, start_row, way);
}

struct Loop {
  const Plan& plan;
  const Call& call;
  std::vector<long> packed, turned, summed, bias, owner;  // where each link's matrices start in a replica's share of memory
  long packed_size = 0, turned_size = 0, summed_size = 0, bias_size = 0;
  std::vector<long> heard, felt;  // where the operands of each source, and of the derivatives of each block, start in a row of words
  long heard_size = 0, felt_size = 0, widths = 0;
  long panels, threads;
  bool down = false;  // whether the first step goes through columns from the last to the first, and the second back
  bool far;           // whether a thread's share of the weights is more than its own cache holds
  bool together;      // whether all threads work on one panel, each on some columns: where the weights are too large to be read by each of them

  Loop(const Plan& plan, const Call& call) : plan(plan), call(call) {
    for (long s = 0; s < plan.sources && WORDS; ++s) {
      heard.push_back(heard_size);
      heard_size += deep(plan.source[s].width);
      widths += plan.source[s].width;
    }
    for (long n = 0; n < plan.blocks && WORDS; ++n) {
      felt.push_back(felt_size);
      felt_size += deep(plan.block[n].columns);
    }
    for (long n = 0; n < plan.blocks; ++n) {
      const Block& block = plan.block[n];
      const long columns = padded(block.columns);
      bias.push_back(bias_size);
      bias_size += columns;
      for (long l = block.link; l < block.link + block.links; ++l) {
        const long width = plan.source[plan.links[l]].width;
        owner.push_back(n);
        packed.push_back(packed_size);
        turned.push_back(turned_size);
        summed.push_back(summed_size);
        packed_size += deep(width) * columns;
        turned_size += deep(block.columns) * padded(width);
        summed_size += width * columns;
      }
    }
    const long groups = (call.batch + GROUP - 1) / GROUP;
    panels = (call.batch + PANEL - 1) / PANEL;
    const long bytes = packed_size * sizeof(T);
    together = call.replicas < call.threads && bytes > (call.replicas * groups < call.threads ? 2 : 4) * CACHE;  // sooner where a thread had nothing to do
    threads = together ? call.threads : std::max(1L, std::min(call.threads, call.replicas * groups));
    far = bytes / (together ? threads : 1) > 5 * CACHE / 2;
    if (together) panels = (call.batch + 2 * PANEL - 1) / (2 * PANEL);
    while (!together && panels * call.replicas % threads && panels < groups) ++panels;  // as many for each thread
  }

  long begin(long panel) const {
    const long groups = (call.batch + GROUP - 1) / GROUP;
    return std::min(call.batch, groups * panel / panels * GROUP);
  }

  // rows that a weight gradient takes in at once, about: they stay in cache, and the sums pass through it as rarely as can be
  long depth() const {
    const long fitting = std::clamp<long>(CACHE / 2 / (plan.row_columns * long(sizeof(T))), 128, 512);
    return summed_size * long(sizeof(T)) > CACHE ? 2 * fitting : fitting;
  }

  long rows() const {  // of the largest panel
    long most = 0;
    for (long p = 0; p < panels; ++p) most = std::max(most, begin(p + 1) - begin(p));
    return most;
  }

  T* tape(long t, long r, long b) const { return (T*)call.tape + ((t * call.replicas + r) * call.batch + b) * plan.columns; }
  T* state(long s, long t, long r, long b) const { return at(call.history[s], call.history[s].element ? t : t & 1, r, b); }
  bool valid(long t, long r, long b) const { return !call.mask.data || ((const bool*)call.mask.data)[t * call.mask.time + r * call.mask.replica + b]; }

  // where a source's rows stand at a step, and how far apart; `between`: a panel's values where no tape is kept
  std::pair<T*, long> source(const Source& from, long t, long r, long b, T* between = nullptr) const {
    if (from.kind == FROM_X) return {at(call.x, t, r, b), call.x.row};
    if (from.kind == FROM_STATE) return {state(from.number, t, r, b), plan.state_widths[from.number]};
    return between ? std::pair<T*, long>(between + from.column, plan.between) : std::pair<T*, long>(tape(t, r, b) + from.column, plan.columns);
  }

  // weights of a link as panels of columns, k after k; `turn`: as panels of its source's columns
  void pack(W* to, long link, long r, bool turn) const {
    if constexpr (!WORDS) {
      lay((T*)to, link, r, turn);
    } else {
      const long width = plan.source[plan.links[link]].width, sums = plan.block[owner[link]].columns;
      const long columns = padded(turn ? width : sums), depth = turn ? sums : width;
      static thread_local std::vector<T> room;
      room.resize(columns * depth);
      lay(room.data(), link, r, turn);
      for (long p = 0; p < columns; p += Vector<T>::tile) {
        const long wide = std::min(Vector<T>::tile, columns - p);
        const T* from = room.data() + p * depth;
        W* const panel = to + p * deep(depth);
        for (long k = 0; k < deep(depth); ++k) {
          if (2 * k < depth) pair_rows(panel + k * wide, from + 2 * k * wide, 2 * k + 1 < depth ? from + (2 * k + 1) * wide : nullptr, wide);
          else std::memset(panel + k * wide, 0, sizeof(W) * wide);
        }
      }
    }
  }

  void lay(T* to, long link, long r, bool turn) const {
    const Block& block = plan.block[owner[link]];
    const Source& from = plan.source[plan.links[link]];
    const long K = from.width;
    T* const* weights = (T* const*)call.tensors + block.weight + (link - block.link) * block.rows;
    long first = 0;
    const long wanted = turn ? K : block.columns, columns = padded(wanted), depth = turn ? block.columns : K;
    const long end = (columns - 1) / Vector<T>::tile * Vector<T>::tile;  // where the last panel starts, the only one that may be padded
    if (wanted < columns) std::memset(to + end * depth, 0, sizeof(T) * (columns - end) * depth);
    for (long row = 0; row < block.rows; ++row) {
      const long width = plan.row_widths[block.row + row];
      const T* w = weights[row] + r * width * K;
      for (long j = 0; j < width;) {  // columns of one panel at a time
        const long column = first + j, p = column / Vector<T>::tile * Vector<T>::tile, wide = std::min(Vector<T>::tile, columns - p);
        if (turn) {
          for (long q = 0; q < columns; q += Vector<T>::tile) {
            const long wide = std::min(Vector<T>::tile, columns - q);
            std::memcpy(to + q * depth + column * wide, w + j * K + q, sizeof(T) * std::min(wide, K - q));
          }
          ++j;
        } else {
          const long many = std::min(width - j, p + wide - column);
          transpose(to + p * depth + (column - p), wide, w + j * K, K, many, K);
          j += many;
        }
      }
      first += width;
    }
  }

  void pack_bias(T* to, const Block& block, long r) const {
    std::memset(to, 0, sizeof(T) * padded(block.columns));
    if (block.bias < 0) return;
    for (long row = 0; row < block.rows; ++row) {
      const long width = plan.row_widths[block.row + row];
      std::memcpy(to, (T*)call.tensors[plan.weights + block.bias + row] + r * width, sizeof(T) * width);
      to += width;
    }
  }
};


}  // namespace
