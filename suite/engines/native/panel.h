// A panel of the batch on its way through the sequence and back.
#pragma once
#include "layout.h"

namespace {

// what one panel carries on its way back
struct Carried {
  const Loop& loop;
  const long r, first, last;
  std::vector<T*> seed, old, value, extra;
  std::vector<long> wide, value_wide;
  T* x;
  long x_wide = padded(loop.call.inputs);
  W* words;      // the same of one step as operands
  T* rows;       // derivatives of the pre-activations of some steps, (steps, batch, row_columns)
  long from = 0; // the first of these steps

  Carried(const Loop& loop, long r, long panel, T* rows, std::vector<T>& memory, const Part& part) : loop(loop), r(r), first(loop.begin(panel)), last(loop.begin(panel + 1)), rows(rows) {
    const Plan& plan = loop.plan;
    for (long s = 0; s < plan.states; ++s) wide.push_back(padded(plan.state_widths[s]));
    for (long s = 0; s < plan.sources; ++s)
      if (plan.source[s].kind == FROM_VALUE) value_wide.resize(std::max<size_t>(value_wide.size(), plan.source[s].number + 1)), value_wide[plan.source[s].number] = padded(plan.source[s].width);
    long size = x_wide + loop.felt_size;
    for (long w : wide) size += 2 * w;
    for (long w : value_wide) size += w;
    if (part.member == 0) memory.assign(size * (last - first), T(0));
    part.meet();
    T* next = memory.data();
    auto take = [&](long width) { T* const taken = next; next += width * (last - first); return taken; };
    for (long w : wide) seed.push_back(take(w)), old.push_back(take(w));
    for (long w : value_wide) value.push_back(take(w));
    x = take(x_wide);
    words = (W*)take(loop.felt_size);
    for (long s = 0; s < plan.states && part.member == 0; ++s)
      for (long b = first; b < last && loop.call.d_last[s]; ++b)
        std::memcpy(seed[s] + (b - first) * wide[s], (T*)loop.call.d_last[s] + (r * loop.call.batch + b) * plan.state_widths[s], sizeof(T) * plan.state_widths[s]);
  }

  T* row(long t, long b) const { return rows + ((t - from) * loop.call.batch + b) * loop.plan.row_columns; }
};

using Run = void (*)(long, const long*, T* const*, const long*);

// memory of a panel's way through the sequence: its pre-activations, and what a stage leaves for later ones; without a tape
// what only the reverse would ask for is written over and over in one row
struct Desk {
  T *before, *between, *once;
  W* words;  // operands of a stage's products

  static long size(const Loop& loop) { return (loop.rows() + GROUP) * (loop.plan.row_columns + loop.plan.between + loop.heard_size) + loop.plan.columns; }
  Desk(const Loop& loop, T* shared, T* own)
      : before(shared), between(before + (loop.rows() + GROUP) * loop.plan.row_columns), once(own + size(loop) - loop.plan.columns), words((W*)(between + (loop.rows() + GROUP) * loop.plan.between)) {}
};

void invoke(const Loop& loop, const Kernel& kernel, long t, long r, long first, long b, long rows, const Carried* carried, const Desk* desk) {
  const Plan& plan = loop.plan;
  T* pointers[64];
  long steps[64];
  for (long k = 0; k < kernel.count; ++k) {
    const long n = kernel.numbers[k], off = b - first;
    switch (kernel.kinds[k]) {
      case TAPE:
        if (loop.call.kept) pointers[k] = loop.tape(t, r, b) + n, steps[k] = plan.columns;
        else if (n < plan.between) pointers[k] = desk->between + off * plan.between + n, steps[k] = plan.between;
        else pointers[k] = desk->once + n, steps[k] = 0;
        break;
      case OLD: pointers[k] = loop.state(n, t, r, b), steps[k] = plan.state_widths[n]; break;
      case NEW: pointers[k] = loop.state(n, t + 1, r, b), steps[k] = plan.state_widths[n]; break;
      case EXTRA: pointers[k] = (T*)loop.call.tensors[plan.weights + plan.biases + n] + r * plan.extra_widths[n], steps[k] = 0; break;
      case X: pointers[k] = at(loop.call.x, t, r, b), steps[k] = loop.call.x.row; break;
      case NOISE: pointers[k] = at(loop.call.noise[n], t, r, b), steps[k] = loop.call.noise[n].row; break;
      case SEED: pointers[k] = carried->seed[n] + off * carried->wide[n], steps[k] = carried->wide[n]; break;
      case SEED_VALUE: pointers[k] = carried->value[n] + off * carried->value_wide[n], steps[k] = carried->value_wide[n]; break;
      case D_OLD: pointers[k] = carried->old[n] + off * carried->wide[n], steps[k] = carried->wide[n]; break;
      case ROW: pointers[k] = desk->before + off * plan.row_columns + n, steps[k] = plan.row_columns; break;
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
template <class Each> void runs(const Loop& loop, long t, long r, long first, long last, bool cut, const Each& each) {
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

// whether a stage multiplies a source
bool hears(const Plan& plan, long stage, long source) {
  for (long n = 0; n < plan.blocks; ++n)
    for (long l = 0; l < plan.block[n].links && plan.block[n].stage == stage; ++l)
      if (plan.links[plan.block[n].link + l] == source) return true;
  return false;
}

// a panel's way through the sequence
void forward_panel(const Loop& loop, const W* packed, const T* bias, long r, long first, long last, const Desk& desk, const Part& part) {
  const Plan& plan = loop.plan;
  const Call& call = loop.call;
  std::vector<Term<W>> terms(plan.sources);
  auto [begin, end] = part.of(last - first, GROUP);  // rows of this part
  begin += first, end += first;
  for (long t = 0; t < call.length; ++t) {
    const bool some = any(loop, t, r, first, last), down = loop.down != bool(t & 1);
    if (call.kept && t + 1 < call.length) {
      fetch_to_write(loop.tape(t + 1, r, begin), sizeof(T) * (end - begin) * plan.columns);
      for (long s = 0; s < plan.states; ++s) fetch_to_write(loop.state(s, t + 2, r, begin), sizeof(T) * (end - begin) * plan.state_widths[s]);
    }
    for (long k = 0; k < plan.stages && some; ++k) {
      if constexpr (WORDS) {
        for (long s = 0; s < plan.sources; ++s) {
          if (!hears(plan, k, s)) continue;
          const auto [a, row] = loop.source(plan.source[s], t, r, first, call.kept ? nullptr : desk.between);
          for (long b = begin - first; b < end - first; ++b) pair_columns(desk.words + b * loop.heard_size + loop.heard[s], a + b * row, plan.source[s].width, deep(plan.source[s].width));
        }
        part.meet();
      }
      for (long m = 0; m < plan.blocks; ++m) {
        const long n = down ? plan.blocks - 1 - m : m;
        const Block& block = plan.block[n];
        if (block.stage != k) continue;
        for (long l = 0; l < block.links; ++l) {
          const Source& from = plan.source[plan.links[block.link + l]];
          const W* const weights = packed + loop.packed[block.link + l];
          const long depth = deep(from.width);
          if constexpr (WORDS) {
            terms[l] = {desk.words + loop.heard[plan.links[block.link + l]], loop.heard_size, 1, weights, depth, 0, depth};
          } else {
            const auto [a, row] = loop.source(from, t, r, first, call.kept ? nullptr : desk.between);
            terms[l] = {(const W*)a, row, 1, weights, depth, 0, depth};
          }
        }
        const auto [from, to] = part.of(padded(block.columns), Vector<T>::tile);
        multiply(last - first, from, to, terms.data(), block.links, desk.before + block.column, plan.row_columns, block.bias < 0 ? nullptr : bias + loop.bias[n], 0, {down, loop.far});
      }
      part.meet();
      runs(loop, t, r, begin, end, false, [&](long b, long rows) { invoke(loop, plan.forward[k], t, r, first, b, rows, nullptr, &desk); });
      if (k + 1 < plan.stages) part.meet();
    }
    for (long b = begin; b < end && call.mask.data; ++b) {
      const bool valid = loop.valid(t, r, b);
      T* y = at(call.y, t, r, b);
      if (!valid) {
        if (call.kept) std::memset(loop.tape(t, r, b), 0, sizeof(T) * plan.columns);  // its derivatives, too
        for (long s = 0; s < plan.states; ++s) std::memcpy(loop.state(s, t + 1, r, b), loop.state(s, t, r, b), sizeof(T) * plan.state_widths[s]);
        std::memset(y, 0, sizeof(T) * plan.state_widths[0]);
      } else {
        std::memcpy(y, loop.state(0, t + 1, r, b), sizeof(T) * plan.state_widths[0]);
      }
    }
    if (t + 1 < call.length) part.meet();
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
    else if (dy.element == 0)  // the gradient of a sum
      for (long i = 0; i < width; ++i) to[i] += from[0];
    else
      for (long i = 0; i < width; ++i) to[i] += from[i * dy.element];
  }
}

// a panel's way back through the steps [from, to)
void reverse_panel(const Loop& loop, const W* turned, Carried& carried, long from, long to, const Part& part) {
  const Plan& plan = loop.plan;
  const Call& call = loop.call;
  const long r = carried.r, first = carried.first, last = carried.last, rows = last - first;
  std::vector<Term<W>> terms(plan.blocks);
  auto [begin, end] = part.of(rows, GROUP);  // rows of this part
  begin += first, end += first;
  carried.from = from;

  // derivatives of all rows that hear a source, times their weights
  auto back = [&](long s, long t, T* onto, long wide, bool add) {
    long count = 0;
    for (long n = 0; n < plan.blocks; ++n)
      for (long l = 0; l < plan.block[n].links; ++l)
        if (plan.links[plan.block[n].link + l] == s) {
          const Block& block = plan.block[n];
          const W* const weights = turned + loop.turned[block.link + l];
          const long depth = deep(block.columns);
          if constexpr (WORDS) terms[count++] = {carried.words + loop.felt[n], loop.felt_size, 1, weights, depth, 0, depth};
          else terms[count++] = {(const W*)carried.row(t, first) + block.column, plan.row_columns, 1, weights, depth, 0, depth};
        }
    const auto [from, to] = part.of(padded(plan.source[s].width), Vector<T>::tile);
    multiply(rows, from, to, terms.data(), count, onto, wide, add ? onto : nullptr, wide);
  };

  for (long t = to - 1; t >= from; --t) {
    if (call.d_x) std::memset(carried.x + (begin - first) * carried.x_wide, 0, sizeof(T) * (end - begin) * carried.x_wide);
    for (long b = begin; b < end; ++b)
      if (!loop.valid(t, r, b)) std::memset(carried.row(t, b), 0, sizeof(T) * plan.row_columns);
    if (t) {
      fetch(loop.tape(t - 1, r, begin), sizeof(T) * (end - begin) * plan.columns);
      for (long s = 0; s < plan.states; ++s) fetch(loop.state(s, t - 1, r, begin), sizeof(T) * (end - begin) * plan.state_widths[s]);
    }
    if (any(loop, t, r, first, last)) {
      runs(loop, t, r, begin, end, false, [&](long b, long count) { add_dy(loop, carried, t, r, first, b, count); });
      for (long k = plan.stages - 1; k >= 0; --k) {
        for (long s = 0; s < plan.sources; ++s)
          if (plan.source[s].kind == FROM_VALUE && plan.source[s].stage == k) back(s, t, carried.value[plan.source[s].number], carried.value_wide[plan.source[s].number], false);
        if (k + 1 < plan.stages) part.meet();
        runs(loop, t, r, begin, end, plan.extras > 0, [&](long b, long count) { invoke(loop, plan.reverse[k], t, r, first, b, count, &carried, nullptr); });
        for (long n = 0; n < plan.blocks && WORDS; ++n)
          if constexpr (WORDS) {
            const Block& block = plan.block[n];
            for (long b = begin; b < end && block.stage == k; ++b) pair_columns(carried.words + (b - first) * loop.felt_size + loop.felt[n], carried.row(t, b) + block.column, block.columns, deep(block.columns));
          }
        part.meet();
      }
      for (long s = 0; s < plan.sources; ++s) {
        const Source& from = plan.source[s];
        if (from.kind == FROM_STATE && from.open) back(s, t, carried.old[from.number], carried.wide[from.number], true);
        if (from.kind == FROM_X && call.d_x) back(s, t, carried.x, carried.x_wide, true);
      }
      part.meet();
    }
    for (long b = begin; b < end; ++b) {
      if (!loop.valid(t, r, b))
        for (long s = 0; s < plan.states; ++s) std::memcpy(carried.old[s] + (b - first) * carried.wide[s], carried.seed[s] + (b - first) * carried.wide[s], sizeof(T) * plan.state_widths[s]);
      if (call.d_x) std::memcpy((T*)call.d_x + ((t * call.replicas + r) * call.batch + b) * call.inputs, carried.x + (b - first) * carried.x_wide, sizeof(T) * call.inputs);
    }
    std::swap(carried.seed, carried.old);
  }
  for (long s = 0; s < plan.states && from == 0; ++s)
    for (long b = begin; b < end; ++b)
      std::memcpy((T*)call.gradients[plan.weights + plan.biases + plan.extras + s] + (r * call.batch + b) * plan.state_widths[s], carried.seed[s] + (b - first) * carried.wide[s], sizeof(T) * plan.state_widths[s]);
}

}  // namespace
