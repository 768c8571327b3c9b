// Threads that carry out one call together, phase after phase: those of OpenMP, which PyTorch has too, so that its waiting
// threads work instead of keeping a core busy beside ours; where there is no OpenMP, threads of this call.
#pragma once
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>
#ifdef _OPENMP
#include <omp.h>
#endif

class Team {
 public:
  explicit Team(long members) : members(members) {}

  template <class Work> void run(const Work& work) {
    if (members == 1) return work(0L);
#ifdef _OPENMP
#pragma omp parallel num_threads(int(members))
    {
      members.store(omp_get_num_threads(), std::memory_order_relaxed);  // they may be fewer than were asked for; all say the same
      work(long(omp_get_thread_num()));
    }
#else
    const long asked = members;
    std::vector<std::thread> others;
    std::atomic<bool> begun{false};
    others.reserve(asked - 1);
    try {
      for (long m = 1; m < asked; ++m)
        others.emplace_back([&, m] {
          while (!begun.load()) std::this_thread::yield();
          work(m);
        });
    } catch (const std::system_error&) {  // there are no more of them to be had
    }
    members = long(others.size()) + 1;
    begun = true;
    work(0L);
    for (auto& other : others) other.join();
#endif
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
        if (tries > 20000) std::this_thread::yield();
    }
  }

  std::atomic<long> members;

 private:
  std::atomic<long> next[2] = {}, arrived{0}, round{0};
};
