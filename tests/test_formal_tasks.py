"""Formal languages and precise timing, against their rules written a second time."""

import hashlib
import itertools
import math
import re
from collections import Counter

import pytest
import torch

import suite
from suite.tasks.counting import letters
from suite.tasks.tomita import LANGUAGES

PINNED = {  # SHA-256 of x, y and mask of the first 1,000 training examples; a change of one raises the task's version
    "tomita(number=3)": "a772655f04de7465",
    "tomita(number=2, scoring='2001')": "c7d3803902f98f13",
    "anbn(high=3, low=2, test_high=8, test_low=6)": "862823e7ebab567f",
    "anbmBmAn": "03ae5a34743a1d88",
    "anbncn": "89e1e40a58b0fff4",
    "spike-delay(fixed=3, spikes=4)": "124d6dbd39a87e8e",
    "timed-spikes(fixed=3, spikes=4)": "35918c9d20e3f5ae",
    "periodic(period=7, periods=2, shape='triangle')": "a02ec6cdb38e1497",
    "two-sequence(variant='2001', length=20, relevant=1, variance=0.04)": "d24694679f904cf8",
    "parity(length=10, lengths='2001')": "df0265793790e24c",
    "periodic(period=4, shape='square')": "7434278770e5bc10",
}
INSIDE = {  # each language a second time
    1: lambda s: "0" not in s,
    2: lambda s: re.fullmatch("(10)*", s),
    3: lambda s: not any(len(one) % 2 and len(zero) % 2 for k, one in enumerate(runs(s)) if one[0] == "1" for zero in runs(s)[k:] if zero[0] == "0"),
    4: lambda s: "000" not in s,
    5: lambda s: s.count("0") % 2 == s.count("1") % 2 == 0,
    6: lambda s: (s.count("0") - s.count("1")) % 3 == 0,
    7: lambda s: re.fullmatch("0*1*0*1*", s),
}
COUNTED = {
    "anbn": lambda n: ["S" + n * "a" + n * "b" + "T"],
    "anbncn": lambda n: ["S" + n * "a" + n * "b" + n * "c" + "T"],
    "anbmBmAn": lambda n: ["S" + n * "a" + m * "b" + m * "B" + n * "A" + "T" for m in range(1, 13)],
}


def runs(text):
    return ["".join(group) for _, group in itertools.groupby(text)]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def first(name, size=64, split="train", seed=0):
    return next(suite.task(name).batches(split, size, seeded(seed)))


def written(batch):
    """The strings of a batch of bits."""
    return ["".join("01"[int(bit > 0)] for bit in batch.x[:size, k, 0]) for k, size in enumerate(batch.mask.sum(0).tolist())]


@pytest.mark.parametrize("name", PINNED)
def test_first_training_examples_are_pinned(name):
    task, hashed, left = suite.task(name), hashlib.sha256(), 1000
    for batch in task.batches("train", 200, seeded()):
        for tensor in batch:
            hashed.update(tensor.numpy().tobytes())
        left -= batch.mask.shape[1]
        if left <= 0:
            break
    assert (task.version, hashed.hexdigest()[:16]) == (1, PINNED[name])


@pytest.mark.parametrize("number", LANGUAGES)
def test_a_language_holds_the_strings_of_its_definition(number):
    for length in range(1, 12):
        words = ["".join(word) for word in itertools.product("01", repeat=length)]
        bits = torch.tensor([[int(bit) for bit in word] for word in words]).T
        mask = torch.ones(bits.shape, dtype=torch.bool)
        inside = LANGUAGES[number].accepts(bits, mask)
        assert inside.tolist() == [bool(INSIDE[number](word)) for word in words]
        assert LANGUAGES[number].ways[length, :, 0].tolist() == [int((~inside).sum()), int(inside.sum())]


def test_counterexamples_of_the_third_language():
    for word in ("0111001101", "11011100110", "10", "1110", "10001"):
        assert not INSIDE[3](word)
        bits = torch.tensor([[int(bit)] for bit in word])
        assert not LANGUAGES[3].accepts(bits, torch.ones(bits.shape, dtype=torch.bool)).any()


@pytest.mark.parametrize("scoring", ["entropy", "2001"])
@pytest.mark.parametrize("number", LANGUAGES)
def test_strings_lie_in_their_range_and_their_language(number, scoring):
    for split, low, high in (("train", 2, 7), ("validation", 2, 7), ("test", 9, 12)):
        batch = first(f"tomita(number={number}, low=2, high=7, test_low=9, test_high=12, scoring='{scoring}')", 500, split)
        words = written(batch)
        assert {len(word) for word in words} <= set(range(low, high + 1))
        assert batch.y.tolist() == [bool(INSIDE[number](word)) for word in words]


def test_classes_lengths_and_strings_are_all_as_likely():
    n = 40_000
    words = written(first("tomita(number=4, low=2, high=4)", n))
    counts = Counter(words)
    for kind, inside in ((True, 0.5), (False, 0.5)):
        by_length = {length: [word for word in counts if len(word) == length and bool(INSIDE[4](word)) == kind] for length in (2, 3, 4)}
        lengths = [length for length, found in by_length.items() if found]
        assert lengths == ([2, 3, 4] if kind else [3, 4])
        for length in lengths:
            share = inside / len(lengths) / len(by_length[length])
            assert all(counts[word] / n == pytest.approx(share, abs=4 * math.sqrt(share / n)) for word in by_length[length])
    assert len(counts) == 4 + 8 + 16


@pytest.mark.parametrize("name", COUNTED)
def test_legal_successors_are_those_of_all_strings(name):
    """What may follow a beginning is what does follow it in some string of the language."""
    kinds, language = letters(name), [word for n in range(1, 13) for word in COUNTED[name](n)]
    task = suite.task(name, low=1, high=4, test_low=6, test_high=7)
    for split, counts in (("train", range(1, 5)), ("validation", [5]), ("test", [6, 7])):
        batch = next(task.batches(split, 200, seeded()))
        seen = set()
        for k, size in enumerate(batch.mask.sum(0).tolist()):
            word = "".join(kinds[c] for c in batch.x[:size, k].argmax(-1))
            seen.add(word + "T")
            for t in range(size):
                follow = {other[t + 1] for other in language if other.startswith(word[: t + 1])}
                assert {kinds[c] for c in batch.y[t, k].nonzero()[:, 0]} == follow
        wanted = {word for n in counts for word in COUNTED[name](n)}
        assert seen == {word for word in wanted if word.count("b") in counts}


@pytest.mark.parametrize("name", COUNTED)
def test_a_string_is_accepted_only_if_every_step_is_right(name):
    task = suite.task(name, low=1, high=2, test_low=4, test_high=5)
    batch = next(task.batches("test", 50, seeded()))
    strings = batch.mask.shape[1]
    right = task.oracle(batch)
    assert task.solves(float(task.metric(right, batch)))
    for step in range(int(batch.mask[:, 0].sum())):
        for symbol in range(task.outputs):
            output = right.clone()
            output[step, 0, 0, symbol] *= -1
            score = float(task.metric(output, batch))
            assert score == pytest.approx(1 - 1 / strings)
            assert not task.solves(score)


def test_training_draws_each_string_as_often_and_test_holds_each_once():
    task = suite.task("anbn", high=4, test_low=6, test_high=9)
    lengths = Counter(size for batch in task.batches("train", 32, seeded()) for size in batch.mask.sum(0).tolist())
    assert lengths == dict.fromkeys((3, 5, 7, 9), 3200)
    assert [size for batch in task.batches("test", 3, seeded()) for size in batch.mask.sum(0).tolist()] == [13, 15, 17, 19]


def intervals(row):
    places = [t for t, value in enumerate(row) if value == 1]
    return [b - a for a, b in itertools.pairwise([-1, *places])]


def test_spike_delays_by_hand():
    batch = first("spike-delay(fixed=4, spikes=5)", 2000)
    ones = 0
    for k, size in enumerate(batch.mask.sum(0).tolist()):
        row, asked = batch.x[:size, k, 0].tolist(), batch.y[:, k].tolist()
        found = intervals(row)
        assert set(found) <= {4, 5}
        assert len(found) == 5
        assert row[-1] == 1, "a stream ends with its last spike"
        assert [value for value in asked if value == value] == [float(gap == 5) for gap in found]  # noqa: PLR0124 (not a number)
        ones += found.count(5)
    assert ones / 10_000 == pytest.approx(0.5, abs=4 * 0.5 / 100)


def test_timed_spikes_by_hand():
    batch = first("timed-spikes(fixed=4, spikes=5)", 500)
    for k, size in enumerate(batch.mask.sum(0).tolist()):
        given, wanted = batch.x[:size, k, 0].tolist(), batch.y[:size, k].tolist()
        found = intervals(wanted)
        assert given == [float(gap == 5) for gap in found for _ in range(gap)]
        assert len(found) == 5
        assert batch.y[size:, k].isnan().all()


def test_the_two_timing_tasks_turn_each_other_round():
    one, other = first("spike-delay(fixed=6, spikes=3)", 50), first("timed-spikes(fixed=6, spikes=3)", 50)
    assert torch.equal(one.x[..., 0], other.y.nan_to_num())


@pytest.mark.parametrize(("shape", "values"), [
    ("cosine", [0, 0.5, 1, 0.5]), ("triangle", [0, 0.5, 1, 0.5]), ("square", [0, 0, 1, 1]),
])  # fmt: skip
def test_waves_by_hand(shape, values):
    batch = first(f"periodic(shape='{shape}', period=4, periods=3)", 400)
    assert not batch.x.any()
    sizes = batch.mask.sum(0).tolist()
    assert set(sizes) == {12, 13, 14, 15}
    for k, size in enumerate(sizes):
        assert batch.y[:size, k].tolist() == pytest.approx([values[t % 4] for t in range(size)], abs=1e-6)


@pytest.mark.parametrize(("name", "tolerance"), [("spike-delay", 0.49), ("timed-spikes", 0.49), ("periodic", 0.3), ("periodic(tolerance=0.15)", 0.15), ("tomita(scoring='2001')", 0.1), ("parity(lengths='2001')", 0.1), ("two-sequence(variant='2001')", 0.1)])
def test_a_stream_is_right_while_each_answer_is_within_the_tolerance(name, tolerance):
    task, batch = suite.task(name), first(name, 8)
    y = batch.y if batch.y.ndim == 2 else batch.y[None]
    step, row = (~y.isnan() & (y < 0.5)).nonzero()[1].tolist()
    for off, right in ((tolerance - 1e-3, 1.0), (tolerance + 1e-3, 1 - 1 / 8)):
        output = task.oracle(batch).clone()
        (output if output.ndim == 4 else output[None])[step, 0, row, 0] = torch.tensor(float(y[step, row]) + off).logit()
        assert float(task.metric(output, batch)) == right


@pytest.mark.parametrize("name", ["parity(length=50, lengths='2001')", "two-sequence(variant='2001', length=50, relevant=1, variance=0.04)", "latch(length=50, variance=0.04)"])
def test_tasks_of_weight_guessing_by_hand(name):
    batch = first(name, 2000)
    sizes = batch.mask.sum(0)
    assert set(sizes.tolist()) == set(range(50, 61))
    x = batch.x[..., 0]
    if "parity" in name:
        ones = ((x == 1) & batch.mask).sum(0)
        assert set(x[batch.mask].tolist()) == {-1.0, 1.0}
        assert torch.equal(batch.y, (ones % 2).to(batch.y.dtype))
    else:
        noise = x[1:][batch.mask[1:]].double()
        assert float(noise.std()) == pytest.approx(0.2, rel=4 / math.sqrt(2 * len(noise)))
        assert torch.equal(x[0] > 0, batch.y > 0)
        assert set(batch.y.tolist()) == {-1.0 if "latch" in name else 0.0, 1.0}
        assert set(x[0].tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize(("name", "sentence"), [
    ("parity(lengths='2001', supervision='every')", "parity with lengths '2001' is asked at the last step"),
    ("two-sequence(variance=0)", "two-sequence needs a variance above 0, not 0"),
    ("latch(variance=-1.0)", "latch needs a variance above 0, not -1.0"),
    ("tomita(number=8)", "tomita has the languages 1 to 7, not 8"),
    ("tomita(low=0)", "tomita needs lengths from 1 to 1,000"),
    ("tomita(number=2, high=1)", "tomita language 2 holds none or all of the strings of 1 to 1 bits"),
    ("tomita(scoring='1997')", "tomita needs scoring 'entropy' or '2001', not '1997'"),
    ("anbn(high=20)", "anbn needs counts from 1, two or more from low to high, then one or more for validation"),
    ("anbmBmAn(test_high=5000)", "anbmBmAn with counts up to 5,000 has 24,850,225 strings in a split"),
    ("anbnc", "unknown task 'anbnc'; did you mean 'anbncn'?"),
    ("spike-delay(fixed=1)", "spike-delay needs a fixed interval of 2 or more steps"),
    ("timed-spikes(spikes=0)", "timed-spikes needs a fixed interval of 2 or more steps and 1 or more spikes"),
    ("periodic(shape='sine')", "periodic has the shapes 'cosine', 'triangle', 'square', not 'sine'"),
    ("periodic(period=1)", "periodic needs a period of 2 or more steps"),
    ("periodic(tolerance=0.5)", "periodic needs a tolerance above 0 and below 0.5, at which a constant is always right, not 0.5"),
])  # fmt: skip
def test_mistakes_are_told_in_a_sentence(name, sentence):
    with pytest.raises(ValueError) as raised:
        suite.task(name)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)
