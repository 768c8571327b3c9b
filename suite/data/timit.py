"""TIMIT from a licensed copy: frames of cepstra and the phone of each, in the split of the literature.

    TRAIN/DR1/FCJF0/SI1027.WAV     16 kHz, NIST SPHERE or RIFF; folders may lie deeper, names may be of either case
    TRAIN/DR1/FCJF0/SI1027.PHN     0 3050 h#
                                   3050 4559 sh

The two sentences that every speaker reads (SA) are left out. 462 speakers of TRAIN train: 3,696 utterances. The 24 speakers of the core
test set test: 192. 50 other speakers of TEST validate: 400; they are those of Halberstadt (1998). Both lists are those of the recipes of Kaldi
(egs/timit), compared with two copies of them. No speaker stands in two splits.

A frame (39) holds c1 … c12 and the logarithm of the energy, then their slopes and the slopes of these (`suite.data.mfcc`): windows of 25 ms, one
every 10 ms. Its phone is the one that is said in the middle of its window.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from suite.data.manifest import DataError
from suite.data.mfcc import STEP, WINDOW, energy, mfcc, with_slopes
from suite.data.sound import samples

RATE, CEPSTRA = 16_000, 12
CORE = "mdab0 mwbt0 felc0 mtas1 mwew0 fpas0 mjmp0 mlnt0 fpkt0 mlll0 mtls0 fjlm0 mbpm0 mklt0 fnlp0 mcmj0 mjdh0 fmgd0 mgrt0 mnjm0 fdhc0 mjln0 mpam0 fmld0"
VALIDATION = (
    "faks0 fdac1 fjem0 mgwt0 mjar0 mmdb1 mmdm2 mpdf0 fcmh0 fkms0 mbdg0 mbwm0 mcsh0 fadg0 fdms0 fedw0 mgjf0 mglb0 mrtk0 mtaa0 mtdt0 mthc0 mwjg0 fnmr0 frew0 "
    "fsem0 mbns0 mmjr0 mdls0 mdlf0 mdvc0 mers0 fmah0 fdrw0 mrcs0 mrjm4 fcal1 mmwh0 fjsj0 majc0 mjsw0 mreb0 fgjd0 fjmg0 mroa0 mteb0 mjfc0 mrjr0 fmml0 mrws1"
)
SPEAKERS = {"validation": frozenset(VALIDATION.split()), "test": frozenset(CORE.split())}
# the 39 groups of Lee and Hon (1989); the first names a group, and q belongs to none
GROUPS = (
    "aa ao|ae|ah ax ax-h|aw|ay|b|ch|d|dh|dx|eh|er axr|ey|f|g|hh hv|ih ix|iy|jh|k|l el|m em|n en nx|ng eng|ow|oy|p|r|s|sh zh|t|th|uh|uw ux|v|w|y|z|h# pau epi bcl dcl gcl pcl tcl kcl"
)
PHONES = tuple(sorted([*GROUPS.replace("|", " ").split(), "q"]))
NUMBER = {phone: k for k, phone in enumerate(PHONES)}


def folded() -> list[int]:
    """The group of each of the 61 phones, from 0 to 38; -1 of q.

    >>> [PHONES[k] for k, group in enumerate(folded()) if group == 22], len(set(folded()) - {-1})
    (['en', 'n', 'nx'], 39)
    """
    group = {phone: k for k, names in enumerate(GROUPS.split("|")) for phone in names.split()}
    return [group.get(phone, -1) for phone in PHONES]


def files(place: Path, split: str) -> list[Path]:
    """Sound and phones of every utterance of a split, one after the other."""
    found: list[Path] = []
    for folder, _, names in sorted(os.walk(place)):
        *above, speaker = (part.lower() for part in ("", *Path(folder).relative_to(place).parts))
        if "train" in above if split == "train" else "test" in above and speaker in SPEAKERS[split]:
            found += utterances(Path(folder), names)
    return found


def utterances(folder: Path, names: list[str]) -> list[Path]:
    """Sound and phones of what one speaker says; of two sounds for one (SA1.WAV, SA1.WAV.wav) the one of the shorter name."""
    sounds, phones = ({_sentence(name): folder / name for name in sorted(names, key=len, reverse=True) if name.lower().endswith(suffix)} for suffix in (".wav", ".phn"))
    kept = sorted(sentence for sentence in sounds if not sentence.startswith("sa"))
    for sentence in kept:
        if sentence not in phones:
            raise DataError(f"timit: '{sounds[sentence]}' has no file of phones (.PHN) beside it")
    return [file for sentence in kept for file in (sounds[sentence], phones[sentence])]


def _sentence(name: str) -> str:
    return name.lower().partition(".")[0]


def rows(found: list[Path]) -> Iterator[dict[str, Any]]:
    """The utterances of some files: frames (T, 39) float32, and the number of the phone of each."""
    for sound, labels in zip(found[::2], found[1::2], strict=True):
        try:
            rate, signal = samples(sound.read_bytes())
            if rate != RATE:
                raise ValueError(f"{rate} samples a second, not {RATE}")
            frames = np.concatenate([mfcc(signal, rate, CEPSTRA + 1)[:, 1:], energy(signal, rate)], 1)
        except ValueError as error:
            raise DataError(f"timit: cannot read '{sound}': {error}") from None
        try:
            phones = said(labels.read_text(encoding="latin-1"), len(frames))
        except (ValueError, KeyError, IndexError) as error:
            raise DataError(f"timit: cannot read '{labels}': {type(error).__name__}: {error}") from None
        yield {"frames": with_slopes(frames), "phones": phones}


def said(text: str, frames: int) -> list[int]:
    r"""The phone in the middle of each of so many frames, from lines of first sample, first of the next phone, and phone.

    >>> [PHONES[k] for k in said("0 360 h#\n360 650 q\n650 3000 ae", 5)]
    ['h#', 'q', 'q', 'ae', 'ae']
    """
    lines = [line.split() for line in text.splitlines() if line.strip()]
    ends, phones = np.array([int(line[1]) for line in lines]), np.array([NUMBER[line[2]] for line in lines])
    middle = np.arange(frames) * round(STEP * RATE) + round(WINDOW * RATE) // 2
    found: list[int] = phones[np.searchsorted(ends, middle, side="right").clip(max=len(ends) - 1)].tolist()
    return found
