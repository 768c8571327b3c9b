// One step after another of sequences that nobody knows the end of: what every step has in common is laid out once.

namespace {

// a call for one step
struct Ready {
  Call call;
  std::vector<View> history;
  Loop loop;
  const size_t size;  // of the desks
  std::atomic_flag busy = ATOMIC_FLAG_INIT;

  Ready(const Plan& plan, const Call& like) : call(like), history(like.history, like.history + plan.states), loop(plan, call), size(loop.threads * Desk::size(loop)) {
    call.history = history.data();
  }

  long given() const { return (call.x.replica ? call.replicas : 1) * call.batch * call.inputs; }
  long width(long s) const { return call.replicas * call.batch * loop.plan.state_widths[s]; }

  // at: x, every state before the step, every state after it
  void carry(void* const* at) {
    static thread_local std::vector<T> room;  // stays for the next step
    if (room.size() < size) room.resize(size);
    T* const desks = room.data();
    call.x.data = at[0];
    for (long s = 0; s < loop.plan.states; ++s) {
      history[s].data = at[1 + s];
      history[s].time = (T*)at[1 + loop.plan.states + s] - (T*)at[1 + s];
    }
    loop.down = !loop.down;
    Team team(loop.threads);
    team.run([&](long member) { forward_panels(loop, (const W*)call.packed, desks, team, member); });
  }

  // the same with everything in bfloat16
  void carry_halves(void* const* at) {
    const long states = loop.plan.states;
    long size = given();
    for (long s = 0; s < states; ++s) size += 2 * width(s);
    static thread_local std::vector<T> wide;
    static thread_local std::vector<void*> here;
    wide.resize(size), here.resize(1 + 2 * states);
    T* next = wide.data();
    for (long k = 0; k < 1 + 2 * states; ++k) {
      const long count = k ? width((k - 1) % states) : given();
      here[k] = next, next += count;
      if (k <= states) widen((float*)here[k], at[k], count);
    }
    carry(here.data());
    for (long k = 1 + states; k < 1 + 2 * states; ++k) round_off(at[k], (const float*)here[k], width((k - 1) % states));
  }

  void go(void* const* at) {
    if constexpr (WORDS) carry_halves(at);
    else carry(at);
  }
};

}  // namespace

// lays a step out; the call must hold as long as this does
extern "C" void* ready(const Plan* plan, const Call* call) { return new Ready(*plan, *call); }

extern "C" void forget(void* ready) { delete (Ready*)ready; }

// one step; at: x, every state before it, every state after it. Threads may share what is ready: who comes second lays out its own
extern "C" void step(void* handle, void* const* at) {
  Ready& ready = *(Ready*)handle;
  if (ready.busy.test_and_set(std::memory_order_acquire)) return Ready(ready.loop.plan, ready.call).go(at);
  struct Free {  // however the step ends
    std::atomic_flag& busy;
    ~Free() { busy.clear(std::memory_order_release); }
  } free{ready.busy};
  ready.go(at);
}
