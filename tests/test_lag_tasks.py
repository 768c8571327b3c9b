"""The tasks of the LSTM paper and its relatives, against their rules written a second time."""

import hashlib
import itertools
import math
import re
import tomllib
from collections import Counter

import pytest
import torch

import suite
from suite.papers import library
from suite.tasks import TASKS
from suite.tasks.reber import SYMBOLS, strings
from suite.tasks.task import asked

HALF = ["long-lag-2b(lag=4)", "long-lag-2c(lag=3, distractors=2)", "latch(length=10)", "chunker(lag=3, blocks=2)"]
HALF += [f"two-sequence(variant='{v}', length=20, relevant={n})" for v in ("3a", "3b", "3c") for n in (1, 3)]
NONE = ["reber", "reber(pair=2)", "continual-reber(length=40)", "long-lag-2a(lag=4)"]

PINNED = {  # SHA-256 of x, y and mask of the first 1,000 training examples; a change of one raises the task's version
    "long-lag-2b(lag=4)": "long-lag-2b(lag=4) v1 cde3818ad2214399",
    "long-lag-2c(lag=3, distractors=2)": "long-lag-2c(distractors=2, lag=3) v1 69d62b5d71c399ec",
    "latch(length=10)": "latch(length=10, variance=0.2) v1 e726076b7040f29c",
    "chunker(lag=3, blocks=2)": "chunker(blocks=2, lag=3) v1 e76c26985ac86a9b",
    "two-sequence(variant='3a', length=20, relevant=1)": "two-sequence(length=20, relevant=1, variance=0.2, variant='3a') v1 c9646ff5e0d90e6b",
    "two-sequence(variant='3a', length=20, relevant=3)": "two-sequence(length=20, relevant=3, variance=0.2, variant='3a') v1 e507e34a87bfd883",
    "two-sequence(variant='3b', length=20, relevant=1)": "two-sequence(length=20, relevant=1, variance=0.2, variant='3b') v1 f2cb0e7c0d69237e",
    "two-sequence(variant='3b', length=20, relevant=3)": "two-sequence(length=20, relevant=3, variance=0.2, variant='3b') v1 16407aeae2dd0def",
    "two-sequence(variant='3c', length=20, relevant=1)": "two-sequence(length=20, relevant=1, variance=0.2, variant='3c') v1 96650e59413a37e4",
    "two-sequence(variant='3c', length=20, relevant=3)": "two-sequence(length=20, relevant=3, variance=0.2, variant='3c') v1 9a7b17bc9434289e",
    "reber": "reber(pair=0) v1 c157e5b51681cb3f",
    "reber(pair=2)": "reber(pair=2) v1 a4cf78ece6518de9",
    "continual-reber(length=40)": "continual-reber(length=40) v1 e9e192a11581392e",
    "long-lag-2a(lag=4)": "long-lag-2a(lag=4) v1 25d184672a41ef8d",
}

every_task = pytest.mark.parametrize("name", HALF + NONE)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def first(task, split="train", size=64, seed=0):
    return next(suite.task(task).batches(split, size, seeded(seed)) if isinstance(task, str) else task.batches(split, size, seeded(seed)))


def at_ends(batch, values):
    """(T, B, …) at the last valid steps."""
    return values[batch.mask.sum(0) - 1, torch.arange(batch.mask.shape[1])]


def constant(task, batch, logits):
    """The same output at every step asked, one replica."""
    shape = (*batch.mask.shape[:-1], 1, batch.mask.shape[-1]) if task.supervision == "every" else (1, batch.mask.shape[-1])
    return torch.as_tensor(logits, dtype=torch.float32).expand(*shape, task.outputs)


@every_task
def test_the_oracle_reaches_the_best_score(name):
    task = suite.task(name)
    for split in ("train", "validation", "test"):
        batch = first(task, split, size=2000 if task.best else 64)
        best, score = 1.0 if task.best is None else task.best, float(task.metric(task.oracle(batch), batch))
        assert score == pytest.approx(best, abs=4 * math.sqrt(best * (1 - best) / batch.mask.shape[1]))
    assert task.chance < task.solved < (task.best or 1.0) or "3b" in name
    assert float(task.loss(task.oracle(batch), batch)) < float(task.loss(constant(task, batch, [0.0] * task.outputs), batch))


@pytest.mark.parametrize("name", HALF)
def test_the_best_constant_is_right_half_the_time(name):
    task = suite.task(name)
    batch = first(task, size=10_000)
    grid = {1: [[v / 4] for v in range(-24, 25)], 2: list(itertools.product((-9.0, -1.0, 0.0, 1.0, 9.0), repeat=2))}
    grid = grid.get(task.outputs) or (18 * torch.eye(task.outputs) - 9).tolist()
    best = max(float(task.metric(constant(task, batch, logits), batch)) for logits in grid)
    assert task.chance == 0.5
    assert best == pytest.approx(0.5, abs=4 * 0.5 / math.sqrt(10_000))


@pytest.mark.parametrize("name", NONE)
def test_no_constant_is_ever_right(name):
    task = suite.task(name)
    batch = first(task, size=256)
    wanted = batch.y.nan_to_num()
    tries = [*(18 * torch.eye(task.outputs) - 9), *(18 * wanted[:, 0] - 9), torch.zeros(task.outputs), wanted.mean((0, 1)).logit(1e-3)]
    tries += list(3 * torch.randn(20, task.outputs, generator=seeded()))
    assert task.chance == 0
    assert max(float(task.metric(constant(task, batch, logits), batch)) for logits in tries) == 0


@every_task
def test_batches_are_padded_at_the_end_and_cut_to_the_longest(name):
    task = suite.task(name)
    for batch in itertools.islice(task.batches("train", 7, seeded()), 40):
        assert batch.x.shape == (*batch.mask.shape, task.inputs)
        assert batch.x.dtype == torch.float32
        assert (batch.mask[1:] <= batch.mask[:-1]).all()
        assert batch.mask[0].all()
        assert (batch.x[~batch.mask] == 0).all()
        assert all(t.is_contiguous() for t in batch)
        if task.inputs > 1:  # symbols
            assert batch.mask[-1].any()
            assert torch.equal(batch.x.sum(-1), batch.mask.float())
        if task.answer == "vector":
            assert batch.y.shape == (*batch.mask.shape, task.outputs)
            assert batch.y[~batch.mask].isnan().all()
            assert set(batch.y[asked(batch)].unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("name", [name for name in HALF + NONE if suite.task(name).supervision == "every"])
def test_what_stands_at_padding_does_not_count(name):
    task, batch = suite.task(name), first(name, size=64)
    output = torch.randn(len(batch.x), 3, 64, task.outputs, generator=seeded())
    other = torch.where(batch.mask[:, None, :, None], output, 1e3)
    for score in (task.loss, task.metric):
        assert score(output, batch).shape == (3,)
        assert torch.equal(score(output, batch), score(other, batch))


@every_task
def test_the_seed_decides_the_examples(name):
    def examples(seed):
        return [t for batch in itertools.islice(suite.task(name).batches("train", 32, seeded(seed)), 3) for t in batch]

    before = torch.get_rng_state()
    one, again, other = examples(0), examples(0), examples(1)
    assert torch.equal(before, torch.get_rng_state())
    assert all(a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all()) for a, b in zip(one, again, strict=True))
    assert not all(a.shape == b.shape and torch.equal(a.nan_to_num(), b.nan_to_num()) for a, b in zip(one, other, strict=True))


@every_task
def test_first_training_examples_are_pinned(name):
    task, generator = suite.task(name), seeded()
    hashed, left = hashlib.sha256(), 1000
    for batch in itertools.chain.from_iterable(task.batches("train", 200, generator) for _ in range(1000)):  # a pass may be shorter
        for tensor in batch:
            hashed.update(tensor.numpy().tobytes())
        left -= batch.mask.shape[1]
        if left <= 0:
            break
    assert f"{task.name} v{task.version} {hashed.hexdigest()[:16]}" == PINNED.get(name), f"pin {name!r}"


def test_a_gradient_reaches_the_outputs_of_steps_that_are_trained():
    for name, trained in (("reber", None), ("long-lag-2b(lag=4)", None), ("long-lag-2c(lag=3, distractors=2)", "last"), ("chunker(lag=3, blocks=2)", "blocks")):
        task, batch = suite.task(name), first(name, size=5)
        output = torch.zeros(*batch.mask.shape, task.outputs).unsqueeze(1).requires_grad_()
        (gradient,) = torch.autograd.grad(task.loss(output, batch).sum(), output)
        wanted = batch.mask if trained is None else asked(batch)
        assert torch.equal(gradient[:, 0].abs().sum(-1) > 0, wanted)


@pytest.mark.parametrize(("name", "sentence"), [
    ("reber(pair=3)", "reber has the pairs 0, 1 and 2 of training and test strings, not 3"),
    ("continual-reber(length=0)", "continual-reber needs a length from 1 to 1,000,000, not 0"),
    ("long-lag-2a(lag=1)", "long-lag-2a needs a lag from 2 to 1,000,000, not 1"),
    ("long-lag-2b(lag=0)", "long-lag-2b needs a lag from 2 to 1,000,000, not 0"),
    ("long-lag-2c(distractors=0)", "long-lag-2c needs a lag and a number of distractors from 1 to 1,000,000, not 50 and 0"),
    ("two-sequence(variant='3d')", "two-sequence has the variants '3a', '3b', '3c' and '2001', not '3d'"),
    ("two-sequence(relevant=100)", "two-sequence needs 1 or more relevant steps, fewer than its length of at most 1,000,000, not 100 and 100"),
    ("latch(length=1)", "latch needs a length from 2 to 1,000,000, not 1"),
    ("chunker(blocks=0)", "chunker needs a lag and a number of blocks, 1 or more, with at most 1,000,000 symbols in all, not 20 and 0"),
])
def test_mistakes_are_told_in_a_sentence(name, sentence):
    with pytest.raises(ValueError) as raised:
        suite.task(name)
    assert str(raised.value) == sentence


@every_task
def test_a_name_makes_the_same_task(name):
    made = suite.task(name).name
    assert suite.task(made).name == made
    assert made.startswith(name.partition("(")[0])


@every_task
def test_unknown_split_names_the_near_miss(name):
    with pytest.raises(ValueError, match="unknown split 'validate'; did you mean 'validation'"):
        first(name, "validate")


REST = "(?:XT*VP)*(?:SE|XT*VVE)"  # after X of the upper or P of the lower branch
INNER = f"B(?:TS*X{REST}|PT*V(?:VE|P{REST}))"
WORD = re.compile(f"B(?:T{INNER}T|P{INNER}P)E")
ENDINGS = {word[k:] for o in "TP" for inner in ("BTXSE", "BPVVE", "BTXXVVE", "BPTVPSE") for word in [f"B{o}{inner}{o}E"] for k in range(len(word) + 1)}


def may_follow(prefix):
    """The symbols after which some ending makes a word."""
    return {s for s in SYMBOLS if any(WORD.fullmatch(prefix + s + ending) for ending in ENDINGS)}


def spelt(vectors):
    return "".join(SYMBOLS[k] for k in vectors.argmax(-1))


def legal(vector):
    return {SYMBOLS[k] for k in vector.nonzero()[:, 0]}


def test_the_acceptor_itself():
    for word in ("BTBTSSXXTVVETE", "BPBPVPXVPXVPXVVEPE", "BTBTXXVPSETE"):
        assert WORD.fullmatch(word)
    for word in ("BTBTSSPXSETE", "BPBPTVVBPE", "BPBPVPSETE", "BTBTSSSETE", "BPVVE"):
        assert not WORD.fullmatch(word)
    assert [may_follow(p) for p in ("", "B", "BT", "BTB", "BTBT", "BTBTX", "BTBTXX", "BTBTXXV", "BTBTXS", "BTBTXSE", "BTBTXSET")] == [
        set(s) for s in ("B", "TP", "B", "TP", "SX", "XS", "TV", "PV", "E", "T", "E")]


@pytest.mark.parametrize("pair", [0, 1, 2])
def test_reber_strings_are_words_and_the_sets_are_disjoint(pair):
    sets = strings(pair)
    assert [len(set(sets[split])) for split in ("train", "test", "validation")] == [256] * 3
    assert len({word for words in sets.values() for word in words}) == 3 * 256
    assert all(WORD.fullmatch(word) for words in sets.values() for word in words)
    task = suite.task("reber", pair=pair)
    for split, words in sets.items():
        batches = list(task.batches(split, 64, seeded()))
        seen = [spelt(b.x[: n, k]) + "E" for b in batches for k, n in enumerate(b.mask.sum(0).tolist())]
        assert sorted(seen) == sorted(words)
        assert (seen == words) == (split != "train")


def test_reber_pairs_differ():
    one, two, three = (strings(pair)["train"] for pair in range(3))
    assert one != two != three != one


def test_reber_answers_are_the_legal_successors():
    batch = first("reber", size=256)
    for k, n in enumerate(batch.mask.sum(0).tolist()):
        word = spelt(batch.x[:n, k])
        assert [legal(batch.y[t, k]) for t in range(n)] == [may_follow(word[: t + 1]) for t in range(n)]
        assert spelt(at_ends(batch, batch.y)[k : k + 1]) == "E"


def test_reber_is_trained_on_the_symbol_that_came():
    task = suite.task("reber")
    batch = first(task, "test", size=3)
    output = torch.randn(len(batch.x), 1, 3, 7, generator=seeded())
    squares = []
    for k, word in enumerate(strings(0)["test"][:3]):
        for t, symbol in enumerate(word[1:]):
            squares.append(sum((1 / (1 + math.exp(-output[t, 0, k, j])) - (SYMBOLS[j] == symbol)) ** 2 for j in range(7)))
    assert float(task.loss(output, batch)) == pytest.approx(sum(squares) / len(squares), rel=1e-5)


def test_a_reber_string_is_wrong_by_one_step():
    task = suite.task("reber")
    batch = first(task, "test", size=4)
    output = task.oracle(batch).clone()
    two_way = [int(t) for t in (batch.y[:, 1].nan_to_num().sum(-1) == 2).nonzero()[:, 0]][-1]
    rarer = int(batch.y[two_way, 1].argmax())
    output[two_way, 0, 1, rarer] = -20.0
    assert float(task.metric(output, batch)) == 1.0  # the less likely of two is still above the others
    output[two_way, 0, 1, rarer] = -30.0
    assert float(task.metric(output, batch)) == 0.75  # a tie is wrong
    output[int(batch.mask[:, 2].sum()) - 1, 0, 2, 0] = 31.0
    assert float(task.metric(output, batch)) == 0.5


def test_the_logistic_of_the_oracle_is_each_symbols_probability():
    batch = first("reber", size=256)
    probability = suite.task("reber").oracle(batch).sigmoid()[:, 0]
    torch.testing.assert_close(probability.sum(-1)[batch.mask], torch.ones(int(batch.mask.sum())))


def test_continual_streams_are_words_without_a_gap():
    task = suite.task("continual-reber", length=200)
    batch = first(task, size=50)
    words = []
    for k in range(50):
        rest, t = spelt(batch.x[:, k]), 0
        while (found := WORD.match(rest)) or rest:
            word = found[0] if found else rest
            for n in range(1, len(word) + 1):
                assert legal(batch.y[t, k]) == (may_follow(word[:n]) or {"B"})
                t += 1
            words += [word] if found else []
            rest = rest[len(word) :]
        assert t == 200
    shares = Counter(word[1] + word[3] for word in words)
    for share in ("TT", "TP", "PT", "PP"):
        assert shares[share] / len(words) == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / len(words)))
    short = [word for word in words if word[3] == "P"]
    assert sum(word[2:-2] == "BPVVE" for word in short) / len(short) == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / len(short)))


def test_a_continual_output_may_miss_by_less_than_049():
    task = suite.task("continual-reber", length=30)
    batch = first(task, size=4)
    for off, right in ((0.489, 1.0), (0.491, 0.75)):
        output = task.oracle(batch).clone()
        output[29, 0, 3, 0] = float(torch.tensor(abs(float(batch.y[29, 3, 0]) - off)).logit())
        assert float(task.metric(output, batch)) == right


@pytest.mark.parametrize(("length", "streams"), [(40, 2048), (200, 2048), (1000, 410), (60_000, 10)])
def test_a_pass_of_long_streams_has_fewer(length, streams):
    assert sum(batch.mask.shape[1] for batch in suite.task("continual-reber", length=length).batches("test", 2, seeded())) == streams


def test_2a_by_hand():
    batch = first("long-lag-2a(lag=5)", size=200)
    read, asked_for = batch.x.argmax(-1), batch.y.argmax(-1)
    assert torch.equal(read[1:], torch.arange(4)[:, None].expand(-1, 200))
    assert torch.equal(asked_for, torch.cat([read[1:], read[:1]]))
    assert set(read[0].tolist()) == {4, 5}
    assert (batch.y.sum(-1) == 1).all()


def test_2b_by_hand():
    task = suite.task("long-lag-2b(lag=5)")
    batch = first(task, size=4000)
    read = batch.x.argmax(-1)
    assert set(read[0].tolist()) == {4, 5}
    assert torch.equal(batch.y[-1], batch.x[0])
    assert batch.y[:-1].isnan().all()
    for symbol in range(4):
        assert float((read[1:] == symbol).double().mean()) == pytest.approx(0.25, abs=4 * math.sqrt(0.25 * 0.75 / 16_000))
    output = torch.randn(5, 1, 4000, 6, generator=seeded())
    came = torch.cat([batch.x[1:], batch.x[:1]]).unsqueeze(1)
    assert float(task.loss(output, batch)) == pytest.approx(float((output.sigmoid() - came).square().sum(-1).mean()), rel=1e-5)


@pytest.mark.parametrize("name", ["long-lag-2a(lag=4)", "long-lag-2b(lag=4)"])
def test_2a_and_2b_are_right_within_025(name):
    task = suite.task(name)
    batch = first(task, size=4)
    for step, counts in ((-1, True), (0, "2a" in name)):
        for off, right in ((0.249, True), (0.251, False)):
            output = task.oracle(batch).clone()
            output[step, 0, 2, 0] = float(torch.tensor(abs(float(batch.y.nan_to_num()[step, 2, 0]) - off)).logit())
            assert float(task.metric(output, batch)) == (1.0 if right or not counts else 0.75)


def test_2c_by_hand():
    q, p, n = 7, 6, 20_000
    task = suite.task(f"long-lag-2c(lag={q}, distractors={p})")
    batch = first(task, size=n)
    read, sizes = batch.x.argmax(-1), batch.mask.sum(0)
    assert (read[0] == p + 3).all()  # b
    assert set(read[1].tolist()) == {p, p + 1}  # x, y
    assert (at_ends(batch, read) == p + 2).all()  # e
    between = (torch.arange(len(read))[:, None] >= 2) & (torch.arange(len(read))[:, None] < sizes - 1)
    assert set(read[between].tolist()) == set(range(p))
    assert float(read[between].double().mean()) == pytest.approx((p - 1) / 2, abs=4 * math.sqrt((p * p - 1) / 12 / int(between.sum())))
    assert torch.equal(at_ends(batch, batch.y), torch.nn.functional.one_hot(read[1] - p, 2).float())
    assert int(asked(batch).sum()) == n
    k = (sizes - 3 - q).tolist()
    assert min(k) == 0
    for j in range(8):
        chance = 0.1 * 0.9**j
        assert k.count(j) / n == pytest.approx(chance, abs=4 * math.sqrt(chance * (1 - chance) / n))
    assert sum(k) / n == pytest.approx(9, abs=4 * math.sqrt(90 / n))


def test_2c_is_right_within_02_of_both_outputs():
    task = suite.task("long-lag-2c(lag=3, distractors=2)")
    batch = first(task, size=4)
    end = int(batch.mask[:, 1].sum()) - 1
    for unit, off in itertools.product((0, 1), (0.199, 0.201)):
        output = task.oracle(batch).clone()
        output[end, 0, 1, unit] = float(torch.tensor(abs(float(batch.y[end, 1, unit]) - off)).logit())
        assert float(task.metric(output, batch)) == (1.0 if off < 0.2 else 0.75)


def test_the_widest_published_2c_is_drawn_batch_by_batch():
    batch = first("long-lag-2c(lag=1000, distractors=1000)", size=1)
    assert batch.x.shape[0] >= 1003
    assert batch.x.shape[2] == 1004


@pytest.mark.parametrize(("name", "longest", "relevant"), [
    ("two-sequence(variant='3a', length=50, relevant=3)", 55, 3), ("two-sequence(variant='3b', length=50, relevant=3)", 55, 3),
    ("two-sequence(variant='3c', length=50, relevant=1)", 55, 1), ("latch(length=50)", 60, 1)])
def test_classes_noise_and_lengths(name, longest, relevant):
    batch, n = first(name, size=5000), 5000
    x, sizes = batch.x[..., 0], batch.mask.sum(0)
    lengths = Counter(sizes.tolist())
    assert set(lengths) == set(range(50, longest + 1))
    share = 1 / len(lengths)
    assert all(count / n == pytest.approx(share, abs=4 * math.sqrt(share * (1 - share) / n)) for count in lengths.values())
    noise = x[relevant:][batch.mask[relevant:]].double()
    assert float(noise.mean()) == pytest.approx(0, abs=4 * math.sqrt(0.2 / len(noise)))
    assert float(noise.var()) == pytest.approx(0.2, abs=4 * 0.2 * math.sqrt(2 / len(noise)))
    up = batch.y < 0.5 if "3c" in name else batch.y > 0.5
    if "3c" in name:
        up = x[0] > 0
        targets = batch.y - torch.where(up, 0.2, 0.8)
        assert float(targets.mean()) == pytest.approx(0, abs=4 * math.sqrt(0.1 / n))
        assert float(targets.var()) == pytest.approx(0.1, abs=4 * 0.1 * math.sqrt(2 / n))
    else:
        assert set(batch.y.tolist()) == ({-1.0, 1.0} if "latch" in name else {0.0, 1.0})
    assert float(up.double().mean()) == pytest.approx(0.5, abs=2 / math.sqrt(n))
    signal = x[:relevant] - torch.where(up, 1.0, -1.0)
    if "3b" in name:
        assert float(signal.var()) == pytest.approx(0.2, abs=4 * 0.2 * math.sqrt(2 / signal.numel()))
        assert float(signal.mean()) == pytest.approx(0, abs=4 * math.sqrt(0.2 / signal.numel()))
    else:
        assert (signal == 0).all()


@pytest.mark.parametrize(("name", "tolerance"), [("two-sequence(variant='3a')", 0.2), ("two-sequence(variant='3b')", 0.2), ("two-sequence(variant='3c')", 0.1), ("latch", 0.1)])
def test_numbers_are_right_within_their_tolerance(name, tolerance):
    task = suite.task(name)
    batch = first(task, size=8)
    target = torch.where(batch.x[0, :, 0] > 0, 0.2, 0.8) if "3c" in name else batch.y
    for off, right in ((tolerance - 1e-3, 1.0), (tolerance + 1e-3, 0.0)):
        value = target - off * torch.where(target > 0.5, 1.0, -1.0)
        output = value.atanh() if name == "latch" else value.logit()
        assert float(task.metric(output[None, :, None], batch)) == right


def test_the_optimum_of_3b_is_the_sign_of_the_sum():
    task = suite.task("two-sequence", variant="3b", relevant=3, length=10)
    assert task.best == pytest.approx(0.99994624, abs=1e-8)  # Φ(√15)
    task = suite.task("two-sequence", variant="3b", relevant=1, length=10)
    assert task.best == pytest.approx(0.98732634, abs=1e-8)  # Φ(√5)
    batch = first(task, size=20_000)
    assert float(task.metric(task.oracle(batch), batch)) == pytest.approx(task.best, abs=4 * math.sqrt(task.best * (1 - task.best) / 20_000))
    assert float(task.metric(30 * (batch.x[:1, :, :1] - 0.3).sign(), batch)) < task.best


def test_the_loss_of_3c_has_the_noise_for_its_floor():
    task = suite.task("two-sequence", variant="3c", length=10)
    batch = first(task, size=20_000)
    floor = float(task.loss(task.oracle(batch), batch))
    assert floor == pytest.approx(0.1, abs=4 * 0.1 * math.sqrt(2 / 20_000))
    assert float(task.loss(task.oracle(batch) * 1.2, batch)) > floor


def test_chunker_by_hand():
    task = suite.task("chunker", lag=20, blocks=3)
    batch = first(task, size=400)
    assert (task.inputs, batch.x.shape[0]) == (22, 63)
    blocks = batch.x.argmax(-1).unflatten(0, (3, 21))
    assert (blocks[:, 1:] == torch.arange(2, 22)[:, None]).all()
    assert set(blocks[:, 0].unique().tolist()) == {0, 1}
    answers = batch.y.unflatten(0, (3, 21))
    assert (answers[:, :-1] == -1).all()
    assert torch.equal(answers[:, -1], blocks[:, 0])
    same = (blocks[0, 0] == blocks[1, 0]).double().mean()
    assert float(same) == pytest.approx(0.5, abs=2 / 20)


def test_published_figures_name_what_there_is(root):
    figures = tomllib.loads((root / "suite" / "tasks" / "published.toml").read_text(encoding="utf-8"))["figure"]
    assert all(set(f) == {"task", "setting", "method", "measure", "value", "unit", "source", "confidence"} for f in figures)
    assert {f["task"] for f in figures} <= set(TASKS)
    assert {f["source"] for f in figures} <= set(library())
    assert {f["confidence"] for f in figures} <= {"seen", "seen-2nd", "known", "derived", "unsure"}
    keys = [(f["task"], f["setting"], f["method"], f["measure"]) for f in figures]
    assert len(set(keys)) == len(keys)
