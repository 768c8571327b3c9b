"""Jobs tried again, as they were or in parts, until only what fails by itself has failed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from suite.launch.launchers import Workplace
from suite.launch.local import Job, Outcome


def attempts(pool: Workplace, jobs: Iterable[Job], retries: int) -> Iterator[Outcome]:
    """Outcomes as they come. What has failed waits until all others had their turn: a machine that was too full may not be then."""
    waiting = list(jobs)
    while waiting:
        again: list[Job] = []
        for outcome in pool.run(waiting):
            more = another(outcome, retries) if outcome.kind == "failed" else []
            again += more
            yield outcome._replace(final=not more)
        waiting = again


def another(outcome: Outcome, retries: int) -> list[Job]:
    """What is tried after a failure.

    A job whose process died or hung, or that raised an error for the first time, is tried again as it was, `retries` times.
    Then, and at once if memory was short, it falls into its parts: the one that failed may have taken the others with it.
    """
    job = outcome.job
    if outcome.cause != "memory" and job.tries < retries and (outcome.cause == "died" or job.said != outcome.value):
        return [replace(job, tries=job.tries + 1, said=outcome.value, progress=0.0, begun=None)]
    return [replace(part, tries=job.tries, said=outcome.value) for part in job.apart()]
