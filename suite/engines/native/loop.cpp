// The loop around generated functions, one way and back: products of packed weights, a function a stage, panels of the
// batch carried through the whole sequence, each by one thread, or by all where the weights are large. Results do not depend
// on the number of threads.
#include "panel.h"
#include "weights.h"

namespace {

// memory of a gang: threads that bring one replica back together
struct Room {
  long steps;
  W* turned;
  T *sums, *bias, *extra, *rows;
  long groups, extra_size = 0;
  std::vector<std::vector<T>> carried;
  std::vector<Halves> halves;  // one

  Room(const Loop& loop, std::vector<T>& memory)
      : steps(std::min(loop.call.length, std::max<long>(1, loop.depth() / loop.call.batch))), groups((loop.call.batch + GROUP - 1) / GROUP) {
    for (long e = 0; e < loop.plan.extras; ++e) extra_size += groups * loop.plan.extra_widths[e];
    const size_t size = loop.turned_size + loop.summed_size + loop.bias_size + extra_size + steps * loop.call.batch * loop.plan.row_columns + Halves::size(loop, steps) + Vector<T>::tile;
    if (memory.size() < size) memory.resize(size);
    turned = (W*)memory.data();
    sums = memory.data() + loop.turned_size;
    bias = sums + loop.summed_size;
    extra = bias + loop.bias_size;
    rows = extra + extra_size;
    halves.emplace_back(loop, steps, rows + steps * loop.call.batch * loop.plan.row_columns);
    carried.resize(loop.panels);
  }
};

// one replica's way back, by several threads of which this is one
void reverse_replica(const Loop& loop, const std::vector<Piece>& pieces, Room& room, long r, const Part& part) {
  const Plan& plan = loop.plan;
  const Call& call = loop.call;
  const Part all = loop.together ? part : Part{};  // who works on a panel
  for (long l = part.member; l < long(loop.turned.size()); l += part.members) loop.pack(room.turned + loop.turned[l], l, r, true);
  std::vector<Carried> carried;
  carried.reserve(loop.panels);
  for (long p = loop.together ? 0 : part.member; p < loop.panels; p += loop.together ? 1 : part.members) {
    carried.emplace_back(loop, r, p, room.rows, room.carried[p], all);
    T* start = room.extra;
    for (long e = 0; e < plan.extras; ++e) carried.back().extra.push_back(start), start += room.groups * plan.extra_widths[e];
  }
  if (part.member == 0) std::fill(room.extra, room.extra + room.extra_size, T(0));
  const auto [begin, end] = part.of(pieces.size(), 1);
  part.meet();
  for (long to = call.length; to > 0; to -= std::min(to, room.steps)) {
    const long from = std::max<long>(0, to - room.steps);
    for (Carried& panel : carried) reverse_panel(loop, room.turned, panel, from, to, all);
    part.meet();
    if constexpr (WORDS) {
      room.halves[0].fill(room.rows, r, from, to, part);
      part.meet();
    }
    weigh(loop, r, room.rows, room.halves[0], from, to, pieces.data() + begin, pieces.data() + end, room.sums, room.bias);
    part.meet();
  }
  for (long k = begin; k < end; ++k) deliver(loop, r, pieces[k], room.sums, room.bias);
  const T* from = room.extra;
  for (long e = 0; e < plan.extras && part.member == 0; ++e) {
    const long width = plan.extra_widths[e];
    T* to = (T*)call.gradients[plan.weights + plan.biases + e] + r * width;
    std::fill(to, to + width, T(0));
    for (long g = 0; g < room.groups; ++g, from += width)
      for (long i = 0; i < width; ++i) to[i] += from[i];
  }
  part.meet();
}

}  // namespace

// elements that the packed weights of a call take
extern "C" long packed(const Plan* plan, const Call* call) {
  const Loop loop(*plan, *call);
  return call->replicas * (loop.packed_size + loop.bias_size);
}

// packs one replica's weights and biases, or a share of them
void pack_all(const Loop& loop, W* packed, Team& team, long member) {
  const long replicas = loop.call.replicas, links = loop.packed.size();
  T* const bias = (T*)(packed + replicas * loop.packed_size);
  team.share(0, replicas * links, [&](long task) { loop.pack(packed + task / links * loop.packed_size + loop.packed[task % links], task % links, task / links, false); });
  for (long r = 0; r < replicas && member == 0; ++r)
    for (long n = 0; n < loop.plan.blocks; ++n) loop.pack_bias(bias + r * loop.bias_size + loop.bias[n], loop.plan.block[n], r);
}

// packs the weights once for many calls
extern "C" void pack(const Plan* plan, const Call* call) {
  const Loop loop(*plan, *call);
  Team team(1);
  pack_all(loop, (W*)call->packed, team, 0);
}

// every panel's way through the sequence; room: a desk for each member
void forward_panels(const Loop& loop, const W* packed, T* room, Team& team, long member) {
  const long replicas = loop.call.replicas, wide = Desk::size(loop);
  const T* const bias = (const T*)(packed + replicas * loop.packed_size);
  const auto panel = [&](long task, const Part& part) {
    const long r = task / loop.panels, p = task % loop.panels;
    forward_panel(loop, packed + r * loop.packed_size, bias + r * loop.bias_size, r, loop.begin(p), loop.begin(p + 1), Desk(loop, room + (part.members > 1 ? 0 : member * wide), room + member * wide), part);
  };
  if (loop.together)
    for (long task = 0; task < replicas * loop.panels; ++task) {
      if (task) team.meet();
      panel(task, {&team, member, team.members});
    }
  else
    team.share(1, replicas * loop.panels, [&](long task) { panel(task, {}); });
  release_tiles();
}

extern "C" void forward(const Plan* plan, const Call* call) {
  const Loop loop(*plan, *call);
  static thread_local std::vector<T> memory;  // stays for the next call
  const long replicas = call->replicas, own = replicas * (loop.packed_size + loop.bias_size);
  const size_t size = own + loop.threads * Desk::size(loop);
  if (memory.size() < size) memory.resize(size);
  W* const packed = (W*)memory.data();
  T* const room = memory.data() + own;
  Team team(loop.threads);
  team.run([&](long member) {
    pack_all(loop, packed, team, member);
    void** const start = call->tensors + plan->weights + plan->biases + plan->extras;
    for (long s = 0; s < plan->states && member == 0; ++s)
      if (start[s]) std::memcpy(loop.state(s, 0, 0, 0), start[s], sizeof(T) * replicas * call->batch * plan->state_widths[s]);
    team.meet();
    forward_panels(loop, packed, room, team, member);
  });
}

extern "C" void reverse(const Plan* plan, const Call* call) {
  const Loop loop(*plan, *call);
  std::vector<Piece> pieces;
  for (long n = 0; n < plan->blocks; ++n)
    for (long j = 0; j < padded(plan->block[n].columns); j += Vector<T>::tile) pieces.push_back({n, j, std::min(j + Vector<T>::tile, padded(plan->block[n].columns))});
  Team team(loop.threads);
  const bool alone = call->replicas >= loop.threads;  // a replica for each thread, or all threads for each replica
  static thread_local std::vector<std::vector<T>> memory;  // stays for the next call
  const size_t rooms = alone ? loop.threads : 1;
  if (memory.size() < rooms) memory.resize(rooms);
  std::vector<Room> room;
  for (size_t k = 0; k < rooms; ++k) room.emplace_back(loop, memory[k]);
  team.run([&](long member) {
    if (alone)
      team.share(0, call->replicas, [&](long r) { reverse_replica(loop, pieces, room[member], r, {}); });
    else
      for (long r = 0; r < call->replicas; ++r) reverse_replica(loop, pieces, room[0], r, {&team, member, team.members});
    release_tiles();
  });
}

// what the products of bfloat16 are made with
extern "C" const char* instructions() {
#ifdef EMULATED
  if (tiles_granted()) return "emulated tiles";
#endif
  if (tiles_granted()) return "amx-bf16";
#if defined(__AVX512BF16__)
  return "avx512-bf16";
#else
  return "none";
#endif
}
