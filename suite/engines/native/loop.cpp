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
constexpr long DEPTH = 128;  // rows that a weight gradient takes in at once, about; twice as many where the sums leave the cache
constexpr long CACHE = 1 << 19;  // bytes

long padded(long width) { return (width + Vector<T>::lanes - 1) / Vector<T>::lanes * Vector<T>::lanes; }
T* at(const View& v, long t, long r, long b) { return (T*)v.data + t * v.time + r * v.replica + b * v.row; }

// to(k, j) = from(j, k), by squares that stay in cache
void transpose(T* to, long to_row, const T* from, long from_row, long rows, long columns) {
  for (long j = 0; j < rows; j += 16)
    for (long k = 0; k < columns; k += 16)
      for (long i = k; i < std::min(k + 16, columns); ++i)
        for (long l = j; l < std::min(j + 16, rows); ++l) to[i * to_row + l] = from[l * from_row + i];
}

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
    T* const* weights = (T* const*)call.tensors + block.weight + link * block.rows;
    long first = 0;
    const long columns = padded(turn ? K : block.columns), depth = turn ? block.columns : K;
    std::memset(to, 0, sizeof(T) * columns * depth);
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

// what one panel carries on its way back
struct Carried {
  const Loop& loop;
  const long r, first, last;
  std::vector<T> memory;
  std::vector<T*> seed, old, value, extra;
  std::vector<long> wide, value_wide;
  T* x;
  long x_wide = padded(loop.call.inputs);
  T* rows;       // derivatives of the pre-activations of some steps, (steps, batch, row_columns)
  long from = 0; // the first of these steps

  Carried(const Loop& loop, long r, long panel, T* rows) : loop(loop), r(r), first(loop.begin(panel)), last(loop.begin(panel + 1)), rows(rows) {
    const Plan& plan = loop.plan;
    for (long s = 0; s < plan.states; ++s) wide.push_back(padded(plan.state_widths[s]));
    for (long s = 0; s < plan.sources; ++s)
      if (plan.source[s].kind == FROM_VALUE) value_wide.resize(std::max<size_t>(value_wide.size(), plan.source[s].number + 1)), value_wide[plan.source[s].number] = padded(plan.source[s].width);
    long size = x_wide;
    for (long w : wide) size += 2 * w;
    for (long w : value_wide) size += w;
    memory.assign(size * (last - first), T(0));
    T* next = memory.data();
    auto take = [&](long width) { T* const taken = next; next += width * (last - first); return taken; };
    for (long w : wide) seed.push_back(take(w)), old.push_back(take(w));
    for (long w : value_wide) value.push_back(take(w));
    x = take(x_wide);
    for (long s = 0; s < plan.states; ++s)
      for (long b = first; b < last && loop.call.d_last[s]; ++b)
        std::memcpy(seed[s] + (b - first) * wide[s], (T*)loop.call.d_last[s] + (r * loop.call.batch + b) * plan.state_widths[s], sizeof(T) * plan.state_widths[s]);
  }

  T* row(long t, long b) const { return rows + ((t - from) * loop.call.batch + b) * loop.plan.row_columns; }
};

void invoke(const Loop& loop, const Kernel& kernel, long t, long r, long first, long b, long rows, const Carried* carried, T* before) {
  const Plan& plan = loop.plan;
  T* pointers[64];
  long steps[64];
  for (long k = 0; k < kernel.count; ++k) {
    const long n = kernel.numbers[k], off = b - first;
    switch (kernel.kinds[k]) {
      case TAPE: pointers[k] = loop.tape(t, r, b) + n, steps[k] = plan.columns; break;
      case OLD: pointers[k] = loop.state(n, t, r, b), steps[k] = plan.state_widths[n]; break;
      case NEW: pointers[k] = loop.state(n, t + 1, r, b), steps[k] = plan.state_widths[n]; break;
      case EXTRA: pointers[k] = (T*)loop.call.tensors[plan.weights + plan.biases + n] + r * plan.extra_widths[n], steps[k] = 0; break;
      case X: pointers[k] = at(loop.call.x, t, r, b), steps[k] = loop.call.x.row; break;
      case NOISE: pointers[k] = at(loop.call.noise[n], t, r, b), steps[k] = loop.call.noise[n].row; break;
      case SEED: pointers[k] = carried->seed[n] + off * carried->wide[n], steps[k] = carried->wide[n]; break;
      case SEED_VALUE: pointers[k] = carried->value[n] + off * carried->value_wide[n], steps[k] = carried->value_wide[n]; break;
      case D_OLD: pointers[k] = carried->old[n] + off * carried->wide[n], steps[k] = carried->wide[n]; break;
      case ROW: pointers[k] = before + off * plan.row_columns + n, steps[k] = plan.row_columns; break;
      case D_ROW: pointers[k] = carried->row(t, b) + n, steps[k] = plan.row_columns; break;
      case D_EXTRA: pointers[k] = carried->extra[n] + b / GROUP * plan.extra_widths[n], steps[k] = 0; break;
      default: pointers[k] = carried->x + off * carried->x_wide, steps[k] = carried->x_wide;
    }
  }
  ((Run)kernel.run)(rows, kernel.widths, pointers, steps);
}

// memory that will be used a step later is called for now
void fetch(const void* from, long bytes) {
  for (long k = 0; k < bytes; k += 64) __builtin_prefetch((const char*)from + k, 0, 2);
}
void fetch_to_write(const void* from, long bytes) {
  for (long k = 0; k < bytes; k += 64) __builtin_prefetch((const char*)from + k, 1, 2);
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
  std::vector<T> scratch((last - first) * plan.row_columns + Vector<T>::tile);
  T* const before = scratch.data();  // pre-activations: they stay in cache
  for (long t = 0; t < call.length; ++t) {
    const bool some = any(loop, t, r, first, last);
    if (call.kept && t + 1 < call.length) {
      fetch_to_write(loop.tape(t + 1, r, first), sizeof(T) * (last - first) * plan.columns);
      for (long s = 0; s < plan.states; ++s) fetch_to_write(loop.state(s, t + 2, r, first), sizeof(T) * (last - first) * plan.state_widths[s]);
    }
    for (long k = 0; k < plan.stages && some; ++k) {
      for (long n = 0; n < plan.blocks; ++n) {
        const Block& block = plan.block[n];
        if (block.stage != k) continue;
        for (long l = 0; l < block.links; ++l) {
          const Source& from = plan.source[plan.links[block.link + l]];
          const auto [a, row] = loop.source(from, t, r, first);
          terms[l] = {a, row, 1, packed + loop.packed[block.link + l], from.width, 0, from.width};
        }
        product<T>(last - first, 0, padded(block.columns), terms.data(), block.links, before + block.column, plan.row_columns, block.bias < 0 ? nullptr : bias + loop.bias[n], 0);
      }
      runs(loop, t, r, first, last, [&](long b, long rows) { invoke(loop, plan.forward[k], t, r, first, b, rows, nullptr, before); });
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

// a panel's way back through the steps [from, to)
void reverse_panel(const Loop& loop, const T* turned, Carried& carried, long from, long to) {
  const Plan& plan = loop.plan;
  const Call& call = loop.call;
  const long r = carried.r, first = carried.first, last = carried.last, rows = last - first;
  std::vector<Term<T>> terms(plan.blocks);
  carried.from = from;

  // derivatives of all rows that hear a source, times their weights
  auto back = [&](long s, long t, T* onto, long wide, bool add) {
    long count = 0;
    for (long n = 0; n < plan.blocks; ++n)
      for (long l = 0; l < plan.block[n].links; ++l)
        if (plan.links[plan.block[n].link + l] == s) {
          const Block& block = plan.block[n];
          terms[count++] = {carried.row(t, first) + block.column, plan.row_columns, 1, turned + loop.turned[block.link + l], block.columns, 0, block.columns};
        }
    product<T>(rows, 0, padded(plan.source[s].width), terms.data(), count, onto, wide, add ? onto : nullptr, wide);
  };

  for (long t = to - 1; t >= from; --t) {
    if (call.d_x) std::memset(carried.x, 0, sizeof(T) * rows * carried.x_wide);
    for (long b = first; b < last; ++b)
      if (!loop.valid(t, r, b)) std::memset(carried.row(t, b), 0, sizeof(T) * plan.row_columns);
    if (t) {
      fetch(loop.tape(t - 1, r, first), sizeof(T) * rows * plan.columns);
      for (long s = 0; s < plan.states; ++s) fetch(loop.state(s, t - 1, r, first), sizeof(T) * rows * plan.state_widths[s]);
    }
    if (any(loop, t, r, first, last)) {
      runs(loop, t, r, first, last, [&](long b, long count) { add_dy(loop, carried, t, r, first, b, count); });
      for (long k = plan.stages - 1; k >= 0; --k) {
        for (long s = 0; s < plan.sources; ++s)
          if (plan.source[s].kind == FROM_VALUE && plan.source[s].stage == k) back(s, t, carried.value[plan.source[s].number], carried.value_wide[plan.source[s].number], false);
        runs(loop, t, r, first, last, [&](long b, long count) { invoke(loop, plan.reverse[k], t, r, first, b, count, &carried, nullptr); });
      }
      for (long s = 0; s < plan.sources; ++s) {
        const Source& from = plan.source[s];
        if (from.kind == FROM_STATE && from.open) back(s, t, carried.old[from.number], carried.wide[from.number], true);
        if (from.kind == FROM_X && call.d_x) back(s, t, carried.x, carried.x_wide, true);
      }
    }
    for (long b = first; b < last; ++b) {
      if (!loop.valid(t, r, b))
        for (long s = 0; s < plan.states; ++s) std::memcpy(carried.old[s] + (b - first) * carried.wide[s], carried.seed[s] + (b - first) * carried.wide[s], sizeof(T) * plan.state_widths[s]);
      if (call.d_x) std::memcpy((T*)call.d_x + ((t * call.replicas + r) * call.batch + b) * call.inputs, carried.x + (b - first) * carried.x_wide, sizeof(T) * call.inputs);
    }
    std::swap(carried.seed, carried.old);
  }
  for (long s = 0; s < plan.states && from == 0; ++s)
    for (long b = first; b < last; ++b)
      std::memcpy((T*)call.gradients[plan.weights + plan.biases + plan.extras + s] + (r * call.batch + b) * plan.state_widths[s], carried.seed[s] + (b - first) * carried.wide[s], sizeof(T) * plan.state_widths[s]);
}

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

// memory of a gang: threads that bring one replica back together
struct Room {
  long steps;
  T *turned, *sums, *bias, *extra, *rows;
  long groups, extra_size = 0;

  Room(const Loop& loop, std::vector<T>& memory)
      : steps(std::min(loop.call.length, std::max<long>(1, DEPTH * (loop.summed_size * long(sizeof(T)) > CACHE ? 2 : 1) / loop.call.batch))), groups((loop.call.batch + GROUP - 1) / GROUP) {
    for (long e = 0; e < loop.plan.extras; ++e) extra_size += groups * loop.plan.extra_widths[e];
    const size_t size = loop.turned_size + loop.summed_size + loop.bias_size + extra_size + steps * loop.call.batch * loop.plan.row_columns + Vector<T>::tile;
    if (memory.size() < size) memory.resize(size);
    turned = memory.data();
    sums = turned + loop.turned_size;
    bias = sums + loop.summed_size;
    extra = bias + loop.bias_size;
    rows = extra + extra_size;
  }
};

// one replica's way back, by `members` threads of which this is one
void reverse_replica(const Loop& loop, const std::vector<Piece>& pieces, Room& room, Team& team, long r, long member, long members) {
  const Plan& plan = loop.plan;
  const Call& call = loop.call;
  const auto meet = [&] { if (members > 1) team.meet(); };
  for (long n = member; n < plan.blocks; n += members)
    for (long l = 0; l < plan.block[n].links; ++l) loop.pack(room.turned + loop.turned[plan.block[n].link + l], plan.block[n], l, r, true);
  std::vector<Carried> carried;
  for (long p = member; p < loop.panels; p += members) {
    carried.emplace_back(loop, r, p, room.rows);
    T* start = room.extra;
    for (long e = 0; e < plan.extras; ++e) carried.back().extra.push_back(start), start += room.groups * plan.extra_widths[e];
  }
  if (member == 0) std::fill(room.extra, room.extra + room.extra_size, T(0));
  const long count = pieces.size(), begin = count * member / members, end = count * (member + 1) / members;
  meet();
  for (long to = call.length; to > 0; to -= std::min(to, room.steps)) {
    const long from = std::max<long>(0, to - room.steps);
    for (Carried& panel : carried) reverse_panel(loop, room.turned, panel, from, to);
    meet();
    weigh(loop, r, room.rows, from, to, pieces.data() + begin, pieces.data() + end, room.sums, room.bias);
    meet();
  }
  for (long k = begin; k < end; ++k) deliver(loop, r, pieces[k], room.sums, room.bias);
  const T* from = room.extra;
  for (long e = 0; e < plan.extras && member == 0; ++e) {
    const long width = plan.extra_widths[e];
    T* to = (T*)call.gradients[plan.weights + plan.biases + e] + r * width;
    std::fill(to, to + width, T(0));
    for (long g = 0; g < room.groups; ++g, from += width)
      for (long i = 0; i < width; ++i) to[i] += from[i];
  }
  meet();
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
  std::vector<Piece> pieces;
  for (long n = 0; n < plan->blocks; ++n)
    for (long j = 0; j < padded(plan->block[n].columns); j += Vector<T>::tile) pieces.push_back({n, j, std::min(j + Vector<T>::tile, padded(plan->block[n].columns))});
  Team team(call->threads);
  const bool alone = call->replicas >= call->threads;  // a replica for each thread, or all threads for each replica
  static thread_local std::vector<std::vector<T>> memory;  // stays for the next call
  const size_t rooms = alone ? call->threads : 1;
  if (memory.size() < rooms) memory.resize(rooms);
  std::vector<Room> room;
  for (size_t k = 0; k < rooms; ++k) room.emplace_back(loop, memory[k]);
  team.run([&](long member) {
    if (alone)
      team.share(0, call->replicas, [&](long r) { reverse_replica(loop, pieces, room[member], team, r, 0, 1); });
    else
      for (long r = 0; r < call->replicas; ++r) reverse_replica(loop, pieces, room[0], team, r, member, team.members);
  });
}
