"""Into a Ray cluster and out again: a token always, no dashboard, no usage statistics, and every node asked what it has installed."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stdout
from typing import Any

from suite.launch import node
from suite.launch.deaths import TRIES, death

KNOCK = 5.0  # seconds that an address gets to answer at all
ANSWER = 60.0  # seconds that a node gets to start a worker and to say what it has installed
STORE = 128 * 2**20  # bytes of the object store of a Ray of our own: outcomes are some kilobytes
SETTINGS = {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0", "RAY_task_oom_retries": str(TRIES), "RAY_BACKEND_LOG_LEVEL": "error"}


def imported() -> Any:
    """The package, with its settings in the environment before it reads them; ValueError with the command that installs it."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError:
        raise ValueError("Ray is not installed: pip install 'carrousel[cluster]'") from None
    return ray


@contextmanager
def joined(ray: Any, address: str | None, processors: int, modules: Sequence[str]) -> Iterator[None]:
    """A cluster's Ray, or for None one of our own on this machine with so many processors, which ends with the context.

    `modules` are paths that travel to every worker. What Ray prints goes to standard error.
    """
    if ray.is_initialized():
        raise ValueError("Ray is in use in this process already: ray.shutdown() first")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}
    shipped = {"runtime_env": {"py_modules": list(modules)}} if modules else {}
    with ExitStack() as closing:
        closing.enter_context(redirect_stdout(sys.stderr))
        if address is not None:
            answers(address)
        where = {"address": address} if address is not None else {"num_cpus": processors} | _ours(closing)
        doing = "start Ray" if address is None else f"join the Ray cluster at '{address}'"
        closing.callback(ray.shutdown)
        with interruptible(), muffled() as said:
            try:
                ray.init(**where, **quiet, **shipped)
            except Exception as error:
                raise ValueError(f"cannot {doing}: {_why(error, said())}") from None
        yield


def _ours(closing: ExitStack) -> dict[str, Any]:
    """The settings of a Ray of our own: its folder goes with it, and nobody else has its token."""
    folder = tempfile.mkdtemp(prefix=f"carrousel-{os.getpid()}-", dir="/tmp" if os.path.isdir("/tmp") else None)  # noqa: S108 (a socket's path must be short)
    closing.callback(shutil.rmtree, folder, ignore_errors=True)
    if not {"RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"} & set(os.environ):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    return {"address": "local", "object_store_memory": STORE, "include_dashboard": False, "_temp_dir": os.path.join(folder, "r")}  # Ray opens its own to all


def _why(error: Exception, said: str) -> str:
    if "InvalidAuthToken" in said or type(error).__name__ == "AuthenticationError":
        return "the token is missing or is not the cluster's; RAY_AUTH_TOKEN holds it, or the file that RAY_AUTH_TOKEN_PATH names"
    return " ".join(str(error).split())


def answers(address: str) -> None:
    """Raise ValueError where nothing listens: Ray itself tries for minutes. "auto" is Ray's word for the cluster of this machine."""
    if address == "auto":
        return
    if address.startswith("ray://"):
        raise ValueError(f"'{address}' is one of Ray Client: run carrousel on a node of the cluster, with --address HOST:PORT of its head")
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError(f"an address of a cluster is HOST:PORT, not '{address}'")
    try:
        socket.create_connection((host, int(port)), KNOCK).close()
    except (OSError, OverflowError) as error:
        raise ValueError(f"no Ray answers at '{address}': {error}") from None


def examined(ray: Any, threads: int) -> str:
    """The cluster in words, after its nodes have said what they have installed; ValueError for one that cannot carry out a run as planned."""
    nodes = [each for each in ray.nodes() if each["Alive"]]
    fit = [each for each in nodes if each["Resources"].get("CPU", 0) >= threads]
    ask = ray.remote(num_cpus=0)(node.described)
    asked = {each["NodeManagerAddress"]: ask.options(scheduling_strategy=on(each["NodeID"])).remote() for each in fit}
    for address, ref in asked.items():
        try:
            found = node.DESCRIBED.validate_json(ray.get(ref, timeout=ANSWER))
        except ray.exceptions.RayError as error:
            raise ValueError(f"node {address} of the cluster cannot carry out runs; is carrousel installed there? {death(error)}") from None
        if said := node.differs(node.installed(), found.installed):
            raise ValueError(f"node {address} of the cluster cannot carry out runs: {said}")
        if found.authentication != os.environ["RAY_AUTH_MODE"]:
            raise ValueError(f"node {address} of the cluster asks nobody for a token: start Ray with RAY_AUTH_MODE=token, for who reaches it can run anything there")
    processors, gpus = (sum(each["Resources"].get(what, 0) for each in nodes) for what in ("CPU", "GPU"))
    wanting = "" if fit else f"; none has the {threads} that a run needs, waiting for one that has"
    return f"the cluster has {len(nodes)} node{'s' * (len(nodes) != 1)} with {processors:g} processors and {gpus:g} GPUs in all{wanting}"


def on(number: str) -> Any:
    """The demand for one node."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(number, soft=False)


@contextmanager
def interruptible() -> Iterator[None]:
    """What SIGTERM means stays what it meant: Ray takes it for itself."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def muffled() -> Iterator[Callable[[], str]]:
    """What is written to standard error, by whatever library, goes to what the yielded function returns."""
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield lambda: _content(file.fileno())
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _content(file: int) -> str:
    return os.pread(file, 2**16, 0).decode(errors="replace")
