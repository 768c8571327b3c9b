"""A body of calls recorded once as a CUDA graph and replayed; sets of fixed buffers lent to one call at a time.

A graph reads and writes the addresses it was recorded with. So what belongs to a shape, buffers and graphs, is a session;
a forward pass borrows one until its reverse has run or can run no more, and a second forward pass before that borrows
another.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import torch

KEPT = 16  # sessions that nobody uses and that are kept for the next call, those used last
SHARE = 0.25  # of a device's memory that these may hold, the last one apart
WARM = 2  # times that a body runs before it is recorded: libraries make their plans, kernels are compiled

CPU = torch.device("cpu")
S = TypeVar("S")
R = TypeVar("R")


class Replayed:
    """Carries out a body without arguments, which works on fixed buffers. On CUDA it is recorded at the first call, elsewhere it runs.

    Inside somebody else's recording it runs, and so becomes a part of that. The body is not kept: it belongs to what holds this.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.graph: Any = None

    def __call__(self, body: Callable[[], None]) -> None:
        if self.device.type != "cuda" or capturing(self.device):
            body()
            return
        if self.graph is None:
            self.graph = recorded(body, self.device)
        self.graph.replay()


def capturing(device: torch.device) -> bool:
    """Whether what runs on a device now becomes a part of somebody's graph."""
    return device.type == "cuda" and torch.cuda.is_current_stream_capturing()


def stream(device: torch.device) -> int | None:
    """The CUDA stream that work on a device is put on now."""
    return torch.cuda.current_stream(device).cuda_stream if device.type == "cuda" else None


def recorded(body: Callable[[], None], device: torch.device) -> Any:
    """A graph of what a body does; the body has run before, on a stream of its own, and must not mind."""
    with torch.inference_mode(False), torch.cuda.device(device):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM):
                body()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads may go on, as one that loads data
            body()
    return graph


class Lease(Generic[S]):
    """A session as long as somebody needs it: until `release`, or until this is gone."""

    def __init__(self, session: S, back: Callable[[S], None]) -> None:
        self.session, self._back, self.over = session, back, False

    def release(self) -> None:
        """Whatever the session holds may be overwritten from now on."""
        if not self.over:
            self.over, session = True, self.session
            del self.session  # or a session given up would last as long as what it was lent to
            self._back(session)

    def __del__(self) -> None:
        self.release()


class Pool(Generic[S]):
    """Sessions by what they were made for and by stream: work on one stream is done in its order, on two of them in any.

    share  which part of its device's memory a session holds
    """

    def __init__(self, kept: int = KEPT, share: Callable[[S], float] = lambda session: 0.0) -> None:
        self.kept, self.share = kept, share
        self._back: deque[tuple[Hashable, S]] = deque()  # a lease may end in the middle of anything, so it only leaves its session here
        self._free: list[tuple[Hashable, S]] = []  # used longest ago first
        self._lock = threading.Lock()

    def take(self, key: Hashable, make: Callable[[], S], device: torch.device = CPU) -> Lease[S]:
        """A session that nobody uses, or a new one. Where memory is short, those that nobody uses are given up first.

        Inside somebody else's recording it is a new one, which is that graph's alone and lent to nobody after.
        """
        if capturing(device):
            return Lease(_lasting(make), lambda back: None)
        whole = (key, stream(device))
        with self._lock:
            dropped = self._settle()
            for number in range(len(self._free) - 1, -1, -1):
                if self._free[number][0] == whole:
                    return self._lease(whole, self._free.pop(number)[1])
        del dropped
        return self._lease(whole, self.pressed(lambda: _lasting(make)))

    def pressed(self, work: Callable[[], R]) -> R:
        """What some work gives. Where memory is short, all that nobody uses is given up and the work done once more."""
        try:
            return work()
        except torch.OutOfMemoryError:
            pass  # the error holds what was made so far until this block ends
        self.clear()
        return work()

    def _lease(self, key: Hashable, session: S) -> Lease[S]:
        return Lease(session, lambda back: self._put(key, back))

    def _put(self, key: Hashable, session: S) -> None:
        self._back.append((key, session))
        del session
        if self._lock.acquire(blocking=False):  # else whoever has it, this thread perhaps, or the next call
            try:
                dropped = self._settle()
            finally:
                self._lock.release()
            del dropped

    def _settle(self) -> list[tuple[Hashable, S]]:
        """Take in what came back; those that are too many or too large are handed out, to end when the lock is open again."""
        while self._back:
            self._free.append(self._back.popleft())
        shares = [self.share(session) for _, session in self._free]
        first = max(0, len(self._free) - self.kept)
        while first < len(self._free) - 1 and sum(shares[first:]) > SHARE:
            first += 1
        dropped, self._free = self._free[:first], self._free[first:]
        return dropped

    def clear(self) -> None:
        """Give up what nobody uses."""
        with self._lock:
            dropped = [*self._settle(), *self._free]
            self._free = []
        del dropped
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def __len__(self) -> int:
        return len(self._free)


def _lasting(make: Callable[[], S]) -> S:
    """What is made in inference mode could not be written to outside of it."""
    with torch.inference_mode(False):
        return make()
