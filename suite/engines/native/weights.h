// Gradients of the weights: products over the rows of some steps, while they are in cache.
#pragma once
#include "layout.h"

namespace {

// one tile of columns of a block's weight gradients
struct Piece { long block, from, to; };

// both sides of the weights' products as words: two sequences of a step in each, all steps of a chunk one after another
struct Halves {
  const Loop& loop;
  long pairs, most;    // words of a step, and of the longest chunk
  W *left, *ones, *right;  // (source's column, word), and (word, row's column)
  std::vector<long> column;  // of each source

  Halves(const Loop& loop, long steps, T* room) : loop(loop), pairs((loop.call.batch + 1) / 2), most(depth(steps)), left((W*)room), ones(left + loop.widths * most), right(ones + most) {
    long next = 0;
    for (long s = 0; s < loop.plan.sources; ++s) column.push_back(next), next += loop.plan.source[s].width;
  }
  static long size(const Loop& loop, long steps) {
    const long most = (steps * ((loop.call.batch + 1) / 2) + DEEP - 1) / DEEP * DEEP;
    return WORDS ? most * (loop.widths + 1 + loop.plan.row_columns) : 0;
  }
  long depth(long steps) const { return (steps * pairs + DEEP - 1) / DEEP * DEEP; }
  const W* of(long s) const { return left + column[s] * most; }

  // this part's share of the steps [from, to)
  void fill(const T* rows, long r, long from, long to, const Part& part) const {
    if constexpr (WORDS) {
      const Plan& plan = loop.plan;
      const long batch = loop.call.batch, end = (to - from) * pairs;
      const auto [begin, stop] = part.of(to - from, 1);
      for (long t = begin; t < stop; ++t) {
        for (long p = 0; p < pairs; ++p) {
          const T* row = rows + (t * batch + 2 * p) * plan.row_columns;
          pair_rows(right + (t * pairs + p) * plan.row_columns, row, 2 * p + 1 < batch ? row + plan.row_columns : nullptr, plan.row_columns);
        }
        for (long s = 0; s < plan.sources; ++s) turn(s, t, loop.source(plan.source[s], from + t, r, 0));
      }
      if (part.member) return;
      std::fill(ones, ones + most, W(0x3f803f80));
      for (long q = end; q < depth(to - from); ++q) {
        std::memset(right + q * plan.row_columns, 0, sizeof(W) * plan.row_columns);
        for (long i = 0; i < loop.widths; ++i) left[i * most + q] = 0;
      }
    }
  }

  // a source's rows of a step as columns of words, by squares that stay in registers
  void turn(long s, long t, std::pair<T*, long> from) const {
    const long width = loop.plan.source[s].width, batch = loop.call.batch;
    for (long p = 0; p < pairs; p += 16)
      for (long i = 0; i < width; i += 16) {
        const long many = std::min(16L, pairs - p), wide = std::min(16L, width - i);
        W square[16][16];
        for (long k = 0; k < many; ++k) {
          const long b = 2 * (p + k);
          const T* row = from.first + b * from.second + i;
          pair_rows(square[k], row, b + 1 < batch ? row + from.second : nullptr, wide);
        }
        W* const to = left + (column[s] + i) * most + t * pairs + p;
        for (long j = 0; j < wide; ++j)
          for (long k = 0; k < many; ++k) to[j * most + k] = square[k][j];
      }
  }
};

// what the steps [from, to) add to some pieces
void weigh(const Loop& loop, long r, const T* rows, const Halves& halves, long from, long to, const Piece* piece, const Piece* end, T* sums, T* bias) {
  const Plan& plan = loop.plan;
  const Call& call = loop.call;
  static const T one = 1;
  std::vector<Term<W>> terms(to - from);
  for (; piece != end; ++piece) {
    const Block& block = plan.block[piece->block];
    const long columns = padded(block.columns);
    for (long l = 0; l <= block.links; ++l) {
      const Source* source = l < block.links ? &plan.source[plan.links[block.link + l]] : nullptr;
      if (!source && block.bias < 0) continue;
      long count = to - from;
      if constexpr (WORDS) {
        terms[0] = {source ? halves.of(plan.links[block.link + l]) : halves.ones, source ? halves.most : 0, 1, halves.right + block.column, 1, plan.row_columns, halves.depth(to - from)};
        count = 1;
      } else for (long t = from; t < to; ++t) {
        const auto [a, row] = source ? loop.source(*source, t, r, 0) : std::pair<T*, long>((T*)&one, 0L);
        terms[t - from] = {(const W*)a, 1, row, (const W*)rows + (t - from) * call.batch * plan.row_columns + block.column, 1, plan.row_columns, call.batch};
      }
      T* c = source ? sums + loop.summed[block.link + l] : bias + loop.bias[piece->block];
      multiply(source ? source->width : 1, piece->from, piece->to, terms.data(), count, c, columns, to < call.length ? c : nullptr, columns);
    }
  }
}

// from the sums of a piece to the gradients of its rows
void deliver(const Loop& loop, long r, const Piece& piece, const T* sums, const T* bias) {
  const Plan& plan = loop.plan;
  const Block& block = plan.block[piece.block];
  const long columns = padded(block.columns);
  long first = 0;
  for (long row = 0; row < block.rows; ++row) {
    const long width = plan.row_widths[block.row + row];
    const long from = std::max(piece.from, first) - first, to = std::min(piece.to, first + width) - first;
    for (long l = 0; l < block.links && from < to; ++l) {
      const long K = plan.source[plan.links[block.link + l]].width;
      T* out = (T*)loop.call.gradients[block.weight + l * block.rows + row] + r * width * K;
      transpose(out + from * K, K, sums + loop.summed[block.link + l] + first + from, columns, K, to - from);
    }
    if (block.bias >= 0 && from < to) std::memcpy((T*)loop.call.gradients[plan.weights + block.bias + row] + r * width + from, bias + loop.bias[piece.block] + first + from, sizeof(T) * (to - from));
    first += width;
  }
}

}  // namespace
