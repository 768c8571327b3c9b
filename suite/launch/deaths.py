"""How a Ray task ended that brought nothing back, in one sentence."""

from __future__ import annotations

TRIES = 3  # how often a task runs again whose node or worker died
AGAIN = f"and so it was at each of {TRIES} further tries"
SENTENCES = {  # names of Ray's errors, the narrower first
    "OutOfMemoryError": f"the memory of its node ran out, {AGAIN}",
    "NodeDiedError": f"its node was lost, {AGAIN}",
    "WorkerCrashedError": f"its worker or its node died, {AGAIN}",
    "LocalRayletDiedError": f"its node was lost, {AGAIN}",
    "ObjectLostError": "its result was lost with the node that held it",
    "GetTimeoutError": "it gave no answer",
    "TaskCancelledError": "it was cancelled",
}


CAUSES = {"OutOfMemoryError": "memory", **dict.fromkeys(("NodeDiedError", "WorkerCrashedError", "LocalRayletDiedError", "ObjectLostError", "GetTimeoutError"), "died")}


def cause(error: BaseException) -> str:
    """What a failure is put down to, as `Outcome.cause` names it."""
    return next((CAUSES[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in CAUSES), "raised")


def death(error: BaseException) -> str:
    """The sentence for one of Ray's errors; for an error that a task raised, that error's own."""
    for kind in type(error).__mro__:
        if kind.__name__ in SENTENCES:
            return SENTENCES[kind.__name__]
    raised = getattr(error, "cause", None) or error
    said = " ".join(str(raised).split()) or "no message"
    return f"{type(raised).__name__}: {said[:300]}"
