"""A body of calls recorded once as a CUDA graph and replayed; sets of fixed buffers lent to one call at a time.

A graph reads and writes the addresses it was recorded with. So what belongs to a shape, buffers and graphs, is a session;
a forward pass borrows one until its reverse has run or can run no more, and a second forward pass before that borrows
another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

import torch

KEPT = 16  # sessions that nobody uses and that are kept for the next call, those used last
WARM = 2  # times that a body runs before it is recorded: libraries make their plans, kernels are compiled

S = TypeVar("S")


class Replayed:
    """A body without arguments, for it works on fixed buffers. On CUDA it is recorded at the first call, elsewhere it runs.

    Inside somebody else's recording it runs, and so becomes a part of that.
    """

    def __init__(self, body: Callable[[], None], device: torch.device) -> None:
        self.body, self.device = body, device
        self.graph: Any = None

    def __call__(self) -> None:
        if self.device.type != "cuda" or torch.cuda.is_current_stream_capturing():
            self.body()
            return
        if self.graph is None:
            self.graph = recorded(self.body, self.device)
        self.graph.replay()


def recorded(body: Callable[[], None], device: torch.device) -> Any:
    """A graph of what a body does; the body has run before, on a stream of its own, and must not mind."""
    with torch.cuda.device(device):
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
            self.over = True
            self._back(self.session)

    def __del__(self) -> None:
        self.release()


class Pool(Generic[S]):
    """Sessions by what they were made for."""

    def __init__(self, kept: int = KEPT) -> None:
        self.kept = kept
        self._free: list[tuple[Hashable, S]] = []  # used longest ago first
        self._lock = threading.RLock()  # a lease may end in the middle of anything

    def take(self, key: Hashable, make: Callable[[], S]) -> Lease[S]:
        """A session that nobody uses, or a new one. Where memory is short, those that nobody uses are given up first."""
        with self._lock:
            for number in range(len(self._free) - 1, -1, -1):
                if self._free[number][0] == key:
                    return self._lease(key, self._free.pop(number)[1])
        try:
            made = make()
        except torch.OutOfMemoryError:
            self.clear()
            made = make()
        return self._lease(key, made)

    def _lease(self, key: Hashable, session: S) -> Lease[S]:
        return Lease(session, lambda back: self._put(key, back))

    def _put(self, key: Hashable, session: S) -> None:
        with self._lock:
            self._free.append((key, session))
            dropped, self._free = self._free[: -self.kept], self._free[-self.kept :]
        del dropped

    def clear(self) -> None:
        """Give up what nobody uses."""
        with self._lock:
            dropped, self._free = self._free, []
        del dropped
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def __len__(self) -> int:
        return len(self._free)
