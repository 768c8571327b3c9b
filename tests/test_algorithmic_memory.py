"""The tasks of Graves et al. (2014) do what the paper says, example by example, and are as wide as its networks."""

import hashlib
import importlib
import math
from itertools import product

import pytest
import torch

import suite
from suite.tasks import Batch
from suite.tasks.bits import bits_per_sequence, entropy
from suite.tasks.dynamic_n_grams import counted, optimum, sequences
from suite.tasks.published import figures
from suite.tasks.task import asked

PINNED = {  # SHA-256 of x, y and mask of the first 1,000 training examples; a change of one raises the task's version
    "ntm-copy(bits=3, longest=4)": "4f3569872648a964",
    "repeat-copy(bits=2, longest=3, repeats=4)": "c575f8d1bb6636fc",
    "associative-recall(bits=4, item=2, items=5)": "16df59bf1f7bebb3",
    "dynamic-n-grams(context=3, length=40)": "d1361ddad9724803",
    "priority-sort(bits=3, given=6, returned=4)": "88d440d6fca12f1f",
}
NAMES = ["ntm-copy", "repeat-copy", "associative-recall", "dynamic-n-grams", "priority-sort"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def first(name, size=200, split="train", seed=0):
    return next(suite.task(name).batches(split, size, seeded(seed)))


def uniform(drawn, low, high):
    """Every number from low to high comes, and as often as any other, within 5 standard errors."""
    counts = torch.bincount(torch.as_tensor(drawn) - low, minlength=high - low + 1)
    expected = len(drawn) / len(counts)
    assert len(counts) == high - low + 1
    assert float((counts - expected).abs().max()) < 5 * math.sqrt(expected)


def examples(name, size=300, **more):
    """Each example as plain Python: what is shown a step, and what is asked a step, None where nothing is."""
    batch = first(name, size, **more)
    wanted = asked(batch)
    for row, end in enumerate(batch.mask.sum(0).tolist()):
        y = [answer if there else None for answer, there in zip(batch.y[:end, row].tolist(), wanted[:end, row].tolist(), strict=True)]
        yield batch.x[:end, row].tolist(), y


@pytest.mark.parametrize("name", PINNED)
def test_first_training_examples_are_pinned(name):
    task, hashed, left = suite.task(name), hashlib.sha256(), 1000
    for batch in task.batches("train", 200, seeded()):
        for tensor in batch:
            hashed.update(tensor.numpy().tobytes())
        left -= batch.mask.shape[1]
        if left <= 0:
            break
    assert (task.name, task.version, hashed.hexdigest()[:16]) == (name, 1, PINNED[name])


def test_copy_by_hand():
    sizes = []
    for x, y in examples("ntm-copy(longest=5, bits=3)", 2000):
        assert x[0] == [0, 0, 0, 1, 0]
        size = x.index([0, 0, 0, 0, 1]) - 1
        vectors = [step[:3] for step in x[1 : size + 1]]
        assert all(step[3:] == [0, 0] for step in x[1 : size + 1])
        assert x[size + 2 :] == [[0] * 5] * size
        assert y == [None] * (size + 2) + vectors
        sizes.append(size)
    uniform(sizes, 1, 5)


def test_repeat_copy_by_hand():
    sizes, numbers = [], []
    for x, y in examples("repeat-copy(longest=4, repeats=5, bits=2)", 2000):
        flags = [k for k, step in enumerate(x) if step[2]]
        assert flags[0] == 0
        assert len(flags) == 2
        said = flags[1]
        vectors = [step[:2] for step in x[1:said]]
        assert x[said][:2] == [0, 0]
        assert all(step[3] == 0 for k, step in enumerate(x) if k != said)
        times = round(x[said][3] * math.sqrt(2) + 3)  # 1 … 5 have mean 3 and variance 2
        assert abs(x[said][3] * math.sqrt(2) + 3 - times) < 1e-6
        assert x[said + 1 :] == [[0] * 4] * (len(vectors) * times + 1)
        assert y == [None] * (said + 1) + [[*vector, 0] for vector in vectors] * times + [[0, 0, 1]]
        sizes.append(len(vectors))
        numbers.append(times)
    uniform(sizes, 1, 4)
    uniform(numbers, 1, 5)
    uniform([5 * (size - 1) + number - 1 for size, number in zip(sizes, numbers, strict=True)], 0, 19)


def test_the_number_of_repeats_has_mean_0_and_variance_1():
    x = first("repeat-copy(longest=1)", 10_000).x[2, :, -1]
    assert float(x.mean()) == pytest.approx(0, abs=5 / 100)
    assert float(x.var()) == pytest.approx(1, abs=0.05)
    assert first("repeat-copy(repeats=1)").x[..., -1].abs().max() == 0


def test_associative_recall_by_hand():
    counts, places = [], []
    for x, y in examples("associative-recall(items=4, item=2, bits=3)", 3000):
        kinds = ["|" if step[3] else "?" if step[4] else "." for step in x]
        count = kinds.count("|")
        assert kinds == ["|", ".", "."] * count + ["?", ".", ".", "?", ".", "."]
        assert all(step[:3] == [0, 0, 0] for step, kind in zip(x, kinds, strict=True) if kind != ".")
        items = [tuple(tuple(step[:3]) for step in x[3 * k + 1 : 3 * k + 3]) for k in range(count)]
        assert len(set(items)) == count
        query = tuple(tuple(step[:3]) for step in x[3 * count + 1 : 3 * count + 3])
        place = items.index(query)
        assert place < count - 1
        assert x[-2:] == [[0] * 5] * 2
        assert y == [None] * (3 * count + 4) + [list(vector) for vector in items[place + 1]]
        counts.append(count)
        places.append((count, place))
    uniform(counts, 2, 4)
    uniform([place for count, place in places if count == 4], 0, 2)


def test_items_that_are_the_same_are_drawn_again():
    """Of eight possible ones, two are the same in most lists of four if nothing is done."""
    for x, _ in examples("associative-recall(items=2, item=1, bits=3)", 2000):
        assert x[1] != x[3]


def test_priority_sort_by_hand():
    for x, y in examples("priority-sort(given=7, returned=5, bits=3)"):
        assert len(x) == 7 + 1 + 5
        assert x[7] == [0, 0, 0, 0, 1]
        assert x[8:] == [[0] * 5] * 5
        ranked = sorted(x[:7], key=lambda step: -step[3])
        assert all(-1 <= step[3] < 1 and step[4] == 0 for step in x[:7])
        assert y == [None] * 8 + [step[:3] for step in ranked[:5]]
    priorities = first("priority-sort", 1000).x[:20, :, 8].flatten()
    uniform(((priorities + 1) * 5).long(), 0, 9)


def test_bits_come_after_their_context_as_the_table_says():
    """Given the table, frequencies are those of Beta(1/2, 1/2): mean 1/2, variance 1/8, and a context of a bit more tells nothing more."""
    bits = sequences(3000, 1, 1500, seeded())
    ones = torch.stack([((bits[1:] == 1) & (bits[:-1] == c)).sum(0) / (bits[:-1] == c).sum(0).clamp(min=1) for c in (0, 1)])
    seen = torch.stack([(bits[:-1] == c).sum(0) for c in (0, 1)]) > 200
    found = ones[seen]
    before = bits.float().mean()
    assert float(before) == pytest.approx(0.5, abs=0.02)
    assert float(ones[0][seen.all(0)].sub(0.5).mean() + ones[1][seen.all(0)].sub(0.5).mean()) == pytest.approx(0, abs=0.03)
    assert bool((found > 0.98).any())
    assert bool((found < 0.02).any())
    of_table = torch.stack([((bits[2:] == 1) & (bits[1:-1] == 1) & (bits[:-2] == c)).sum(0) / ((bits[1:-1] == 1) & (bits[:-2] == c)).sum(0).clamp(min=1) for c in (0, 1)])
    often = torch.stack([((bits[1:-1] == 1) & (bits[:-2] == c)).sum(0) for c in (0, 1)]).min(0).values > 400
    assert float((of_table[0] - of_table[1])[often].abs().max()) < 0.2, "two bits before tell what one does"


def test_the_table_is_drawn_from_the_arcsine_distribution():
    """The first bit after the coins is 1 with the mean probability, and two in the same context agree with probability E[p² + (1 - p)²] = 3/4."""
    bits = sequences(3, 1, 200_000, seeded())
    same = bits[0] == bits[1]
    assert float((bits[1] == bits[2])[same].float().mean()) == pytest.approx(3 / 4, abs=5 * math.sqrt(3 / 16 / 100_000))
    assert float(bits[1].float().mean()) == pytest.approx(0.5, abs=5 / 2 / math.sqrt(200_000))


def mixture(bits, context):
    """The probability of bits after the coins: the Beta integrals of each context, multiplied."""
    tallies = {}
    for k in range(context, len(bits)):
        tallies.setdefault(bits[k - context : k], [0, 0])[bits[k]] += 1
    whole = 0.5**context
    for zeros, ones in tallies.values():
        whole *= math.gamma(zeros + 0.5) * math.gamma(ones + 0.5) / math.gamma(zeros + ones + 1) / math.pi
    return whole


@pytest.mark.parametrize(("length", "context"), [(6, 1), (8, 2)])
def test_the_predictor_that_counts_is_the_best(length, context):
    """Its predictions multiply to the mixture over all tables, and what it scores is the mixture's entropy, here over every sequence."""
    every = list(product((0, 1), repeat=length))
    chances = torch.tensor([mixture(bits, context) for bits in every], dtype=torch.float64)
    assert float(chances.sum()) == pytest.approx(1)
    bits = torch.tensor(every).T
    said = torch.stack([seen.probability for seen in counted(bits[:-1], context)])
    likelihood = torch.where(bits[context:] == 1, said, 1 - said).log2().sum(0) - context
    torch.testing.assert_close(likelihood, chances.log2())
    entropy = float(-(chances * chances.log2()).sum())
    assert context + optimum(length, context) == pytest.approx(entropy, rel=2e-3)


def test_the_optimum_is_the_one_in_print():
    (figure,) = [f for f in figures("dynamic-n-grams") if f.method == "optimal predictor"]
    task = suite.task("dynamic-n-grams")
    assert task.best == pytest.approx(figure.value, abs=1)
    assert task.best < task.solved < min(f.value for f in figures("dynamic-n-grams") if f.method == "LSTM" and f.unit == "bits")


def parameters(inputs, outputs, units):
    """Three layers of LSTM, each of which hears the input and the layer below, a readout of all three, first states that are learnt."""
    layers = sum(4 * units * (inputs + units * (k > 0) + units + 1) for k in range(3))
    return layers + outputs * (3 * units + 1) + 2 * 3 * units


@pytest.mark.parametrize(("name", "units", "more"), [("ntm-copy", 256, 1), ("repeat-copy", 512, 0), ("associative-recall", 256, 0), ("dynamic-n-grams", 128, 0)])
def test_inputs_and_outputs_are_as_many_as_the_printed_parameters_ask_for(name, units, more):
    task = suite.task(name)
    (figure,) = [f for f in figures(name) if (f.method, f.measure) == ("LSTM", "parameters")]
    assert parameters(task.inputs, task.outputs + more, units) == figure.value


@pytest.mark.parametrize("name", [name for name in (*NAMES, *PINNED) if "grams" not in name])
def test_the_oracle_is_right_on_every_split(name):
    task = suite.task(name)
    for split in ("train", "validation", "test"):
        batch = first(name, split=split)
        assert float(task.metric(task.oracle(batch), batch)) < 1e-6
        right = task.oracle(batch)[..., torch.randperm(200, generator=seeded()), :]
        assert float(task.metric(right, batch)) > 1


def test_bits_of_a_sequence_are_added_and_sequences_averaged():
    task, batch = suite.task("ntm-copy"), first("ntm-copy", 500)
    output = torch.randn(*batch.x.shape[:1], 2, 500, 8, generator=seeded())
    p = output.sigmoid().double()
    by_hand = torch.zeros(2, dtype=torch.float64)
    for row in range(500):
        steps = asked(batch)[:, row]
        y = batch.y[steps, row].double().unsqueeze(1)
        by_hand -= (y * p[steps][:, :, row].log2() + (1 - y) * (1 - p[steps][:, :, row]).log2()).sum((0, 2))
    torch.testing.assert_close(task.metric(output, batch).double(), by_hand / 500, rtol=1e-5, atol=1e-5)
    assert task.per == "sequence"
    alone = [bits_per_sequence(output[:, :, k : k + 1], Batch(*(t[:, k : k + 1] for t in batch))) for k in range(500)]
    torch.testing.assert_close(torch.stack(alone).mean(0), task.metric(output, batch))


@pytest.mark.parametrize("name", ["ntm-copy(longest=5, bits=3)", "repeat-copy(longest=3, repeats=4, bits=2)", "associative-recall(items=4, item=2, bits=3)", "priority-sort(given=7, returned=5, bits=3)"])
def test_chance_is_the_entropy_of_the_answers_alone(name):
    """Each output by its frequency: the least that a constant can take."""
    task, batch = suite.task(name), first(name, 20_000)
    shares = batch.y[asked(batch)].mean(0).tolist()
    answers = float(asked(batch).sum()) / 20_000
    assert answers * sum(entropy(p) for p in shares) == pytest.approx(task.chance, rel=0.03)
    for nudge in (0.0, 0.3):
        output = torch.tensor(shares).logit().add(nudge).expand(*batch.mask.shape, len(shares)).unsqueeze(1)
        score = float(task.metric(output, batch))
        assert (score == pytest.approx(task.chance, rel=0.03)) if nudge == 0 else score > task.chance


@pytest.mark.parametrize(("name", "arguments", "sentence"), [
    ("ntm-copy", {"longest": 0}, "ntm-copy needs longest from 1 to 1,000,000, not 0"),
    ("repeat-copy", {"repeats": 0}, "repeat-copy needs repeats from 1 to 1,000,000, not 0"),
    ("associative-recall", {"items": 1}, "associative-recall needs items from 2 to 1,000,000, not 1"),
    ("associative-recall", {"item": 1, "bits": 4}, "associative-recall draws 6 items until all differ, and there are 16: it needs the square of those drawn, 36"),
    ("associative-recall", {"items": 200, "item": 1, "bits": 10}, "associative-recall draws 200 items until all differ, and there are 1024: it needs the square of those drawn, 40000"),
    ("associative-recall", {"items": 1000, "item": 4}, "associative-recall of these sizes takes 24,000,000 numbers a sequence, more than 1,000,000: take smaller ones"),
    ("repeat-copy", {"longest": 1000, "repeats": 1000}, "repeat-copy of these sizes takes 8,008,024 numbers a sequence, more than 1,000,000: take smaller ones"),
    ("ntm-copy", {"longest": 1000, "bits": 1000}, "ntm-copy of these sizes takes 2,006,004 numbers a sequence, more than 1,000,000: take smaller ones"),
    ("priority-sort", {"given": 1000, "returned": 1000, "bits": 1000}, "priority-sort of these sizes takes 2,005,002 numbers a sequence, more than 1,000,000: take smaller ones"),
    ("dynamic-n-grams", {"length": 6}, "dynamic-n-grams needs a context of at most 12 bits, and two more of length, not 5 and 6"),
    ("dynamic-n-grams", {"context": 13}, "dynamic-n-grams needs a context of at most 12 bits, and two more of length, not 13 and 200"),
    ("priority-sort", {"returned": 21}, "priority-sort cannot return 21 of 20 vectors"),
])
def test_mistakes_are_told_in_a_sentence(name, arguments, sentence):
    with pytest.raises(ValueError) as raised:
        suite.task(name, **arguments)
    assert str(raised.value) == sentence


@pytest.mark.parametrize("name", ["ntm-copy(longest=1, bits=1)", "priority-sort(given=1, returned=1, bits=1)"])
def test_no_constant_solves_a_task_however_small(name):
    task = suite.task(name)
    assert not task.solves(task.chance)


def test_the_optimum_does_not_hear_how_many_are_counted_together(monkeypatch):
    dynamic_n_grams = importlib.import_module("suite.tasks.dynamic_n_grams")
    whole = dynamic_n_grams.optimum.__wrapped__(20, 3)
    monkeypatch.setattr(dynamic_n_grams, "AT_ONCE", 100_000)
    assert dynamic_n_grams.optimum.__wrapped__(20, 3) == pytest.approx(whole, abs=0.02)
