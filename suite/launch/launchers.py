"""Where runs can be carried out: the launchers by name, all with one interface."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Any, ClassVar, Protocol, Self

from suite.launch import joining, local, ray
from suite.launch.limits import Limits
from suite.launch.local import Job, Outcome
from suite.names import resolve
from suite.runs.machine import cores


class Workplace(Protocol):
    """What carries out jobs: a context that ends all it started. `running` holds what is under way, then what was cut off; `landed` then what came meanwhile."""

    @property
    def running(self) -> Mapping[Any, tuple[Any, Job]]: ...

    @property
    def landed(self) -> Sequence[Outcome]: ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None, /) -> None: ...

    def run(self, jobs: Iterable[Job]) -> Iterator[Outcome]: ...


class Launcher(Protocol):
    """Opens a workplace; `elsewhere` says whether runs go to other machines than this."""

    @property
    def elsewhere(self) -> bool: ...

    def pool(self, workers: int | None, threads: int, limits: Limits) -> Workplace: ...


@dataclass(frozen=True)
class Local:
    """Processes on this machine."""

    elsewhere: ClassVar[bool] = False

    def pool(self, workers: int | None, threads: int, limits: Limits) -> Workplace:
        """So many processes at once, or one for every `threads` processors."""
        return local.Pool(workers or max(1, cores() // threads), limits=limits)


@dataclass(frozen=True)
class Ray:
    """Tasks of a Ray cluster at `address`, or of a Ray on this machine alone; `gpus_per_run` is a fraction or a whole number."""

    address: str | None = None
    gpus_per_run: float | None = None

    def __post_init__(self) -> None:
        if self.gpus_per_run is not None and not (0 < self.gpus_per_run <= 1 or (self.gpus_per_run > 1 and self.gpus_per_run == int(self.gpus_per_run))):
            raise ValueError(f"--gpus-per-run is a fraction of one GPU or a whole number of them, not {self.gpus_per_run:g}")
        joining.imported()

    @property
    def elsewhere(self) -> bool:
        """A cluster may have what this machine has not."""
        return self.address is not None

    def pool(self, workers: int | None, threads: int, limits: Limits) -> Workplace:
        """So many tasks at once, or as many as there is room for."""
        return ray.Pool(self.address, workers, self.gpus_per_run, limits)


LAUNCHERS: dict[str, type[Local | Ray]] = {"local": Local, "ray": Ray}


def launcher(name: str = "local", **options: Any) -> Launcher:
    """The launcher of a name with those options that are not None.

    >>> launcher("local", address="head:6379")
    Traceback (most recent call last):
    ValueError: --address says nothing to --launch local: it is for --launch ray
    """
    kind, given = resolve(name, LAUNCHERS, "launcher"), {option: value for option, value in options.items() if value is not None}
    for option in given:
        takers = [other for other, of in LAUNCHERS.items() if option in {field.name for field in fields(of)}]
        if name not in takers:
            raise ValueError(f"--{option.replace('_', '-')} says nothing to --launch {name}: it is for --launch {' or '.join(takers)}")
    return kind(**given)
