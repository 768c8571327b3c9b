"""A small synthetic translation: words change their places, and agree across a relative clause.

Input: a sentence of one language, word by word as tokens (T, B), the go symbol, then its translation so far. Answer: the
translation, then its end, asked from the go symbol on.

    S  -> (adverb) NP (that verb NP) verb NP    NP  -> determiner adjective* noun
    S' -> NP' (that' NP' verb') NP' (adverb') verb'    NP' -> noun' adjective'* determiner'

    some old dog that see a fish like a red cat  ->  kutun geron don kwon halu da vident gatu ruba da ament

The determiner tells the number (a, some); of the nouns every other one has the second gender. Nouns agree in number,
determiners and adjectives in number and gender with their noun, both verbs in number and the relative pronoun in both with the
subject of the main clause; adjectives come in reverse order. The source is not inflected: one of 26 words each, one of 63 in the
translation. Every word has one translation, so the target is a function of the source, as long as it, and the oracle is perfect.

Whether there are an adverb and a clause, how many adjectives, and then each word: every possibility is as likely. The grammar is
ours; encoder, decoder and the reversed source are those of Sutskever et al. (2014). Teacher forcing, and why the score is that of
greedy decoding: `suite.tasks.source_target`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor

from suite.tasks.source_target import Numbers, Rules, Source, translating
from suite.tasks.task import Task


class Kind(NamedTuple):
    """Words of one kind, the stems of their translations, and the endings by number, or by gender and number."""

    words: tuple[str, ...]
    stems: tuple[str, ...]
    endings: tuple[str, ...]


BOTH = ("o", "on", "a", "an")  # first gender, singular and plural, then the second
KINDS = {
    "adverb": Kind(("often", "never", "today"), ("lume", "nike", "keste"), ("",)),
    "determiner": Kind(("a", "some"), ("d",), BOTH),
    "adjective": Kind(("old", "big", "red", "wise", "tired", "small"), ("ger", "mag", "rub", "sap", "lan", "pet"), BOTH),
    "noun": Kind(("dog", "cat", "bird", "fox", "child", "fish", "horse", "snake"), ("kut", "gat", "vog", "ref", "lap", "hal", "kab", "orm"), ("u", "un")),
    "that": Kind(("that",), ("kw",), BOTH),
    "verb": Kind(("see", "like", "chase", "follow", "fear", "hear"), ("vid", "am", "jag", "seg", "tim", "aud"), ("es", "ent")),
}
SOURCE = [word for kind in KINDS.values() for word in kind.words]
TARGET = [stem + ending for kind in KINDS.values() for stem in kind.stems for ending in kind.endings]
NUMBERS = Numbers(go=len(SOURCE) + len(TARGET), end=len(TARGET), shift=len(SOURCE))
PLACE = {name: k for k, name in enumerate(KINDS)}
ORDER = {"subject": 0, "that": 1, "object of the clause": 2, "verb of the clause": 3, "object": 4, "adverb": 5, "verb": 6}  # of a translation


def translation(adjectives: int = 2, clauses: bool = True, source: Source = "forward") -> Task:
    """Sentences of up to `adjectives` adjectives a noun, with relative clauses or without.

    >>> x, y, _ = next(translation().batches("train", 1, torch.Generator().manual_seed(0)))
    >>> print(said(x[:, 0]), "->", answered(y[:, 0]))
    some cat that see some big big cat hear some small big child -> gatun dan kwan gatun magan magan dan vident lapun magon peton don audent
    """
    if not isinstance(adjectives, int) or not 0 <= adjectives <= 100:
        raise ValueError(f"translation needs from 0 to 100 adjectives a noun at most, not {adjectives!r}")
    given = {"adjectives": adjectives, "clauses": clauses, "source": source}
    return translating("translation", given, Rules(sentences(adjectives, clauses), translated, NUMBERS), NUMBERS.go + 1, NUMBERS.end + 1, embedded=True)


def sentences(adjectives: int, clauses: bool) -> Callable[[int, torch.Generator], tuple[Tensor, Tensor]]:
    """What draws n sentences: word numbers (S, n) and their sizes."""
    phrase = ["determiner", *["adjective"] * adjectives, "noun"]
    slots = ["adverb", *phrase, "that", "verb", *phrase, "verb", *phrase]
    firsts = first_numbers(kind.words for kind in KINDS.values())
    clause = range(1 + len(phrase), 3 + 2 * len(phrase))
    starts = (1, clause.start + 2, clause.stop + 1)

    def draw(n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        words = torch.stack([firsts[PLACE[kind]] + torch.randint(len(KINDS[kind].words), (n,), generator=generator) for kind in slots])
        there = torch.ones(words.shape, dtype=torch.bool)
        there[0], with_clause = torch.randint(2, (2, n), generator=generator).bool()
        for start in starts:
            there[start + 1 : start + 1 + adjectives] = torch.arange(adjectives)[:, None] < torch.randint(adjectives + 1, (n,), generator=generator)
        there[clause.start : clause.stop] &= with_clause & clauses
        return words.gather(0, (~there).to(torch.uint8).argsort(dim=0, stable=True)), there.sum(0)

    return draw


def translated(source: Tensor, sizes: Tensor) -> Tensor:
    """The translations of sentences (S, B), word by word in their new order; what follows a sentence is no word of it."""
    step = torch.arange(len(source), device=source.device)[:, None]
    within = step < sizes
    words = torch.where(within, source, 0)
    kind, lemma = torch.where(within, KIND[words], -1), LEMMA[words]
    phrase = (kind == PLACE["determiner"]).cumsum(0).clamp(min=1)
    about_subject = (kind == PLACE["that"]) | (kind == PLACE["verb"])
    owner = torch.where(about_subject, 1, phrase)
    number, gender = (_of_phrase(phrase, kind == PLACE[name], trait)[owner, torch.arange(source.shape[1])] for name, trait in (("determiner", lemma), ("noun", lemma % 2)))
    form = torch.where(FORMS[kind] == len(BOTH), 2 * gender + number, torch.where(FORMS[kind] == 2, number, 0))
    stem = torch.where(kind == PLACE["determiner"], 0, lemma)
    key = _place(kind, phrase) * 4 * len(source) + _rank(kind, step)
    return (FIRST[kind] + stem * FORMS[kind] + form).gather(0, torch.where(within, key, 99 * len(source)).argsort(0))


def _of_phrase(phrase: Tensor, there: Tensor, trait: Tensor) -> Tensor:
    """A trait of each noun phrase, (phrases, B), which it has from one of its words."""
    return torch.zeros(int(phrase.max()) + 1, phrase.shape[1], dtype=torch.int64).scatter_add(0, phrase, torch.where(there, trait, 0))


def _place(kind: Tensor, phrase: Tensor) -> Tensor:
    """Which part of the translation each word stands in."""
    clause = (kind == PLACE["that"]).any(0)
    verbs = (kind == PLACE["verb"]).cumsum(0)
    of_noun = torch.where(phrase == 1, ORDER["subject"], torch.where(clause & (phrase == 2), ORDER["object of the clause"], ORDER["object"]))
    of_verb = torch.where(clause & (verbs == 1), ORDER["verb of the clause"], ORDER["verb"])
    found = torch.where(kind == PLACE["verb"], of_verb, of_noun)
    for name in ("that", "adverb"):
        found = torch.where(kind == PLACE[name], ORDER[name], found)
    return found


def _rank(kind: Tensor, step: Tensor) -> Tensor:
    """The order within a noun phrase: the noun, its adjectives from the last to the first, the determiner."""
    return torch.where(kind == PLACE["adjective"], len(step) - step, torch.where(kind == PLACE["determiner"], 2 * len(step), 0))


def first_numbers(parts: Iterable[Iterable[str]]) -> list[int]:
    """The number of the first word of each kind.

    >>> first_numbers([("a", "b"), ("c",), ("d",)])
    [0, 2, 3]
    """
    sizes = [len(list(part)) for part in parts]
    return [sum(sizes[:k]) for k in range(len(sizes))]


KIND = torch.tensor([PLACE[name] for name, kind in KINDS.items() for _ in kind.words])
LEMMA = torch.tensor(list(chain.from_iterable(range(len(kind.words)) for kind in KINDS.values())))
FORMS = torch.tensor([len(kind.endings) for kind in KINDS.values()])
FIRST = torch.tensor(first_numbers([stem + ending for stem in kind.stems for ending in kind.endings] for kind in KINDS.values()))


def said(x: Tensor) -> str:
    """The source sentence of one example's tokens (T,)."""
    tokens = x.tolist()
    return " ".join(SOURCE[k] for k in tokens[: tokens.index(NUMBERS.go)])


def answered(y: Tensor) -> str:
    """The translation in one example's answers (T,)."""
    return " ".join(TARGET[k] for k in y.tolist() if 0 <= k < NUMBERS.end)
