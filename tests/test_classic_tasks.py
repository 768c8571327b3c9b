"""Adding, multiplication, temporal order, copy, exclusive or, parity and pixels do what their sources say."""

import hashlib
import math

import pytest
import torch

import suite
from suite.data import columns
from suite.tasks import TASKS
from suite.tasks.copying import plateau
from suite.tasks.images import shuffled
from suite.tasks.streams import stream_seed

PINNED = {  # SHA-256 of x, y and mask of the first 1,000 training examples; a change of one raises the task's version
    "adding(form='halves', length=6)": "199414db5dc16dd1",
    "adding(form='anywhere', length=6)": "548b44a828e83fea",
    "adding(form='1997', length=20)": "9f4ef346d3560529",
    "adding(form='1997', length=100)": "30a5eb4e9957a3bb",
    "multiplication(length=20)": "3627c1888b86cee2",
    "multiplication(length=100)": "31326a8670d5a39e",
    "temporal-order(length=20, scoring='entropy', symbols=2)": "202d25d4bc322909",
    "temporal-order(length=20, scoring='entropy', symbols=3)": "d0a10829bc1e79da",
    "temporal-order(length=100, scoring='entropy', symbols=3)": "2b80b49ab1165cd0",
    "copy(delay=5, form='arjovsky')": "fa15255755816638",
    "copy(delay=5, form='bai')": "2e0c96adcbdd4043",
    "copy(delay=100, form='arjovsky')": "d79ea61408315646",
    "xor-delayed(delay=1)": "01c35e85c2fe2e02",
    "xor-delayed(delay=10)": "71fa11e2ee5228e3",
    "parity(length=8, lengths='fixed', supervision='last')": "83cda79321501ee5",
    "parity(length=8, lengths='random', supervision='every')": "61d08be4b321fcde",
    "mnist-pixels": "69c5cae78a6dd10a",
    "mnist-permuted": "614483cd851a0aa4",
}
DRAWN = [name for name in PINNED if "mnist" not in name]
OF_1997 = [name for name in DRAWN if "1997" in name or "multiplication" in name]
PIXELS = ["mnist-pixels", "mnist-permuted"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def first(name, size=200, split="train", seed=0):
    return next(suite.task(name).batches(split, size, seeded(seed)))


def rows(batch):
    """Each example as plain Python: its valid steps, and its answer."""
    for b, size in enumerate(batch.mask.sum(0).tolist()):
        yield batch.x[:size, b].tolist(), (batch.y[:size, b] if batch.y.ndim > 1 else batch.y[b]).tolist()


def uniform(drawn, low, high):
    """Every number from low to high comes, and as often as any other, within 5 standard errors."""
    counts = torch.bincount(drawn - low, minlength=high - low + 1)
    assert len(counts) == high - low + 1
    expected = len(drawn) / len(counts)
    assert float((counts - expected).abs().max()) < 5 * math.sqrt(expected)


def marked(batch):
    """The two steps marked 1, in order: (2, B)."""
    return (batch.x[..., 1] == 1).T.nonzero()[:, 1].view(-1, 2).T


@pytest.mark.parametrize("name", PINNED)
def test_first_training_examples_are_pinned(name, data):
    task = suite.task(name)
    if task.data:
        data(task.data.name)
    hashed, left = hashlib.sha256(), 1000
    for batch in task.batches("train", 200, seeded()):
        for tensor in batch:
            hashed.update(tensor.numpy().tobytes())
        left -= batch.mask.shape[1]
        if left <= 0:
            break
    assert (task.name, task.version, hashed.hexdigest()[:16]) == (name, 1, PINNED[name])


@pytest.mark.parametrize("form", ["halves", "anywhere"])
def test_adding_by_hand(form):
    for steps, answer in rows(first(f"adding(form='{form}', length=7)")):
        assert sorted(mark for _, mark in steps) == [0.0] * 5 + [1.0] * 2
        assert all(0 <= value < 1 for value, _ in steps)
        assert answer == pytest.approx(sum(value for value, mark in steps if mark), abs=1e-6)


@pytest.mark.parametrize(("name", "low", "neutral"), [("adding(form='1997', length=40)", -1, 0.0), ("multiplication(length=40)", 0, 1.0)])
def test_the_pairs_of_1997_by_hand(name, low, neutral):
    rare = 0
    for steps, answer in rows(first(name, 1000)):
        values, marks = zip(*steps, strict=True)
        assert marks[0] == marks[-1] == -1
        assert set(marks[1:-1]) == {0.0, 1.0}
        assert all(low <= value <= 1 for value in values)
        counted = [value for value, mark in steps if mark == 1]
        if len(counted) == 1:  # the first pair is the other one
            assert values[0] == neutral
            rare += 1
        else:
            assert len(counted) == 2
            assert values[0] != neutral
        assert answer == pytest.approx(0.5 + sum(counted) / 4 if neutral == 0 else math.prod(counted), abs=1e-6)
    share = 0.1 + 0.9 / 19
    assert rare / 1000 == pytest.approx(share, abs=5 * math.sqrt(share / 1000))


@pytest.mark.parametrize("symbols", [2, 3])
def test_temporal_order_by_hand(symbols):
    for steps, answer in rows(first(f"temporal-order(length=30, symbols={symbols})")):
        word = "".join("EBabcdXY"[step.index(1.0)] for step in steps)
        assert all(sum(step) == 1 for step in steps)
        assert (word[0], word[-1]) == ("E", "B")
        assert set(word[1:-1]) <= set("abcdXY")
        relevant = "".join(letter for letter in word if letter in "XY")
        assert len(relevant) == symbols
        assert answer == int(relevant.replace("X", "0").replace("Y", "1"), 2)


@pytest.mark.parametrize("form", ["arjovsky", "bai"])
def test_copy_by_hand(form):
    batch = first(f"copy(delay=4, form='{form}')")
    assert len(batch.x) == 24
    for steps, answer in rows(batch):
        shown = [step.index(1.0) for step in steps] if form == "arjovsky" else [int(step[0]) for step in steps]
        seen = shown[:10]
        assert set(seen) <= set(range(1, 9))
        assert shown[10:] == [0, 0, 0] + ([9] + [0] * 10 if form == "arjovsky" else [9] * 11)
        assert answer == [0] * 14 + seen
    uniform(batch.y[14:].flatten(), 1, 8)


def test_xor_by_hand():
    for steps, answer in rows(first("xor-delayed(delay=3)")):
        bits = [bit for bit, mark in steps if mark]
        assert len(steps) == 12
        assert len(bits) == 2
        assert {bit for bit, _ in steps} <= {-1.0, 1.0}
        assert answer == int(bits[0] != bits[1])
    bits, marks = first("xor-delayed(delay=3)", 10_000).x.unbind(-1)
    assert bits.mean(1).abs().max() < 5 / math.sqrt(10_000), "noise is as good as a bit at every step"
    places = marks.T.nonzero()[:, 1].view(-1, 2).T
    uniform(places[0], 0, 2)
    uniform(places[1], 6, 8)


@pytest.mark.parametrize("supervision", ["last", "every"])
@pytest.mark.parametrize("lengths", ["fixed", "random"])
def test_parity_by_hand(lengths, supervision):
    batch = first(f"parity(length=9, lengths='{lengths}', supervision='{supervision}')", 2000)
    for steps, answer in rows(batch):
        ones = [sum(bit == 1 for (bit,) in steps[: t + 1]) % 2 for t in range(len(steps))]
        assert answer == (ones if supervision == "every" else ones[-1])
    sizes = batch.mask.sum(0)
    if lengths == "fixed":
        assert set(sizes.tolist()) == {9}
    else:
        uniform(sizes, 1, 9)


@pytest.mark.parametrize("name", DRAWN)
def test_the_oracle_is_right_on_every_split(name):
    task = suite.task(name)
    best = 1.0 if task.better == "higher" else 0.0
    for split in ("train", "validation", "test"):
        batch = first(name, split=split)
        assert float(task.metric(task.oracle(batch), batch)) == pytest.approx(best, abs=1e-10)
        assert float(task.loss(task.oracle(batch), batch)) < 1e-6
        right = task.oracle(batch)[..., torch.randperm(200, generator=seeded()), :]
        assert float(task.metric(right, batch)) != pytest.approx(best, abs=1e-3), "the oracle of other sequences is wrong"


@pytest.mark.parametrize("name", ["adding(form='halves', length=20)", "adding(form='anywhere', length=20)"])
def test_chance_of_a_mean_squared_error(name):
    task, batch = suite.task(name), first(name, 10_000)
    spread = (batch.y - 1).square()
    score = float(task.metric(torch.ones(1, 10_000, 1), batch))
    assert task.chance == pytest.approx(1 / 6)
    assert score == pytest.approx(task.chance, abs=4 * float(spread.std()) / 100)
    assert all(float(task.metric(torch.full((1, 10_000, 1), c), batch)) > score for c in (0.9, 1.1))


@pytest.mark.parametrize("name", OF_1997)
def test_chance_of_a_share_within_the_tolerance(name):
    task, batch = suite.task(name), first(name, 10_000)
    best = 0.5 if "adding" in name else 0.04
    levels = torch.linspace(0.01, 0.99, 99)
    found = task.metric(torch.full((99, 10_000, 1), 1.0) * levels.logit()[:, None, None], batch)
    error = math.sqrt(task.chance * (1 - task.chance) / 10_000)
    assert float(found[round(best * 100) - 1]) == pytest.approx(task.chance, abs=4 * error)
    assert float(found.max()) < task.chance + 4 * error, "no other constant is better"


@pytest.mark.parametrize("form", ["arjovsky", "bai"])
@pytest.mark.parametrize("delay", [5, 100])
def test_chance_and_plateau_of_copy(form, delay):
    name = f"copy(delay={delay}, form='{form}')"
    task, batch = suite.task(name), first(name, 500)
    shares = torch.bincount(batch.y.flatten(), minlength=task.outputs) / batch.y.numel()
    p = 10 / (delay + 20)
    log_p = torch.tensor([1 - p] + [p / 8] * 8 + [1e-30] * (task.outputs - 9)).log()
    shape = (delay + 20, 1, 500, task.outputs)
    assert float(task.metric(log_p.expand(shape), batch)) == pytest.approx(task.chance, rel=1e-5)
    assert float(shares[0]) == pytest.approx(1 - p)
    for nudge in range(9):
        other = (log_p + 0.3 * torch.nn.functional.one_hot(torch.tensor(nudge), task.outputs)).expand(shape)
        assert float(task.metric(other, batch)) > task.chance
    waiting = torch.full(shape, -60.0)
    waiting[: delay + 10, ..., 0], waiting[delay + 10 :, ..., 1:9] = 0.0, 0.0
    assert float(task.metric(waiting, batch)) == pytest.approx(plateau(delay), rel=1e-5)
    assert task.solved < plateau(delay) < task.chance


@pytest.mark.parametrize(("delay", "published"), [(100, 0.1733), (200, 0.0945), (300, 0.0650), (500, 0.0400), (1000, 0.02039), (2000, 0.01029)])
def test_the_plateau_is_the_one_in_print(delay, published):
    assert plateau(delay) == pytest.approx(published, abs=6e-5 if published > 0.03 else 6e-6)


@pytest.mark.parametrize("name", [n for n in DRAWN if n.startswith(("temporal", "xor", "parity"))])
def test_chance_of_an_accuracy(name):
    task, batch = suite.task(name), first(name, 10_000)
    answers = batch.y[batch.mask] if task.supervision == "every" else batch.y
    shares = torch.bincount(answers, minlength=task.outputs) / len(answers)
    assert task.chance == 1 / task.outputs
    assert len(shares) == task.outputs
    assert float((shares - task.chance).abs().max()) < 4 * math.sqrt(task.chance * (1 - task.chance) / 10_000)


@pytest.mark.parametrize("name", OF_1997)
def test_within_the_tolerance_is_below_it(name):
    task, batch = suite.task(name), first(name, 2000)
    chosen = (batch.y > 0.1) & (batch.y < 0.9)
    batch = batch._replace(x=batch.x[:, chosen], y=batch.y[chosen], mask=batch.mask[:, chosen])
    for error, share in ((0.0399, 1.0), (-0.0399, 1.0), (0.0401, 0.0), (-0.0401, 0.0)):
        assert float(task.metric((batch.y + error).logit()[None, :, None], batch)) == share


@pytest.mark.parametrize(("name", "n", "most"), [
    ("adding(form='1997')", 2048, 1), ("multiplication", 2000, 12), ("multiplication", 2048, 12), ("temporal-order", 2048, 1), ("temporal-order(symbols=3)", 2048, 1),
])
def test_how_many_may_be_wrong(name, n, most):
    task, batch = suite.task(name), first(name, n)
    for wrong, solved in ((0, True), (most, True), (most + 1, False)):
        output = task.oracle(batch)
        output[:, :wrong] = -output[:, :wrong]
        if task.answer == "number":
            output[:, :wrong] = torch.where(batch.y[:wrong] > 0.5, -9.0, 9.0)[:, None]
        assert (float(task.metric(output, batch)) >= task.solved) == solved


def test_where_adding_marks():
    uniform(marked(first("adding(length=9)", 20_000))[0], 0, 3)
    uniform(marked(first("adding(length=9)", 20_000))[1], 4, 8)
    one, other = marked(first("adding(form='anywhere', length=6)", 20_000))
    assert (one < other).all()
    uniform(one * 5 - one * (one - 1) // 2 + other - one - 1, 0, 14)  # the number of a pair among fifteen


@pytest.mark.parametrize("name", ["adding(form='1997', length=60)", "multiplication(length=60)"])
def test_where_the_pairs_of_1997_are_marked(name):
    batch = first(name, 40_000)
    sizes = batch.mask.sum(0)
    uniform(sizes, 60, 66)
    whole = (batch.x[..., 1] == 1).sum(0) == 2
    one, other = (batch.x[:, whole, 1] == 1).T.nonzero()[:, 1].view(-1, 2).T
    assert int(one.min()) == 1
    assert int(one.max()) == 9
    assert int(other.max()) == 29
    late = other[other >= 10]  # neither order of the two can be confused here
    uniform(late, 10, 29)
    uniform(one[other >= 10], 1, 9)
    assert len(late) / 40_000 == pytest.approx(0.9 * 20 / 29, abs=0.02), "the second is one of the first T/2 - 1 unmarked pairs"


@pytest.mark.parametrize(("name", "ranges"), [
    ("temporal-order(length=100)", [(10, 20), (50, 60)]), ("temporal-order(length=100, scoring='entropy', symbols=3)", [(10, 20), (33, 43), (66, 76)]),
])
def test_where_the_relevant_symbols_stand(name, ranges):
    batch = first(name, 20_000)
    uniform(batch.mask.sum(0), 100, 110)
    places = batch.x[..., 6:].sum(-1).T.nonzero()[:, 1].view(-1, len(ranges)).T
    for found, (low, high) in zip(places, ranges, strict=True):
        uniform(found, low, high)


@pytest.mark.parametrize("length", [*range(10, 31), 57, 99])
def test_short_sequences_keep_their_symbols_apart(length):
    batch = first(f"temporal-order(length={length}, symbols=3)", 500)
    assert (batch.x[..., 6:].sum((0, 2)) == 3).all()
    assert ((batch.x[..., 1].argmax(0) + 1) == batch.mask.sum(0)).all()


@pytest.mark.parametrize("name", DRAWN)
def test_padding_is_empty_and_at_the_end(name):
    x, y, mask = first(name, 500)
    assert mask[0].all()
    assert (mask[1:] <= mask[:-1]).all()
    assert (x[~mask] == 0).all()
    assert not x[~mask].signbit().any()
    assert not y.is_floating_point() or y.isfinite().all()


@pytest.mark.parametrize("name", [n for n in DRAWN if not n.startswith(("parity", "xor-delayed(delay=1)"))])
def test_no_example_stands_in_two_splits(name):
    task, seen = suite.task(name), []
    for split in ("train", "validation", "test"):
        batches = task.batches(split, 256, seeded(stream_seed(split, 0)))
        seen += [x.numpy().tobytes() for batch in batches for x in batch.x.unbind(1)][:1000]
    assert len(set(seen)) == len(seen) == 3000


@pytest.mark.parametrize("name", PIXELS)
def test_chance_of_the_pixels_is_exact(name, data):
    data("mnist")
    task = suite.task(name)
    labels = torch.cat([batch.y for batch in task.batches("test", 5000, seeded())])
    assert len(labels) == 10_000
    assert int(torch.bincount(labels).max()) / 10_000 == task.chance


def test_pixels_are_the_rows_one_after_another_and_then_shuffled(data):
    data("mnist")
    by_row, by_pixel, permuted = (first(name, 40) for name in ("mnist-rows", *PIXELS))
    assert by_pixel.x.shape == permuted.x.shape == (784, 40, 1)
    train = columns("mnist", "train")
    chosen = (train["image"].flatten(1).float() / 255 == by_pixel.x[:, 0, 0]).all(1)
    assert train["label"][chosen].tolist() == [int(by_pixel.y[0])]
    assert torch.equal(by_row.x.transpose(0, 1).reshape(40, 784), by_pixel.x[..., 0].T)
    assert all(torch.equal(permuted.x[t], by_pixel.x[int(pixel)]) for t, pixel in enumerate(shuffled()))
    assert torch.equal(by_pixel.y, permuted.y)


def test_the_order_is_pinned():
    order = shuffled()
    assert torch.equal(order.sort().values, torch.arange(784))
    assert hashlib.sha256(order.numpy().astype("<i8").tobytes()).hexdigest()[:16] == "74a7f52bd9778019"


def test_images_are_in_memory_once_and_as_bytes(data):
    data("mnist")
    for name in ("mnist-rows", *PIXELS):
        first(name, 8), first(name, 8, "test")
    stored = columns("mnist", "train")["image"]
    assert stored.dtype == torch.uint8
    assert stored.data_ptr() == columns("mnist", "train")["image"].data_ptr()
    before = stored[:50].clone()
    first("mnist-pixels", 8).x.fill_(7.0)
    assert torch.equal(stored[:50], before), "a batch owns its floats"


@pytest.mark.parametrize(("name", "arguments", "sentence"), [
    ("adding", {"form": "third"}, "adding needs form 'halves', 'anywhere' or '1997', not 'third'"),
    ("adding", {"form": "1997", "length": 19}, "adding as of 1997 needs a length from 20 to 1,000,000, not 19"),
    ("multiplication", {"length": 19}, "multiplication as of 1997 needs a length from 20 to 1,000,000, not 19"),
    ("temporal-order", {"symbols": 4}, "temporal-order needs symbols 2 or 3, not 4"),
    ("copy", {"delay": 0}, "copy needs a delay from 1 to 1,000,000, not 0"),
    ("copy", {"form": "graves"}, "copy needs form 'arjovsky' or 'bai', not 'graves'"),
    ("xor-delayed", {"delay": 0}, "xor-delayed needs a delay from 1 to 250,000, not 0"),
])
def test_mistakes_are_told_in_a_sentence(name, arguments, sentence):
    with pytest.raises(ValueError) as raised:
        suite.task(name, **arguments)
    assert str(raised.value) == sentence


@pytest.mark.parametrize("name", ["adding", "multiplication", "temporal-order", "copy", "xor-delayed", "parity"])
def test_a_name_makes_the_task_again(name):
    task = suite.task(name)
    assert suite.task(task.name).name == task.name
    assert task.name != name, "every argument is written out"
    assert name in TASKS
