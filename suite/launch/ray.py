"""The same plan on a Ray cluster, or on a Ray of its own on this machine: one task a job, outcomes back as bytes, all records written by the driver.

A task holds as many processors as its group has threads, and a share of a GPU where it trains on one. On its node it
starts a process for the job as the local pool does. Ray runs it again elsewhere if its node or its worker dies.
"""

from __future__ import annotations

import os
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

from suite.launch import joining, node
from suite.launch.deaths import TRIES, cause, death
from suite.launch.limits import USUAL, Limits
from suite.launch.local import Job, Outcome
from suite.launch.modules import named, shipped
from suite.runs.machine import cores
from suite.runs.spec import TrainSpec

EVERY = 1.0  # seconds between two questions how far all are
ANSWER = 10.0  # seconds that the ledger gets to answer
PATIENCE = 15.0  # seconds that tasks get to save their state when they are cancelled


class Ledger:
    """The actor that tasks tell how far they are; what they tell is for showing only."""

    def __init__(self) -> None:
        self.begun: dict[str, int] = {}
        self.shares: dict[str, float] = {}

    def begin(self, key: str) -> None:
        """Note that a task runs, perhaps not for the first time."""
        self.begun[key] = self.begun.get(key, 0) + 1
        self.shares[key] = 0.0

    def tell(self, key: str, share: float) -> None:
        """Note the share of a task that is done."""
        self.shares[key] = share

    def told(self) -> dict[str, tuple[int, float]]:
        """How often every task began, and how far it is."""
        return {key: (times, self.shares[key]) for key, times in self.begun.items()}


class Pool:
    """Runs jobs as Ray tasks; leaving it cancels what still runs and leaves the cluster.

    `running` then holds what was cut off, `landed` what came to its result meanwhile.

    address       HOST:PORT of a cluster this machine is a node of; None starts a Ray here and ends it afterwards
    workers       jobs at once; None is as many as there is room for
    gpus_per_run  GPUs of a group on "cuda", a fraction to share one
    limits        of the process that carries out each job on its node
    """

    def __init__(self, address: str | None = None, workers: int | None = None, gpus_per_run: float | None = None, limits: Limits = USUAL) -> None:
        self.address, self.workers, self.gpus, self.limits = address, workers, gpus_per_run, limits
        self.ray = joining.imported()
        self.ledger: Any = None
        self.flying: dict[Any, tuple[str, Job]] = {}
        self.running: dict[str, tuple[Any, Job]] = {}
        self.landed: list[Outcome] = []
        self.begun: dict[str, int] = {}
        self.keys, self.mark, self.looked = map(str, count()), secrets.token_hex(16), 0.0
        self.closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with self.closing, suppress(self.ray.exceptions.RayError):
            if self.flying:
                list(self._look())  # what began since the last look is cut off too
                self._gather(0.0)
            for force in (False, True):  # a training run saves its state where the driver sees it; what waits never begins
                for ref in self.flying:
                    self.ray.cancel(ref, force=force)
                self._gather(PATIENCE)

    def _gather(self, seconds: float) -> None:
        """Wait for what still flies, and keep the results among what comes."""
        for ref in self.ray.wait(list(self.flying), num_returns=len(self.flying), timeout=seconds)[0] if self.flying else []:
            begun = {key: self.running[key] for key in self.running if self.running[key][0] == ref}
            outcome = self._landed(ref)
            if outcome.kind == "done":
                self.landed.append(outcome)
            else:
                self.running |= begun

    def run(self, jobs: Iterable[Job]) -> Iterator[Outcome]:
        """Outcomes as they come; the heaviest jobs start first."""
        waiting = sorted(jobs, key=lambda job: -job.weight)
        if waiting and self.ledger is None:
            self._open(waiting)
        while waiting or self.flying:
            while waiting and len(self.flying) < (self.workers or sys.maxsize):
                self._send(waiting.pop(0))
            for ref in self.ray.wait(list(self.flying), timeout=EVERY)[0]:
                yield self._landed(ref)
            if time.monotonic() - self.looked > EVERY:
                yield from self._look()
        if self.ledger is not None:
            yield from self._look()

    def _open(self, jobs: list[Job]) -> None:
        """Join, look at the nodes, start the ledger beside the driver."""
        specs = [spec for job in jobs for spec in _specs(job)]
        self._check({spec.device for spec in specs})
        threads = max((spec.threads for spec in specs), default=1)
        places = self.workers or max(1, cores() // threads)
        texts = [job.payload["task"] for job in jobs if "task" in job.payload]
        texts += [text for spec in specs for text in (spec.task, spec.cell, *(layer.cell for layer in spec.above))]
        self.closing.enter_context(joining.joined(self.ray, self.address, places * threads, shipped(named(texts))))
        found = joining.examined(self.ray, threads)
        if self.address is not None:
            _say(found)
        here = joining.on(self.ray.get_runtime_context().get_node_id())
        self.ledger = self.ray.remote(num_cpus=0)(Ledger).options(scheduling_strategy=here).remote()
        # a process that held a GPU gives it back by ending; others serve task after task, for each job has a process of its own
        self.task = [self.ray.remote(max_calls=gpu, max_retries=TRIES)(node.carried) for gpu in (0, 1)]
        for folder in {job.payload["checkpoint"].parent for job in jobs if "checkpoint" in job.payload}:
            self._share(folder)

    def _check(self, devices: set[str]) -> None:
        if self.gpus is not None and devices <= {"cpu"}:
            raise ValueError("--gpus-per-run is for runs on a GPU: say --device cuda too")
        if numbered := sorted(devices - {"cpu", "cuda"}):
            raise ValueError(f"Ray gives every task its GPU: say --device cuda, not '{numbered[0]}'")

    def _share(self, folder: Path) -> None:
        """Leave a word in a folder by which nodes that see the folder know it."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / node.MARK).write_text(self.mark)
        self.closing.callback((folder / node.MARK).unlink, missing_ok=True)

    def _send(self, job: Job) -> None:
        key, specs = next(self.keys), _specs(job)
        threads, gpu = specs[0].threads if specs else 1, any(spec.device != "cpu" for spec in specs)
        needs = {"num_cpus": threads, "num_gpus": (self.gpus or 1.0) if gpu else 0}
        arguments = (job.name, _sent(job.payload), key, threads, node.installed(), self.mark, self.ledger, self.limits)
        self.flying[self.task[gpu].options(**needs).remote(*arguments)] = key, job

    def _landed(self, ref: Any) -> Outcome:
        key, job = self.flying.pop(ref)
        self.running.pop(key, None)
        try:
            answer, files = self.ray.get(ref)
            outcome = node.decoded(job, answer)
        except self.ray.exceptions.RayError as error:
            return Outcome(job, "failed", death(error), cause(error))
        except ValueError as error:
            return Outcome(job, "failed", f"the answer of its node cannot be read: {str(error).splitlines()[0]}")
        for name in {f"{spec.id}.safetensors" for spec in _specs(job)} & set(files):
            _write(job.payload["keep"] / name, files[name])
        return outcome

    def _look(self) -> Iterator[Outcome]:
        """How far the tasks are that have begun, and which began again."""
        self.looked = time.monotonic()
        with suppress(self.ray.exceptions.RayError):
            told: dict[str, tuple[int, float]] = self.ray.get(self.ledger.told.remote(), timeout=ANSWER)
            for ref, (key, job) in self.flying.items():
                if key in told:
                    job.progress = told[key][1]
                    self.running[key] = ref, job
            for key in [key for key, (times, _) in told.items() if times > self.begun.get(key, 1)]:
                self.begun[key] = told[key][0]
                _say("a node or a worker died, and what it was at began again elsewhere")
        yield from (Outcome(job, "progress", None) for _, job in list(self.running.values())[:1])


def _specs(job: Job) -> list[TrainSpec]:
    found: list[TrainSpec] = job.payload.get("specs", [])
    return found


def _sent(payload: Mapping[str, Any]) -> dict[str, Any]:
    """A payload that means the same elsewhere: whole paths, and of weights only whether they are wanted."""
    sent = dict(payload)
    if "keep" in sent:
        sent |= {"keep": sent["keep"] is not None, "checkpoint": sent["checkpoint"].resolve()}
    return sent


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; where it cannot be written, the result is worth more than the weights."""
    scratch = path.with_suffix(".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_bytes(content)
        os.replace(scratch, path)
    except OSError as error:
        _say(f"weights of {path.stem} are not kept: {error}")


def _say(text: str) -> None:
    print(f"carrousel: {text}", file=sys.stderr, flush=True)
