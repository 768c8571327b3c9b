// The loop around generated functions, one way and back: products of packed weights, a function a stage, panels of the
// batch each carried through the whole sequence by one thread. Results do not depend on the number of threads.
#include <cstring>

#include "loop.h"
#include "product.h"
#include "team.h"

namespace {

using T = REAL;
constexpr long GROUP = 8;    // rows whose share of an extra's gradient is summed at once; panels are whole groups
constexpr long PANEL = 32;   // rows that go through the sequence together, at most
constexpr long DEPTH = 256;  // rows that a weight gradient takes in at once, about

long padded(long width) { return (width + Vector<T>::lanes - 1) / Vector<T>::lanes * Vector<T>::lanes; }
T* at(const View& v, long t, long r, long b) { return (T*)v.data + t * v.time + r * v.replica + b * v.row; }

using Run = void (*)(long, const long*, T* const*, const long*);

struct Loop {
  const Plan& plan;
  const Call& call;
  std::vector<long> packed, turned, summed, bias;  // where each link's matrices start in a replica's share of memory
  long packed_size = 0, turned_size = 0, summed_size = 0, bias_size = 0, most = 0;
  long panels;

  Loop(const Plan& plan, const Call& call) : plan(plan), call(call) {
    for (long n = 0; n < plan.blocks; ++n) {
      const Block& block = plan.block[n];
      const long columns = padded(block.columns);
      bias.push_back(bias_size);
      bias_size += columns;
      for (long l = block.link; l < block.link + block.links; ++l) {
        const long width = plan.source[plan.links[l]].width;
        packed.push_back(packed_size);
        turned.push_back(turned_size);
        summed.push_back(summed_size);
        packed_size += width * columns;
        turned_size += block.columns * padded(width);
        summed_size += width * columns;
      }
    }
    const long groups = (call.batch + GROUP - 1) / GROUP;
    panels = (call.batch + PANEL - 1) / PANEL;
    while (panels * call.replicas % call.threads && panels < groups) ++panels;  // as many for each thread
  }

  long begin(long panel) const {
    const long groups = (call.batch + GROUP - 1) / GROUP;
    return std::min(call.batch, groups * panel / panels * GROUP);
  }

  T* tape(long t, long r, long b) const { return (T*)call.tape + (((call.kept ? t : 0) * call.replicas + r) * call.batch + b) * plan.columns; }
  T* state(long s, long t, long r, long b) const { return at(call.history[s], call.history[s].element ? t : t & 1, r, b); }
  bool valid(long t, long r, long b) const { return !call.mask.data || ((const bool*)call.mask.data)[t * call.mask.time + r * call.mask.replica + b]; }

  // where a source's rows stand at a step, and how far apart
  std::pair<T*, long> source(const Source& from, long t, long r, long b) const {
    if (from.kind == FROM_X) return {at(call.x, t, r, b), call.x.row};
    if (from.kind == FROM_STATE) return {state(from.number, t, r, b), plan.state_widths[from.number]};
    return {tape(t, r, b) + from.column, plan.columns};
  }

  // weights of a link as panels of columns, k after k; `turn`: as panels of its source's columns
  void pack(T* to, const Block& block, long link, long r, bool turn) const {
    const Source& from = plan.source[plan.links[block.link + link]];
    const long K = from.width;
    T* const* weights = (T* const*)call.weights + block.weight + link * block.rows;
    long first = 0;
    const long columns = padded(turn ? K : block.columns), depth = turn ? block.columns : K;
    std::memset(to, 0, sizeof(T) * columns * depth);
    for (long row = 0; row < block.rows; ++row) {
      const long width = plan.row_widths[block.row + row];
      const T* w = weights[row] + r * width * K;
      for (long j = 0; j < width; ++j) {
        const long column = first + j;
        if (turn) {
          for (long p = 0; p < columns; p += Vector<T>::tile) {
            const long wide = std::min(Vector<T>::tile, columns - p);
            std::memcpy(to + p * depth + column * wide, w + j * K + p, sizeof(T) * std::min(wide, K - p));
          }
        } else {
          const long p = column / Vector<T>::tile * Vector<T>::tile, wide = std::min(Vector<T>::tile, columns - p);
          T* out = to + p * depth + (column - p);
          for (long k = 0; k < K; ++k) out[k * wide] = w[j * K + k];
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
      std::memcpy(to, (T*)call.biases[block.bias + row] + r * width, sizeof(T) * width);
      to += width;
    }
  }
};

// buffers of one panel on its way back
struct Carried {
  std::vector<T> memory;
  std::vector<T*> seed, old, value;
  std::vector<long> wide;
  std::vector<T*> extra;
  T* x = nullptr;
  long x_wide;

  Carried(const Loop& loop, long rows) {
    const Plan& plan = loop.plan;
    long size = 0;
    auto take = [&](long width) { const long start = size; size += padded(width) * rows; return start; };
    std::vector<long> starts;
    for (long s = 0; s < plan.states; ++s) starts.push_back(take(plan.state_widths[s])), starts.push_back(take(plan.state_widths[s])), wide.push_back(padded(plan.state_widths[s]));
    for (long s = 0; s < plan.sources; ++s)
      if (plan.source[s].kind == FROM_VALUE) starts.push_back(take(plan.source[s].width)), value_wide.push_back(padded(plan.source[s].width));
    starts.push_back(take(loop.call.inputs));
    x_wide = padded(loop.call.inputs);
    memory.assign(size, T(0));
    size_t n = 0;
    for (long s = 0; s < plan.states; ++s) seed.push_back(&memory[starts[n++]]), old.push_back(&memory[starts[n++]]);
    for (size_t v = 0; v < value_wide.size(); ++v) value.push_back(&memory[starts[n++]]);
    x = &memory[starts[n]];
  }
  std::vector<long> value_wide;
};

void invoke(const Loop& loop, const Kernel& kernel, long t, long r, long first, long b, long rows, const Carried* carried) {
  const Plan& plan = loop.plan;
  T* pointers[64];
  long steps[64];
  for (long k = 0; k < kernel.count; ++k) {
    const long n = kernel.numbers[k], off = b - first;
    switch (kernel.kinds[k]) {
      case TAPE: pointers[k] = loop.tape(t, r, b) + n, steps[k] = plan.columns; break;
      case OLD: pointers[k] = loop.state(n, t, r, b), steps[k] = plan.state_widths[n]; break;
      case NEW: pointers[k] = loop.state(n, t + 1, r, b), steps[k] = plan.state_widths[n]; break;
      case EXTRA: pointers[k] = (T*)loop.call.extras[n] + r * plan.extra_widths[n], steps[k] = 0; break;
      case X: pointers[k] = at(loop.call.x, t, r, b), steps[k] = loop.call.x.row; break;
      case NOISE: pointers[k] = at(loop.call.noise[n], t, r, b), steps[k] = loop.call.noise[n].row; break;
      case SEED: pointers[k] = carried->seed[n] + off * carried->wide[n], steps[k] = carried->wide[n]; break;
      case SEED_VALUE: pointers[k] = carried->value[n] + off * carried->value_wide[n], steps[k] = carried->value_wide[n]; break;
      case D_OLD: pointers[k] = carried->old[n] + off * carried->wide[n], steps[k] = carried->wide[n]; break;
      case D_EXTRA: pointers[k] = carried->extra[n] + b / GROUP * plan.extra_widths[n], steps[k] = 0; break;
      default: pointers[k] = carried->x + off * carried->x_wide, steps[k] = carried->x_wide;
    }
  }
  ((Run)kernel.run)(rows, kernel.widths, pointers, steps);
}

// every run of rows that the mask lets through; cut at groups where extras are summed
template <class Each> void runs(const Loop& loop, long t, long r, long first, long last, const Each& each) {
  const bool cut = loop.plan.extras > 0;
  for (long b = first; b < last;) {
    if (!loop.valid(t, r, b)) { ++b; continue; }
    long end = b + 1;
    while (end < last && loop.valid(t, r, end) && !(cut && end % GROUP == 0)) ++end;
    each(b, end - b);
    b = end;
  }
}

bool any(const Loop& loop, long t, long r, long first, long last) {
  for (long b = first; b < last; ++b)
    if (loop.valid(t, r, b)) return true;
  return false;
}

void forward_panel(const Loop& loop, const T* packed, const T* bias, long r, long first, long last) {
  const Plan& plan = loop.plan;
  const Call& call = loop.call;
  std::vector<Term<T>> terms(plan.sources);
  for (long t = 0; t < call.length; ++t) {
    const bool some = any(loop, t, r, first, last);
    for (long k = 0; k < plan.stages && some; ++k) {
      for (long n = 0; n < plan.blocks; ++n) {
        const Block& block = plan.block[n];
        if (block.stage != k) continue;
        for (long l = 0; l < block.links; ++l) {
          const Source& from = plan.source[plan.links[block.link + l]];
          const auto [a, row] = loop.source(from, t, r, first);
          terms[l] = {a, row, 1, packed + loop.packed[block.link + l], from.width, 0, from.width};
        }
        product<T>(last - first, 0, padded(block.columns), terms.data(), block.links, loop.tape(t, r, first) + block.column, plan.columns, block.bias < 0 ? nullptr : bias + loop.bias[n], 0);
      }
      runs(loop, t, r, first, last, [&](long b, long rows) { invoke(loop, plan.forward[k], t, r, first, b, rows, nullptr); });
    }
    if (!call.mask.data) continue;
    for (long b = first; b < last; ++b) {
      const bool valid = loop.valid(t, r, b);
      T* y = at(call.y, t, r, b);
      if (!valid) {
        std::memset(loop.tape(t, r, b), 0, sizeof(T) * plan.columns);  // its derivatives, too
        for (long s = 0; s < plan.states; ++s) std::memcpy(loop.state(s, t + 1, r, b), loop.state(s, t, r, b), sizeof(T) * plan.state_widths[s]);
        std::memset(y, 0, sizeof(T) * plan.state_widths[0]);
      } else {
        std::memcpy(y, loop.state(0, t + 1, r, b), sizeof(T) * plan.state_widths[0]);
      }
    }
  }
}

void add_dy(const Loop& loop, Carried& carried, long t, long r, long first, long b, long rows) {
  const View& dy = loop.call.dy;
  const long width = loop.plan.state_widths[0];
  if (!dy.data) return;
  for (long k = 0; k < rows; ++k) {
    T* to = carried.seed[0] + (b - first + k) * carried.wide[0];
    const T* from = at(dy, t, r, b + k);
    if (dy.element == 1)
      for (long i = 0; i < width; ++i) to[i] += from[i];
    else
      for (long i = 0; i < width; ++i) to[i] += from[i * dy.element];
  }
}

void reverse_panel(const Loop& loop, const T* turned, std::vector<T*> extra, long r, long first, long last) {
  const Plan& plan = loop.plan;
  const Call& call = loop.call;
  const long rows = last - first;
  Carried carried(loop, rows);
  carried.extra = std::move(extra);
  std::vector<Term<T>> terms(plan.blocks);
  for (long s = 0; s < plan.states; ++s)
    for (long b = 0; b < rows && call.d_last[s]; ++b)
      std::memcpy(carried.seed[s] + b * carried.wide[s], (T*)call.d_last[s] + (r * call.batch + first + b) * plan.state_widths[s], sizeof(T) * plan.state_widths[s]);

  // derivatives of all rows that hear a source, times their weights
  auto back = [&](long s, long t, T* to, long wide, bool onto) {
    long count = 0;
    for (long n = 0; n < plan.blocks; ++n)
      for (long l = 0; l < plan.block[n].links; ++l)
        if (plan.links[plan.block[n].link + l] == s) {
          const Block& block = plan.block[n];
          terms[count++] = {loop.tape(t, r, first) + block.column, plan.columns, 1, turned + loop.turned[block.link + l], block.columns, 0, block.columns};
        }
    product<T>(rows, 0, padded(plan.source[s].width), terms.data(), count, to, wide, onto ? to : nullptr, wide);
  };

  for (long t = call.length - 1; t >= 0; --t) {
    if (call.d_x) std::memset(carried.x, 0, sizeof(T) * rows * carried.x_wide);
    if (any(loop, t, r, first, last)) {
      runs(loop, t, r, first, last, [&](long b, long count) { add_dy(loop, carried, t, r, first, b, count); });
      for (long k = plan.stages - 1; k >= 0; --k) {
        for (long s = 0; s < plan.sources; ++s)
          if (plan.source[s].kind == FROM_VALUE && plan.source[s].stage == k) back(s, t, carried.value[plan.source[s].number], carried.value_wide[plan.source[s].number], false);
        runs(loop, t, r, first, last, [&](long b, long count) { invoke(loop, plan.reverse[k], t, r, first, b, count, &carried); });
      }
      for (long s = 0; s < plan.sources; ++s) {
        const Source& from = plan.source[s];
        if (from.kind == FROM_STATE && from.open) back(s, t, carried.old[from.number], carried.wide[from.number], true);
        if (from.kind == FROM_X && call.d_x) back(s, t, carried.x, carried.x_wide, true);
      }
    }
    for (long b = 0; b < rows; ++b) {
      if (!loop.valid(t, r, first + b))
        for (long s = 0; s < plan.states; ++s) std::memcpy(carried.old[s] + b * carried.wide[s], carried.seed[s] + b * carried.wide[s], sizeof(T) * plan.state_widths[s]);
      if (call.d_x) std::memcpy((T*)call.d_x + ((t * call.replicas + r) * call.batch + first + b) * call.inputs, carried.x + b * carried.x_wide, sizeof(T) * call.inputs);
    }
    std::swap(carried.seed, carried.old);
  }
  for (long s = 0; s < plan.states; ++s)
    for (long b = 0; b < rows; ++b)
      std::memcpy((T*)call.d_start[s] + (r * call.batch + first + b) * plan.state_widths[s], carried.seed[s] + b * carried.wide[s], sizeof(T) * plan.state_widths[s]);
}

// one tile of columns of a block's weight gradients
struct Piece { long r, block, from, to; };

void weigh(const Loop& loop, const Piece* piece, const Piece* end, T* sums, T* bias) {
  const Plan& plan = loop.plan;
  const Call& call = loop.call;
  static const T one = 1;
  const long chunk = std::max<long>(1, DEPTH / call.batch);
  std::vector<Term<T>> terms(chunk);
  for (long start = 0; start < call.length; start += chunk) {
    const long stop = std::min(call.length, start + chunk);
    for (const Piece* p = piece; p != end; ++p) {
      const Block& block = plan.block[p->block];
      const long columns = padded(block.columns);
      for (long l = 0; l <= block.links; ++l) {
        const Source* from = l < block.links ? &plan.source[plan.links[block.link + l]] : nullptr;
        if (!from && block.bias < 0) continue;
        for (long t = start; t < stop; ++t) {
          auto [a, row] = from ? loop.source(*from, t, p->r, 0) : std::pair<T*, long>((T*)&one, 0L);
          terms[t - start] = {a, 1, row, loop.tape(t, p->r, 0) + block.column, 1, plan.columns, call.batch};
        }
        T* c = from ? sums + p->r * loop.summed_size + loop.summed[block.link + l] : bias + p->r * loop.bias_size + loop.bias[p->block];
        product<T>(from ? from->width : 1, p->from, p->to, terms.data(), stop - start, c, columns, start ? c : nullptr, columns);
      }
    }
  }
}

// from the sums of a piece to the gradients of its rows
void deliver(const Loop& loop, const Piece& piece, const T* sums, const T* bias) {
  const Plan& plan = loop.plan;
  const Block& block = plan.block[piece.block];
  const long columns = padded(block.columns);
  long first = 0;
  for (long row = 0; row < block.rows; ++row) {
    const long width = plan.row_widths[block.row + row];
    const long from = std::max(piece.from, first) - first, to = std::min(piece.to, first + width) - first;
    for (long l = 0; l < block.links && from < to; ++l) {
      const long K = plan.source[plan.links[block.link + l]].width;
      T* out = (T*)loop.call.d_weights[block.weight + l * block.rows + row] + piece.r * width * K;
      const T* c = sums + piece.r * loop.summed_size + loop.summed[block.link + l] + first;
      for (long j = from; j < to; ++j)
        for (long k = 0; k < K; ++k) out[j * K + k] = c[k * columns + j];
    }
    if (block.bias >= 0 && from < to)
      std::memcpy((T*)loop.call.d_biases[block.bias + row] + piece.r * width + from, bias + piece.r * loop.bias_size + loop.bias[piece.block] + first + from, sizeof(T) * (to - from));
    first += width;
  }
}

}  // namespace

extern "C" long lanes() { return Vector<T>::lanes; }

extern "C" void forward(const Plan* plan, const Call* call) {
  const Loop loop(*plan, *call);
  static thread_local std::vector<T> memory;
  memory.resize(call->replicas * (loop.packed_size + loop.bias_size));
  T *packed = memory.data(), *bias = packed + call->replicas * loop.packed_size;
  Team team(call->threads);
  team.run([&](long) {
    team.share(0, call->replicas * plan->blocks, [&](long task) {
      const long r = task / plan->blocks, n = task % plan->blocks;
      const Block& block = plan->block[n];
      for (long l = 0; l < block.links; ++l) loop.pack(packed + r * loop.packed_size + loop.packed[block.link + l], block, l, r, false);
      loop.pack_bias(bias + r * loop.bias_size + loop.bias[n], block, r);
    });
    team.meet();
    team.share(1, call->replicas * loop.panels, [&](long task) {
      const long r = task / loop.panels, p = task % loop.panels;
      forward_panel(loop, packed + r * loop.packed_size, bias + r * loop.bias_size, r, loop.begin(p), loop.begin(p + 1));
    });
  });
}

extern "C" void reverse(const Plan* plan, const Call* call) {
  const Loop loop(*plan, *call);
  static thread_local std::vector<T> memory;
  const long groups = (call->batch + GROUP - 1) / GROUP;
  long extra_size = 0;
  for (long e = 0; e < plan->extras; ++e) extra_size += plan->extra_widths[e];
  memory.resize(call->replicas * (loop.turned_size + loop.summed_size + loop.bias_size + groups * extra_size));
  T *turned = memory.data(), *sums = turned + call->replicas * loop.turned_size;
  T *bias = sums + call->replicas * loop.summed_size, *extra = bias + call->replicas * loop.bias_size;
  std::memset(extra, 0, sizeof(T) * call->replicas * groups * extra_size);
  std::vector<Piece> pieces;
  for (long r = 0; r < call->replicas; ++r)
    for (long n = 0; n < plan->blocks; ++n)
      for (long j = 0; j < padded(plan->block[n].columns); j += Vector<T>::tile) pieces.push_back({r, n, j, std::min(j + Vector<T>::tile, padded(plan->block[n].columns))});
  Team team(call->threads);
  team.run([&](long member) {
    team.share(0, call->replicas * plan->blocks, [&](long task) {
      const long r = task / plan->blocks, n = task % plan->blocks;
      for (long l = 0; l < plan->block[n].links; ++l) loop.pack(turned + r * loop.turned_size + loop.turned[plan->block[n].link + l], plan->block[n], l, r, true);
    });
    team.meet();
    team.share(1, call->replicas * loop.panels, [&](long task) {
      const long r = task / loop.panels, p = task % loop.panels;
      std::vector<T*> own;
      long start = r * groups * extra_size;
      for (long e = 0; e < plan->extras; ++e) own.push_back(extra + start), start += groups * plan->extra_widths[e];
      reverse_panel(loop, turned + r * loop.turned_size, own, r, loop.begin(p), loop.begin(p + 1));
    });
    team.meet();
    const long count = pieces.size(), from = count * member / team.members, to = count * (member + 1) / team.members;
    weigh(loop, pieces.data() + from, pieces.data() + to, sums, bias);
    for (long k = from; k < to; ++k) deliver(loop, pieces[k], sums, bias);
  });
  for (long r = 0; r < call->replicas; ++r) {
    const T* from = extra + r * groups * extra_size;
    for (long e = 0; e < plan->extras; ++e) {
      const long width = plan->extra_widths[e];
      T* to = (T*)call->d_extras[e] + r * width;
      std::memset(to, 0, sizeof(T) * width);
      for (long g = 0; g < groups; ++g, from += width)
        for (long i = 0; i < width; ++i) to[i] += from[i];
    }
  }
}
