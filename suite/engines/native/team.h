// Threads that carry out one call together, phase after phase.
#pragma once
#include <atomic>
#include <thread>
#include <vector>

class Team {
 public:
  explicit Team(long members) : members(members) {}

  template <class Work> void run(const Work& work) {
    std::vector<std::thread> others;
    for (long m = 1; m < members; ++m) others.emplace_back([&, m] { work(m); });
    work(0L);
    for (auto& other : others) other.join();
  }

  // hands out 0 .. count - 1, each once; every phase has a counter of its own
  template <class Task> void share(int phase, long count, const Task& task) {
    for (long k; (k = next[phase].fetch_add(1)) < count;) task(k);
  }

  // nobody goes on before all are here
  void meet() {
    const long turn = round.load();
    if (arrived.fetch_add(1) + 1 == members) {
      arrived = 0;
      round = turn + 1;
    } else {
      for (long tries = 0; round.load() == turn; ++tries)
        if (tries > 2000) std::this_thread::yield();
    }
  }

  const long members;

 private:
  std::atomic<long> next[4] = {}, arrived{0}, round{0};
};
