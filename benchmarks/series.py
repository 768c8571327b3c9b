"""What is watched over commits: one table of series, read by asv and by `nox -s regress`. Lower is better everywhere.

Everything goes through the public face of `suite`, so that earlier commits can be asked too. Sizes are fixed for ever; what is
changed gets a new version, and its history begins anew. `place` is a device with the threads that it is given.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

STEPS, BATCH, INPUTS, UNITS = 100, 32, 32, 128  # a call takes a millisecond or more
STREAMED = 200  # steps of one call
SEEDS = 16  # seeds of a training, and as many others in each further round
CELLS, ENGINES = ("lstm", "gru"), ("scan", "hoisted", "vendor")
HERE, PLACES = ("cpu 1",), ("cpu 1", "cpu 2", "cuda")


class Refused(Exception):
    """The sentence why a series does not exist here."""


@dataclass(frozen=True)
class Kind:
    """A kind of series; `params` are those of asv, `place` the last.

    make     the parameters -> a call; "turn": it is timed, otherwise it takes the round and returns figures
    unit     seconds, bytes, error or loss
    way      "turn": called again and again, "alone": once in a fresh process, "timed alone": and nothing beside it
    seeds    its figures are one a seed
    exact    the same code gives the same bits, on a CPU
    """

    make: Callable[..., Callable[..., Any]]
    unit: str
    version: str
    params: dict[str, tuple[str, ...]]
    way: str = "turn"
    seeds: bool = False
    exact: bool = False


def at(place: str) -> Any:
    """The device of a place, its threads set; Refused where it is not here."""
    import torch

    name, _, threads = place.partition(" ")
    if name == "cuda" and not torch.cuda.is_available():
        raise Refused("this machine has no CUDA device")
    if threads and int(threads) > (os.cpu_count() or 1):
        raise Refused(f"this machine has no {threads} cores")
    torch.set_num_threads(int(threads or 1))
    return torch.device(name)


def layer(name: str, engine: str, place: str, steps: int = STEPS, batch: int = BATCH) -> tuple[Any, Any, Any, Callable[[], Any]]:
    """A cell, its weights, inputs, and its unrolling, which raises Refused with the engine's own sentence."""
    import torch

    import suite

    device, generator = at(place), torch.Generator().manual_seed(0)
    cell = suite.cell(name, UNITS)
    params = {key: (0.1 * torch.randn(1, *shape, generator=generator)).to(device).requires_grad_() for key, shape in cell.shapes(INPUTS).items()}
    x = torch.randn(steps, 1, batch, INPUTS, generator=generator).to(device)

    def unroll() -> Any:
        try:
            return suite.unroll(cell, params, x, engine=engine)[0]
        except suite.Refused as refusal:
            raise Refused(str(refusal)) from None

    return cell, params, x, unroll


def waited(call: Callable[[], Any], place: str) -> Callable[[], None]:
    """A call that has ended when it returns, on CUDA too."""
    import torch

    def whole() -> None:
        call()
        if place == "cuda":
            torch.cuda.synchronize()

    return whole


def training_step(cell: str, engine: str, place: str, *shape: int) -> Callable[[], None]:
    """Forward, backward and the gradient of every weight of the sum of the outputs; no optimiser."""
    import torch

    _, params, _, unroll = layer(cell, engine, place, *shape)
    return waited(lambda: torch.autograd.grad(unroll().sum(), list(params.values())), place)


def forward(cell: str, engine: str, place: str, *shape: int) -> Callable[[], None]:
    """A pass that keeps nothing for a gradient."""
    import torch

    return waited(torch.no_grad()(layer(cell, engine, place, *shape)[3]), place)


def streaming(cell: str, engine: str, place: str) -> Callable[[], None]:
    """STREAMED steps of one sequence, one at a time."""
    import torch

    import suite

    made, params, x, _ = layer(cell, engine, place, 1, 1)
    try:
        step = suite.stream(made, params, engine=engine)
    except suite.Refused as refusal:
        raise Refused(str(refusal)) from None

    def steps() -> None:
        state = None
        with torch.inference_mode():
            for _ in range(STREAMED):
                _, state = step(x[0], state)

    return waited(steps, place)


def memory(cell: str, engine: str, place: str) -> Callable[[int], list[float]]:
    """Bytes of a training step above what was there before, in a process that did nothing else but a small step."""
    from suite.training.measure import peak_bytes

    unpooled()
    training_step(cell, engine, place, 2, 1)()
    step, device = training_step(cell, engine, place), at(place)

    def peak(number: int) -> list[float]:
        del number
        taken = peak_bytes(step, device)
        if taken is None:
            raise Refused("this system does not tell the peak memory of a process")
        return [float(taken)]

    return peak


def unpooled() -> None:
    """Let the C library map every larger block by itself and give it back at once (M_MMAP_THRESHOLD): what it keeps for later differs from process to process."""
    with contextlib.suppress(OSError, AttributeError):  # glibc alone
        ctypes.CDLL(None).mallopt(-3, 65536)


def trained(task: str, arguments: dict[str, Any], cell: str, place: str, steps: int, number: int) -> list[float]:
    """The test metric of each seed of a fixed training; a seed that diverged has none, which is a failure."""
    import suite

    device, made = at(place), suite.task(task, **arguments)
    network = suite.network(cell, 32, inputs=made.inputs, outputs=made.outputs)
    seeds = range(SEEDS * number, SEEDS * (number + 1))
    runs = suite.fit(network, made, list(seeds), suite.Optimiser(lr=1e-2), steps=steps, evaluate_every=100, engine="hoisted", device=str(device))
    lost = [run.status for run in runs if run.test is None]
    if lost:
        raise RuntimeError(f"{len(lost)} of {len(runs)} seeds have no score: {lost[0]}")
    return [float(run.test) for run in runs]


def digits_error(cell: str, place: str) -> Callable[[int], list[float]]:
    """Share of wrong answers on scikit-learn's digits, row by row."""
    at(place)
    return lambda number: [1.0 - share for share in trained("digits-rows", {}, cell, place, 400, number)]


def adding_loss(cell: str, place: str) -> Callable[[int], list[float]]:
    """Squared error of the adding problem."""
    at(place)
    return lambda number: trained("adding", {"length": 10}, cell, place, 400, number)


def importing(place: str) -> Callable[[int], list[float]]:
    """Processor seconds of everything that `import suite` offers, torch being there already."""
    at(place)

    def load(number: int) -> list[float]:
        del number
        start = spent()
        import suite

        for name in suite.FACE:
            getattr(suite, name)
        return [spent() - start]

    return load


def spent() -> float:
    """Seconds of processor time of this process and its compilers: of what happens once there is no least of many, and waiting for others would be most of its noise."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def compiling(cell: str, place: str) -> Callable[[int], list[float]]:
    """Processor seconds from an empty cache until the generated kernel of a cell has run once; loading the package is not counted."""
    at(place)
    import suite

    suite.unroll, suite.cell(cell, 4)

    def compile_kernel(number: int) -> list[float]:
        del number
        with tempfile.TemporaryDirectory() as folder:
            os.environ["CARROUSEL_CACHE"] = folder
            start = spent()
            layer(cell, "scan", place, 2, 1)[3]()
            return [spent() - start]

    return compile_kernel


def harness(place: str) -> Callable[[], None]:
    """200 updates of a network so small that the training loop around it is nearly all there is."""
    import suite

    at(place)
    task = suite.task("parity", length=2, supervision="every")
    network = suite.network("rnn", 2, inputs=task.inputs, outputs=task.outputs, readout="every")
    return lambda: suite.fit(network, task, [0], steps=200, evaluate_every=200, batch=2, engine="hoisted")


EVERY = {"cell": CELLS, "engine": ENGINES, "place": PLACES}
KINDS = {
    "step": Kind(training_step, "seconds", "2", EVERY),
    "forward": Kind(forward, "seconds", "1", EVERY),
    "stream": Kind(streaming, "seconds", "1", {"cell": CELLS, "engine": ("scan", "hoisted"), "place": PLACES}),
    "memory": Kind(memory, "bytes", "2", EVERY, way="alone"),
    "digits error": Kind(digits_error, "error", "2", {"cell": CELLS, "place": ("cpu 1", "cuda")}, way="alone", seeds=True, exact=True),
    "adding loss": Kind(adding_loss, "loss", "1", {"cell": CELLS, "place": ("cpu 1", "cuda")}, way="alone", seeds=True, exact=True),
    "import": Kind(importing, "seconds", "1", {"place": HERE}, way="timed alone"),
    "compile": Kind(compiling, "seconds", "1", {"cell": ("lstm",), "place": HERE}, way="timed alone"),
    "harness": Kind(harness, "seconds", "1", {"place": HERE}),
}


def named() -> dict[str, tuple[Kind, tuple[str, ...]]]:
    """Every series by name, `step[lstm, scan, cpu 1]`."""
    return {f"{name}[{', '.join(values)}]": (kind, values) for name, kind in KINDS.items() for values in product(*kind.params.values())}
