"""Standard tasks behind one interface. Imports data and nothing else of ours but names."""

from collections.abc import Callable

from suite.tasks.adding import adding
from suite.tasks.airline import airline
from suite.tasks.arfima import arfima
from suite.tasks.associative_recall import associative_recall
from suite.tasks.chunker import chunker
from suite.tasks.continual_reber import continual_reber
from suite.tasks.copying import copy
from suite.tasks.counting import anbmbman, anbn, anbncn
from suite.tasks.dynamic_n_grams import dynamic_n_grams
from suite.tasks.iam_ondb import iam_ondb
from suite.tasks.images import digits_pixels, digits_rows, mnist_permuted, mnist_pixels, mnist_rows
from suite.tasks.imdb import imdb
from suite.tasks.japanese_vowels import japanese_vowels
from suite.tasks.latch import latch
from suite.tasks.long_lag import long_lag_2a, long_lag_2b, long_lag_2c
from suite.tasks.multiplication import multiplication
from suite.tasks.music import jsb, musedata, nottingham, piano_midi
from suite.tasks.ntm_copy import ntm_copy
from suite.tasks.parity import parity
from suite.tasks.pendigits import pendigits
from suite.tasks.periodic import periodic
from suite.tasks.priority_sort import priority_sort
from suite.tasks.reber import reber
from suite.tasks.repeat_copy import repeat_copy
from suite.tasks.reverse import reverse
from suite.tasks.sine import sine
from suite.tasks.sort_digits import sort_digits
from suite.tasks.spikes import spike_delay, timed_spikes
from suite.tasks.spoken_digits import spoken_digits
from suite.tasks.task import Batch, Source, Task
from suite.tasks.temporal_order import temporal_order
from suite.tasks.text import tiny_shakespeare, wikitext2
from suite.tasks.timit import timit
from suite.tasks.tomita import tomita
from suite.tasks.translation import translation
from suite.tasks.two_sequence import two_sequence
from suite.tasks.xor_delayed import xor_delayed

TASKS: dict[str, Callable[..., Task]] = {
    "digits-rows": digits_rows,
    "digits-pixels": digits_pixels,
    "mnist-rows": mnist_rows,
    "mnist-pixels": mnist_pixels,
    "mnist-permuted": mnist_permuted,
    "imdb": imdb,
    "parity": parity,
    "xor-delayed": xor_delayed,
    "adding": adding,
    "multiplication": multiplication,
    "temporal-order": temporal_order,
    "copy": copy,
    "reber": reber,
    "continual-reber": continual_reber,
    "long-lag-2a": long_lag_2a,
    "long-lag-2b": long_lag_2b,
    "long-lag-2c": long_lag_2c,
    "two-sequence": two_sequence,
    "latch": latch,
    "chunker": chunker,
    "tomita": tomita,
    "anbn": anbn,
    "anbmBmAn": anbmbman,
    "anbncn": anbncn,
    "spike-delay": spike_delay,
    "timed-spikes": timed_spikes,
    "periodic": periodic,
    "wikitext2": wikitext2,
    "tiny-shakespeare": tiny_shakespeare,
    "jsb": jsb,
    "nottingham": nottingham,
    "musedata": musedata,
    "piano-midi": piano_midi,
    "spoken-digits": spoken_digits,
    "japanese-vowels": japanese_vowels,
    "pendigits": pendigits,
    "timit": timit,
    "iam-ondb": iam_ondb,
    "ntm-copy": ntm_copy,
    "repeat-copy": repeat_copy,
    "associative-recall": associative_recall,
    "dynamic-n-grams": dynamic_n_grams,
    "priority-sort": priority_sort,
    "sine": sine,
    "airline": airline,
    "arfima": arfima,
    "reverse": reverse,
    "sort-digits": sort_digits,
    "translation": translation,
}

__all__ = ["TASKS", "Batch", "Source", "Task"]
