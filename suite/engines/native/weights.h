// Gradients of the weights: products over the rows of some steps, while they are in cache.
#pragma once
#include "layout.h"

namespace {

// one tile of columns of a block's weight gradients
struct Piece { long block, from, to; };

// what the steps [from, to) add to some pieces
void weigh(const Loop& loop, long r, const T* rows, long from, long to, const Piece* piece, const Piece* end, T* sums, T* bias) {
  const Plan& plan = loop.plan;
  const Call& call = loop.call;
  static const T one = 1;
  std::vector<Term<T>> terms(to - from);
  for (; piece != end; ++piece) {
    const Block& block = plan.block[piece->block];
    const long columns = padded(block.columns);
    for (long l = 0; l <= block.links; ++l) {
      const Source* source = l < block.links ? &plan.source[plan.links[block.link + l]] : nullptr;
      if (!source && block.bias < 0) continue;
      for (long t = from; t < to; ++t) {
        const auto [a, row] = source ? loop.source(*source, t, r, 0) : std::pair<T*, long>((T*)&one, 0L);
        terms[t - from] = {a, 1, row, rows + (t - from) * call.batch * plan.row_columns + block.column, 1, plan.row_columns, call.batch};
      }
      T* c = source ? sums + loop.summed[block.link + l] : bias + loop.bias[piece->block];
      product<T>(source ? source->width : 1, piece->from, piece->to, terms.data(), to - from, c, columns, to < call.length ? c : nullptr, columns);
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
