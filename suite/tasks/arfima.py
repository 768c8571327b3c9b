"""A series with long memory: ARFIMA, whose autocovariance falls off like a power of the lag and sums to infinity.

    φ(L) (1 - L)^d x(t) = θ(L) ε(t)        φ(L) = 1 - ar₁ L - ar₂ L² …, θ(L) = 1 + ma₁ L + ma₂ L² …, ε from N(0, 1)

L is the step back, (1 - L)^d the power series of fractional differencing, 0 < d < 1/2. Input: `length` values of the stationary
series (I = 1). Answer: the next value (O = 1), asked at every step; mean squared error, of which 1 is noise.

    d=0.4        autocorrelations 0.667 0.583 0.538 0.509 … 0.267 at lag 100, falling like k^(2d - 1)

Without `ar` and `ma`, γ(0) = Γ(1 - 2d) / Γ(1 - d)², γ(k) = γ(k - 1) (k - 1 + d) / (k - d) (Hosking 1981); with them, the impulse
response of θ / φ is laid over it. A series is drawn by the Cholesky factor of its autocovariance, so it is stationary from its
first value and exact at every lag. The oracle is the best predictor, which weighs all values so far, the rows of the factor's
inverse; `best` is its error in the mean, squares of the factor's diagonal. `chance` is γ(0).

`solved` is the error of the best predictor that sees ten values: a network has to remember further back (our threshold). Zhao et
al. (2020) hold that RNN and LSTM have no long memory; their figures are of one series of about 4,000 values, whose coefficients we
have not seen, here every sequence is new.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from suite.names import format_call
from suite.tasks import scores
from suite.tasks.streams import drawn
from suite.tasks.task import Batch, Task

LONGEST = 2000  # steps: the factor grows with their square
LEAST = 1e-6  # by which share chance, solved and the best must lie apart
SEEN = 10  # values, of the predictor that a network has to beat
FORGOTTEN, RESPONSE = 1e-14, 10_000  # an impulse response ends where it is this small, and must do so within so many steps

Coefficients = tuple[float, ...]


class Law(NamedTuple):
    """What decides a series of T + 1 values: its factor (T + 1, T + 1), how the next is predicted from those before (T, T), and the errors of that (T + 1,)."""

    factor: Tensor
    weights: Tensor
    errors: Tensor


def arfima(length: int = 200, d: float = 0.4, ar: Coefficients = (), ma: Coefficients = ()) -> Task:
    """Series of `length` values, fractionally integrated of order `d`.

    >>> task = arfima(length=100)
    >>> round(task.chance, 3), round(task.solved, 3), round(task.best, 3)
    (2.07, 1.019, 1.008)
    """
    ar, ma = (checked(name, values) for name, values in (("ar", ar), ("ma", ma)))
    if not isinstance(length, int) or not SEEN < length <= LONGEST:
        raise ValueError(f"arfima needs a length from {SEEN + 1} to {LONGEST:,}, not {length!r}")
    if isinstance(d, bool) or not isinstance(d, int | float) or not 0 < d < 0.5:
        raise ValueError(f"arfima needs d between 0 and 0.5: at 0 there is no long memory, and at 0.5 no variance; not {d!r}")
    law = law_of(length, float(d), ar, ma)
    chance, solved, best = float(law.errors[0]), float(law.errors[torch.arange(1, length + 1).clamp(max=SEEN)].mean()), float(law.errors[1:].mean())
    if not best * (1 + LEAST) < solved < chance / (1 + LEAST):
        raise ValueError(f"arfima of d={d!r} has too little memory to ask for: chance {chance:.6g}, the best {best:.6g}, and {solved:.6g} with {SEEN} values seen")

    def draw(n: int, generator: torch.Generator) -> Batch:
        series = (law.factor @ torch.randn(length + 1, n, generator=generator, dtype=torch.float64)).to(torch.get_default_dtype())
        return Batch(series[:-1, :, None], series[1:], torch.ones(length, n, dtype=torch.bool))

    return Task(
        name=format_call("arfima", {"length": length, "d": d, "ar": ar, "ma": ma}),
        batches=drawn(draw),
        inputs=1,
        outputs=1,
        loss=scores.squared_error,
        metric=scores.squared_error,
        oracle=lambda batch: (law.weights @ batch.x[..., 0].double()).to(batch.x.dtype)[:, None, :, None],
        chance=chance,
        solved=solved,
        better="lower",
        measure="mean squared error",
        version=1,
        data=None,
        paper="hosking1981",
        supervision="every",
        answer="number",
        best=best,
    )


def checked(name: str, values: object) -> Coefficients:
    """Coefficients as a tuple of floating numbers, or a ValueError."""
    listed = values if isinstance(values, tuple | list) else (values,)
    if not all(isinstance(v, int | float) and not isinstance(v, bool) and math.isfinite(v) for v in listed):
        raise ValueError(f"arfima needs {name} as numbers, (0.7, -0.4), not {values!r}")
    return tuple(map(float, listed))


@cache
def law_of(length: int, d: float, ar: Coefficients, ma: Coefficients) -> Law:
    """The law of a series of one more than `length` values."""
    covariance = torch.from_numpy(autocovariance(d, ar, ma, length))
    lag = (torch.arange(length + 1)[:, None] - torch.arange(length + 1)).abs()
    factor = torch.linalg.cholesky(covariance[lag])
    scale = factor.diagonal()
    unit = torch.linalg.solve_triangular(factor / scale, torch.eye(length + 1, dtype=torch.float64), upper=False, unitriangular=True)
    return Law(factor, -unit[1:, :-1].tril(), scale.square())


def autocovariance(d: float, ar: Coefficients, ma: Coefficients, most: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """γ(0) … γ(most), of noise of variance 1.

    >>> (autocovariance(0.25, (), (), 2) / autocovariance(0.25, (), (), 0)).round(4).tolist()
    [1.0, 0.3333, 0.2381]
    """
    response = impulse(ar, ma)
    reach = len(response) - 1
    lag = np.arange(1, most + reach + 1)
    first = math.exp(math.lgamma(1 - 2 * d) - 2 * math.lgamma(1 - d))
    fractional = first * np.concatenate([[1.0], np.cumprod((lag - 1 + d) / (lag - d))])
    around = np.concatenate([fractional[reach:0:-1], fractional])  # lags -reach … most + reach
    return np.convolve(around, np.correlate(response, response, "full"), "valid")


def impulse(ar: Coefficients, ma: Coefficients) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """θ(L) / φ(L) as a power series, until nothing is left of it."""
    from scipy.signal import lfilter

    shock = np.zeros(RESPONSE if ar else 1 + len(ma))
    shock[0] = 1.0
    response = lfilter([1.0, *ma], [1.0, *(-a for a in ar)], shock)
    large = np.flatnonzero(~(np.abs(response) < FORGOTTEN))
    if ar and large[-1] >= RESPONSE - 1 - len(ar):
        raise ValueError(f"arfima needs ar under which a shock is forgotten within {RESPONSE:,} steps: the series of {ar} is not stationary, or nearly not")
    found: np.ndarray[tuple[int], np.dtype[np.float64]] = response[: large[-1] + 1]
    return found
