"""Cells, tasks and engines by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from suite import names

if TYPE_CHECKING:
    from torch import Tensor, device, dtype

    from suite.cells import Cell
    from suite.engines import Engine, Stream
    from suite.tasks import Task

DROPOUT = ("drop", "on", "each")  # what recurrent dropout adds to any cell's arguments


def cell(name: str, units: int, own: Mapping[str, Callable[[int], Cell]] | None = None) -> Cell:
    """The cell of a name, or of an outsider's `module:attribute` (a callable `units -> Cell`), at a width.

    A name may carry arguments, its own and those of recurrent dropout: `drop` (the rate), `on` and `each`. `own` are
    further cells by name.

    >>> cell("gru", 8).shapes(inputs=3)["m.h"]
    (8, 8)
    >>> cell("lstm(drop=0.25, on='memory')", 8).masks
    {'d_c': Mask(rate=0.25, each='step')}
    """
    from suite.cells import CELLS, Cell, dropout

    name, given = (name, {}) if names.written(name, "cell") in (own or {}) else names.parse_call(name)
    if "units" in given:
        raise ValueError(f"cell '{name}': its units are said apart from its name, not as an argument")
    dropped = {key: given.pop(key) for key in DROPOUT if key in given}
    factory = names.resolve(name, {**CELLS, **(own or {})}, "cell")
    if not callable(factory):
        raise ValueError(f"cell '{name}' must be a callable units -> Cell, not a {type(factory).__name__}")
    try:
        unasked = [key for key in given if key not in inspect.signature(factory).parameters]
        if unasked:
            raise ValueError(names.unknown(unasked[0], [*list(inspect.signature(factory).parameters)[1:], *DROPOUT], f"argument of cell '{name}',"))
        made = names.call(factory, name, {"units": units, **given}, "cell") if given else factory(units)
    except ValueError:
        raise
    except Exception as error:  # somebody else's function
        raise ValueError(f"cell '{name}' cannot be made at {units} units: {type(error).__name__}: {error}") from None
    if not isinstance(made, Cell):
        raise ValueError(f"cell '{name}' must be a callable units -> Cell; it returned {type(made).__name__}")
    if dropped and "drop" not in dropped:
        raise ValueError(f"cell '{name}': recurrent dropout needs its rate, as in {name}(drop=0.25), and may say on which place and for each 'step' or 'sequence'")
    return dropout(made, dropped.pop("drop"), **dropped) if dropped else made


def canonical_cell(name: str) -> str:
    """A cell's name as records carry it: no alias, arguments in order, those of dropout all written out.

    >>> canonical_cell("lstm-np( on='memory',drop=.5)")
    "lstm(drop=0.5, each='step', on='memory')"
    """
    from suite.cells import ALIASES, dropout

    base, given = names.parse_call(name)
    rate = {key: given.pop(key) for key in DROPOUT if key in given}
    if "drop" in rate:
        given |= names.arguments(dropout, {key: value for key, value in rate.items() if key != "drop"}) | {"drop": rate["drop"]}
    return names.format_call(ALIASES.get(base, base), given)


def task(name: str, **difficulty: Any) -> Task:
    """The task of a name, or of an outsider's `module:attribute` (a callable `**difficulty -> Task`, or a Task).

    Beside its own arguments every task takes `train`, the size of the training set, and `beyond`, other difficulties to be tested at.

    >>> task("adding", length=50).chance, task("adding(length=50)", train=1000).name
    (0.16666666666666666, "adding(form='halves', length=50, train=1000)")
    """
    from suite.tasks import Task
    from suite.tasks.beyond import beyond
    from suite.tasks.limited import limited

    name, written = names.parse_call(names.written(name, "task"))
    factory = task_factory(name)
    given = written | difficulty
    own = names.arguments(factory, {})
    train, others = (given.pop(more, None) if more not in own else None for more in ("train", "beyond"))
    made = _called(factory, name, given)
    if not isinstance(made, Task):
        raise ValueError(f"task '{name}' must be a callable **difficulty -> Task; it returned {type(made).__name__}")
    made = made if train is None else limited(made, train)
    return made if others is None else beyond(made, others, lambda **changed: task(name, **given | changed))


def task_factory(name: str) -> Callable[..., Task]:
    """What makes the task of a name without arguments; a Task of an outsider's is handed out as it is."""
    from suite.tasks import TASKS, Task

    found: Any = names.resolve(name, TASKS, "task")
    if isinstance(found, Task):
        return partial(_handed, found)
    if not callable(found):
        raise ValueError(f"task '{name}' cannot be called: it is a {type(found).__name__}")
    made: Callable[..., Task] = found
    return made


def _called(factory: Callable[..., Any], name: str, given: Mapping[str, Any]) -> Any:
    from suite.data import NotAvailable

    try:
        return names.call(factory, name, given, "task")
    except (ValueError, OSError, NotAvailable):
        raise
    except Exception as error:  # somebody else's function
        raise ValueError(f"task '{name}' cannot be made: {type(error).__name__}: {error}") from None


def _handed(found: Task, /) -> Task:
    return found


def either(name: str) -> Task | Callable[[int], Cell]:
    """The task of a name, or what makes the cell of it: whichever it is. A name without a colon is looked for among cells and tasks.

    >>> either("adding(length=6)").name, either("gru")(8).units
    ("adding(form='halves', length=6)", 8)
    """
    from suite.cells import CELLS
    from suite.tasks import TASKS, Task
    from suite.training.check import made

    base, given = names.parse_call(name)
    found: Any = names.resolve(base, {**CELLS, **TASKS}, "cell or task")
    if base in TASKS or isinstance(found, Task):
        return task(name)
    needed = names.missing(found, given) if callable(found) and base not in CELLS else ["units"]
    own = {key: value for key, value in given.items() if key != "train"}
    if (own and "units" not in needed) or (not needed and isinstance(_called(found, base, own), Task)):
        return task(name)
    try:
        made(partial(cell, name))  # what is no cell at all is the user's mistake, not a failed check
    except ValueError as error:
        if "it returned Task" in str(error):
            raise ValueError(f"task '{base}' needs its difficulty, as in {base}({needed[0]}=…)") from None
        raise
    return partial(cell, name)


def engine(
    name: str,
    of: Cell | Sequence[Cell] | None = None,
    on: device | None = None,
    dtype: dtype | None = None,
    refuses: Callable[[Engine, Cell, device, dtype | None], str | None] | None = None,
) -> Engine:
    """The engine of a name; `best` is the first that refuses no cell on the device in the dtype, or a Refused. `refuses` asks an engine where answers are kept."""
    from suite.engines import ENGINES

    if name == "best" and of is not None and on is not None:
        return best(of, on, dtype, refuses)
    known = ENGINES if of is None else {**ENGINES, "best": ENGINES["reference"]}
    return names.resolve(name, known, "engine")


def best(of: Cell | Sequence[Cell], on: device, dtype: dtype | None = None, refuses: Callable[[Engine, Cell, device, dtype | None], str | None] | None = None) -> Engine:
    """The first engine that refuses none of some cells; where there is none a Refused, with what each says."""
    from suite.cells import Cell
    from suite.engines import BEST, BEST_ON, ENGINES, Refused
    from suite.engines.engine import refusal

    asked, said = refuses or refusal, []
    for name in BEST_ON.get(on.type, BEST):
        sentences = (asked(ENGINES[name], cell, on, dtype) for cell in ([of] if isinstance(of, Cell) else of))
        sentence = next(filter(None, sentences), None)
        if sentence is None:
            return ENGINES[name]
        said.append(sentence)
    raise Refused(f"no engine that 'best' tries can run this: {'; '.join(said)}")


def unroll(
    cell: Cell,
    params: Mapping[str, Tensor],
    x: Tensor,
    state: Mapping[str, Tensor] | None = None,
    *,
    engine: str = "reference",
    mask: Tensor | None = None,
    noise: Mapping[str, Tensor] | None = None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """A cell over time: outputs (T, R, B, units) and every state after the last step, (R, B, width) each.

    params  flat name -> (R, *shape), all of `cell.shapes(inputs)`
    x       (T, R or 1, B, inputs); R = 1 is shared by all replicas
    state   states to start from, (R, B, width); missing ones are at the cell's `start`, or 0
    mask    (T, R or 1, B) bool; a masked step keeps the state and outputs 0
    noise   row -> (T or 1, R or 1, B, width), for the rows fed by "=noise"

    Differentiable in params, x and state. An engine that cannot run the cell raises `suite.Refused`.

    >>> import torch
    >>> lstm = cell("lstm", 4)
    >>> params = {name: torch.zeros(2, *shape) for name, shape in lstm.shapes(inputs=3).items()}
    >>> y, last = unroll(lstm, params, torch.ones(5, 1, 7, 3), engine="hoisted")
    >>> y.shape, {name: tuple(value.shape) for name, value in last.items()}
    (torch.Size([5, 2, 7, 4]), {'h': (2, 7, 4), 'c': (2, 7, 4)})
    """
    from suite.engines import checks
    from suite.engines import unroll as run

    checks.kinds(cell, params, x=x, state=state, mask=mask, noise=noise)
    if x.is_floating_point() and x.itemsize > 1 and not x.isfinite().all():
        raise ValueError(f"x has {int((~x.isfinite()).sum())} values that are not finite, of {x.numel()}")
    return run(cell, params, x, state, engine=_engine_for(engine, cell, x), mask=mask, noise=noise)


def stream(cell: Cell, params: Mapping[str, Tensor], *, engine: str = "best", inputs: int | None = None) -> Stream:
    """A cell one step at a time, the state kept by the caller: `y, state = step(x, state)`.

    x       (R, B, inputs); (1, B, inputs) or (B, inputs) is shared by all replicas. B may change from step to step
    state   what the step before returned, (R, B, width) each; missing states, and all where it is None, are at the cell's start
    y       (R, B, units), and it is the first of the states returned: change neither in place where the other is still wanted
    inputs  the width of x, where no weight tells it

    The weights are copied and laid out once: a parameter that changes needs a new stream. No gradient is taken. Rows of
    dropout are what they are on average; a cell with other noise is refused, as by an engine that cannot run it, in a
    `suite.Refused`. The steps are those of `unroll` on the same engine; whether x is finite is not looked at.

    >>> import torch
    >>> gru = cell("gru", 4)
    >>> params = {name: torch.zeros(1, *shape) for name, shape in gru.shapes(inputs=3).items()}
    >>> step, state = stream(gru, params), None
    >>> for x in torch.ones(5, 1, 3):
    ...     y, state = step(x, state)
    >>> y.shape, list(state)
    (torch.Size([1, 1, 4]), ['h'])
    """
    from suite.engines import Stream, checks

    checks.kinds(cell, params)
    like = next(iter(params.values()), None)
    return Stream(cell, params, _engine_for(engine, cell, like), inputs)


def _engine_for(name: str, of: Cell, x: Tensor | None) -> Engine:
    import torch

    return engine(name, of, torch.device("cpu"), None) if x is None else engine(name, of, x.device, x.dtype)
