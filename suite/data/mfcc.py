"""Mel-frequency cepstral coefficients (Davis and Mermelstein 1980), with their slopes.

    samples  --emphasis-->  x(t) - 0.97 x(t-1)
             --frames---->  25 ms, one every 10 ms, a Hamming window, what does not fill a frame left out
             --power----->  |DFT|^2 / size, the size a power of two
             --bands----->  26 triangles, equally wide on the mel scale, from 0 to half the rate
             --log, DCT-->  orthonormal, of type II; the first coefficients, c0 among them

Mel is 2595 log10(1 + f / 700). A band weaker than FLOOR is taken to be FLOOR: below the rounding of 16-bit samples. No lifter,
which standardised inputs would undo. Own code, because what computes the same is either heavy beside what it does (torchaudio is tied to one release
of torch, librosa brings a compiler) or no longer kept (python_speech_features); the transforms are NumPy's and SciPy's.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

EMPHASIS, WINDOW, STEP, BANDS, FLOOR = 0.97, 0.025, 0.010, 26, 1.0
REACH = 2  # frames on each side from which a slope is taken


def framed(samples: Array, rate: int) -> Array:
    """Frames (N, window) of a signal, at least one: a shorter signal is filled up with zeros.

    >>> framed(np.arange(8000), 8000).shape, framed(np.arange(5), 8000).shape
    ((98, 200), (1, 200))
    """
    window, step = round(WINDOW * rate), round(STEP * rate)
    samples = np.pad(samples, (0, max(window - len(samples), 0)))
    found: Array = np.lib.stride_tricks.sliding_window_view(samples, window)[::step]
    return found


def emphasised(samples: Array) -> Array:
    """Each sample less 0.97 of the one before."""
    found: Array = np.array(samples, dtype=np.float64)
    found[1:] -= EMPHASIS * found[:-1]
    return found


def power(frames: Array) -> Array:
    """The share of a frame's power at each of size / 2 + 1 frequencies; with the mirrored ones they sum to the power of the samples (Parseval)."""
    size = 1 << (frames.shape[1] - 1).bit_length()
    found: Array = np.abs(np.fft.rfft(frames, size)) ** 2 / size
    return found


def mel(frequency: Array) -> Array:
    """Hertz to mel.

    >>> np.round(mel(np.array([0.0, 1000.0])), 1).tolist()
    [0.0, 1000.0]
    """
    return 2595 * np.log10(1 + frequency / 700)


@cache
def bands(rate: int, size: int) -> Array:
    """The weights of the bands (26, size / 2 + 1): each rises from the middle of the band before to 1 and falls to the middle of the next."""
    edges = np.linspace(0, mel(np.array(rate / 2)), BANDS + 2)
    place = mel(np.arange(size // 2 + 1) * rate / size)[None]
    low, middle, high = (edges[k : k + BANDS, None] for k in range(3))
    found: Array = np.minimum((place - low) / (middle - low), (high - place) / (high - middle)).clip(min=0)
    return found


def mfcc(samples: Array, rate: int, coefficients: int) -> Array:
    """The first cepstral coefficients c0, c1, … of every frame, (N, coefficients).

    >>> mfcc(np.sin(np.arange(8000)), 8000, 13).shape
    (98, 13)
    """
    from scipy.fft import dct

    frames = framed(emphasised(samples), rate) * np.hamming(round(WINDOW * rate))
    spectrum = power(frames)
    energies = spectrum @ bands(rate, 2 * (spectrum.shape[1] - 1)).T
    found: Array = dct(np.log(np.maximum(energies, FLOOR)), type=2, norm="ortho")[:, :coefficients]
    return found


def energy(samples: Array, rate: int) -> Array:
    """The logarithm of the sum of the squared samples of every frame, (N, 1)."""
    found: Array = np.log(np.maximum((framed(np.asarray(samples, dtype=np.float64), rate) ** 2).sum(1, keepdims=True), FLOOR))
    return found


def slopes(frames: Array) -> Array:
    """The slope of every column over five frames by least squares, the first and the last frame standing for those that are missing.

    >>> slopes(np.array([[0.0], [2.0], [4.0], [6.0], [8.0]])).ravel().tolist()
    [1.0, 1.6, 2.0, 1.6, 1.0]
    """
    n = len(frames)
    padded = np.pad(frames, ((REACH, REACH), (0, 0)), mode="edge")
    weighed = sum(k * (padded[REACH + k : REACH + k + n] - padded[REACH - k : REACH - k + n]) for k in range(1, REACH + 1))
    found: Array = weighed / (2 * sum(k * k for k in range(1, REACH + 1)))
    return found


def with_slopes(frames: Array) -> Array:
    """Columns, their slopes, and the slopes of these: (N, 3 columns) float32."""
    first = slopes(frames)
    found: Array = np.concatenate([frames, first, slopes(first)], 1).astype(np.float32)
    return found
