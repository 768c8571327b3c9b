"""Every task hands out what it promises: the oracle is best, the best constant is chance, the same seed the same examples."""

import hashlib
import math

import pytest
import torch

import suite
from suite.data import held_out
from suite.engines import ENGINES
from suite.tasks import TASKS, Batch, Task, scores
from suite.tasks.baselines import baselines
from suite.tasks.images import digits_split, mnist_split
from suite.tasks.streams import drawn
from suite.tasks.task import asked

SMALL = {"parity": {"length": 8}, "adding": {"length": 6}, "temporal-order": {"length": 20}, "imdb": {"length": 80, "words": 2000}}
VARIANTS = ["parity(length=8, supervision='every')", "parity(length=8, lengths='random')", "parity(length=8, lengths='random', supervision='every')"]
ASKED = [*TASKS, *VARIANTS]
GENERATED = ["parity", "adding", "temporal-order", *VARIANTS]

PINNED = {  # SHA-256 of x, y and mask of the first 1,000 training examples; a change of one raises the task's version
    "digits-rows": "digits-rows v1 456834552b08aca6",
    "digits-pixels": "digits-pixels v1 31b312c44dd0f6ea",
    "mnist-rows": "mnist-rows v1 a0605e7d41672d8e",
    "imdb": "imdb(length=80, words=2000) v1 397a1f0febf1b3b7",
    "parity": "parity(length=8, lengths='fixed', supervision='last') v1 83cda79321501ee5",
    "adding": "adding(length=6) v1 199414db5dc16dd1",
    "temporal-order": "temporal-order(length=20) v1 202d25d4bc322909",
    "parity(length=8, supervision='every')": "parity(length=8, lengths='fixed', supervision='every') v1 dc69e856ae26a03c",
    "parity(length=8, lengths='random')": "parity(length=8, lengths='random', supervision='last') v1 935761d4278e2252",
    "parity(length=8, lengths='random', supervision='every')": "parity(length=8, lengths='random', supervision='every') v1 61d08be4b321fcde",
}


@pytest.fixture
def task(request, data):
    made = suite.task(request.param, **SMALL.get(request.param, {}))
    if made.data:
        data(made.data.name)
    return made


every_task = pytest.mark.parametrize("task", ASKED, indirect=True)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def first(task, split="train", size=64, seed=0):
    return next(task.batches(split, size, seeded(seed)))


def answers(task, batch):
    """A value an answer: (N,)."""
    return batch.y[asked(batch)]


def constant(task, batch, value):
    shape = (*batch.mask.shape[:-1], 1, batch.mask.shape[-1]) if task.supervision == "every" else (1, batch.mask.shape[-1])
    if task.better == "lower":
        return torch.full((*shape, task.outputs), float(value))
    return torch.nn.functional.one_hot(torch.full(shape, value), task.outputs).float()


@every_task
def test_the_oracle_reaches_the_best_score(task):
    best = 1.0 if task.better == "higher" else 0.0
    for split in ("train", "validation", "test"):
        batch = first(task, split)
        torch.testing.assert_close(task.metric(task.oracle(batch), batch), torch.tensor([best]), atol=1e-10, rtol=0)
        assert float(task.loss(task.oracle(batch), batch)) < 1e-6
    assert task.solved < best if task.better == "higher" else task.solved > best


@every_task
def test_the_best_constant_scores_chance(task):
    if task.data:
        parts = [(constant_scores(task, batch), task.weight(batch)[1]) for batch in task.batches("test", 1000, seeded())]
        total = sum(weight for _, weight in parts)
        assert max(sum(s[c] * weight for s, weight in parts) / total for c in range(task.outputs)) == pytest.approx(task.chance, abs=1e-6)
        return
    batch = first(task, size=10_000)
    y = answers(task, batch).double()
    if task.better == "higher":
        error = math.sqrt(task.chance * (1 - task.chance) / len(y))
        assert max(constant_scores(task, batch)) == pytest.approx(task.chance, abs=4 * error)
    else:
        spread = (y - y.mean()).square()
        score = float(task.metric(constant(task, batch, y.mean()), batch))
        assert score == pytest.approx(task.chance, abs=4 * float(spread.std()) / math.sqrt(len(y)))
        assert float(task.metric(constant(task, batch, y.mean() + 0.2), batch)) > score


def constant_scores(task, batch):
    return [float(task.metric(constant(task, batch, c), batch)) for c in range(task.outputs)]


@every_task
def test_batches_have_the_documented_shapes(task):
    batch = first(task, size=7)
    length = len(batch.x)
    assert batch.x.shape == ((length, 7) if task.tokens else (length, 7, task.inputs))
    assert batch.x.dtype == (torch.int64 if task.tokens else torch.float32)
    assert batch.y.shape == ((length, 7) if task.supervision == "every" else (7,))
    assert batch.y.dtype == (torch.float32 if task.better == "lower" else torch.int64)
    assert batch.mask.shape == (length, 7)
    assert batch.mask.dtype == torch.bool
    assert batch.mask[0].all()
    assert (batch.mask[1:] <= batch.mask[:-1]).all(), "padding stands at the end"
    assert (batch.x[~batch.mask] == 0).all()
    if task.tokens:
        assert 0 <= int(batch.x.min()) <= int(batch.x.max()) < task.inputs
    if task.better == "higher":
        assert 0 <= int(batch.y.min()) <= int(batch.y.max()) < task.outputs


@every_task
def test_loss_and_metric_are_one_figure_a_replica(task):
    batch = first(task, size=7)
    shape = (len(batch.x), 3, 7, task.outputs) if task.supervision == "every" else (3, 7, task.outputs)
    output = torch.randn(shape, generator=seeded())
    for score in (task.loss, task.metric):
        whole = score(output, batch)
        assert whole.shape == (3,)
        assert torch.equal(whole[1:2], score(output[..., 1:2, :, :], batch))
    assert len(task.loss(output, batch).unique()) == 3


@every_task
def test_masked_steps_do_not_count(task):
    batch = first(task, size=64)
    if task.supervision != "every" or batch.mask.all():
        pytest.skip("no answer is asked at a masked step")
    output = torch.randn(len(batch.x), 2, 64, task.outputs, generator=seeded())
    other = torch.where(batch.mask[:, None, :, None], output, 1e3)
    for score in (task.loss, task.metric):
        assert torch.equal(score(output, batch), score(other, batch))


@every_task
def test_the_seed_decides_the_examples(task):
    def examples(seed):
        return [t for _, batch in zip(range(3), task.batches("train", 32, seeded(seed)), strict=False) for t in batch]

    assert all(torch.equal(one, other) for one, other in zip(examples(0), examples(0), strict=True))
    assert not all(one.shape == other.shape and torch.equal(one, other) for one, other in zip(examples(0), examples(1), strict=True))


@every_task
def test_no_global_generator_is_touched(task):
    before = torch.get_rng_state()
    first(task)
    assert torch.equal(before, torch.get_rng_state())


@every_task
def test_first_training_examples_are_pinned(task, request):
    name = request.node.callspec.params["task"]
    hashed, left = hashlib.sha256(), 1000
    for batch in task.batches("train", 200, seeded()):
        for tensor in batch:
            hashed.update(tensor.numpy().tobytes())
        left -= batch.mask.shape[1]
        if left <= 0:
            break
    assert f"{task.name} v{task.version} {hashed.hexdigest()[:16]}" == PINNED.get(name), f"pin {name!r}"


@every_task
def test_stored_splits_share_no_example(task):
    if not task.data:
        pytest.skip("drawn, not stored")
    seen = {split: [e for batch in task.batches(split, 500, seeded()) for e in fingerprints(batch)] for split in ("train", "validation", "test")}
    for one, other in (("train", "validation"), ("train", "test"), ("validation", "test")):
        known, asked = set(seen[one]), seen[other]
        twice = sum(example in known for example in asked)
        assert twice <= 0.02 * len(asked), f"{twice} of {len(asked)} {other} examples stand in {one}, too"  # IMDB holds some reviews twice


def fingerprints(batch):
    table = batch.x.transpose(0, 1).flatten(1).numpy()
    return [hash(row.tobytes().rstrip(b"\0")) for row in table]


@pytest.mark.parametrize(("rule", "rows"), [(digits_split, 1797), (mnist_split, 60_000), (lambda s: ("train", held_out(25_000)[s == "validation"]), 25_000)])
def test_split_rules_use_every_row_once(rule, rows):
    stored = [(where, chosen) for where, chosen in map(rule, ("train", "validation", "test")[: 3 if rule is digits_split else 2])]
    assert torch.equal(torch.cat([chosen for _, chosen in stored]).sort().values, torch.arange(rows))
    assert len(stored[1][1]) == pytest.approx(rows / 10, abs=2)


@pytest.mark.parametrize(("name", "arguments", "sentence"), [
    ("addding", {}, "unknown task 'addding'; did you mean 'adding'?"),
    ("adding", {"lenght": 5}, "unknown argument of task 'adding', 'lenght'; did you mean 'length'?"),
    ("digits-rows", {"length": 5}, "task 'digits-rows' takes no arguments, given was 'length'"),
    ("adding", {"length": 1}, "adding needs a length from 2 to 1,000,000, not 1"),
    ("parity", {"supervision": "end"}, "parity needs length from 1 to 1,000,000, supervision 'last' or 'every'"),
    ("temporal-order", {"length": 9}, "temporal-order needs a length from 10 to 1,000,000, not 9"),
    ("imdb", {"words": 0}, "imdb needs a length and a number of words from 1 to 1,000,000"),
    ("adding(length=", {}, "cannot read 'adding(length='"),
    ("nowhere:task", {}, "task 'nowhere:task' cannot be imported"),
    ("math:sqrt", {}, "task 'math:sqrt': missing a required argument"),
    ("math:pi", {}, "task 'math:pi' cannot be called: it is a float"),
    ("adding(length='ten')", {}, "task 'adding': length must be of type int, as 100 is, not 'ten'"),
    ("adding", {"length": 5.5}, "task 'adding': length must be of type int, as 100 is, not 5.5"),
    ("os:getcwd", {}, "task 'os:getcwd' must be a callable **difficulty -> Task; it returned str"),
])
def test_mistakes_are_told_in_a_sentence(name, arguments, sentence):
    with pytest.raises(ValueError) as raised:
        suite.task(name, **arguments)
    assert str(raised.value).startswith(sentence)
    assert "\n" not in str(raised.value)


@every_task
def test_unknown_split_names_the_near_miss(task):
    with pytest.raises(ValueError, match="unknown split 'validate'; did you mean 'validation'"):
        next(task.batches("validate", 4, seeded()))


@pytest.mark.parametrize("engine", ["hoisted", "vendor"])
@pytest.mark.parametrize("readout", ["last", "mean"])
def test_a_padded_imdb_batch_gives_the_answer_of_the_unpadded_one(data, readout, engine):
    data("imdb")
    task = suite.task("imdb", length=60, words=500)
    batch = Batch(*(t[..., :12] for t in next(task.batches("train", 300, seeded(4)))))
    sizes = batch.mask.sum(0)
    assert len(sizes.unique()) > 1, "nothing is padded"
    network = suite.network("lstm", 6, inputs=task.inputs, outputs=2, readout=readout, embedding=5)
    params = {name: torch.cat([network.start(s)[name] for s in (0, 1)]).double() for name in network.shapes()}
    together = network(params, batch.x, batch.mask, ENGINES[engine])
    for k, size in enumerate(sizes.tolist()):
        alone = network(params, batch.x[:size, k : k + 1], batch.mask[:size, k : k + 1], ENGINES[engine])
        torch.testing.assert_close(together[:, k : k + 1], alone, atol=0, rtol=1e-10)


@pytest.mark.parametrize("name", GENERATED)
def test_no_baseline_solves_a_task_that_needs_memory(name):
    task = suite.task(name, **SMALL.get(name, {}))
    found = {b.name: b for b in baselines(task)}
    best = found["best constant"]
    assert best.score == pytest.approx(task.chance, abs=4 * best.deviation / math.sqrt(best.n))
    assert all(b.score < task.solved if task.better == "higher" else b.score > task.solved for b in found.values())


def test_a_task_solved_by_the_bag_of_inputs_is_noticed():
    def draw(n, generator):
        x = torch.randint(2, (9, n, 1), generator=generator) * 2.0 - 1.0
        return Batch(x, (x.sum(0)[:, 0] > 0).long(), torch.ones(9, n, dtype=torch.bool))

    majority = Task("majority", drawn(draw), 1, 2, scores.cross_entropy, scores.accuracy, lambda b: scores.certain(2)(b.y), 0.5, 0.99, "higher", "accuracy", 1, None, "")
    found = {b.name: b.score for b in baselines(majority)}
    assert found["bag of inputs"] > 0.99
    assert found["best constant"] < found["last input"] < 0.8


def test_a_task_solved_by_its_last_input_is_noticed():
    def draw(n, generator):
        x = torch.randn(4, n, 1, generator=generator)
        return Batch(x, (x[-1, :, 0] > 0).long(), torch.ones(4, n, dtype=torch.bool))

    echo = Task("echo", drawn(draw), 1, 2, scores.cross_entropy, scores.accuracy, lambda b: scores.certain(2)(b.y), 0.5, 0.99, "higher", "accuracy", 1, None, "")
    assert {b.name: b.score for b in baselines(echo)}["last input"] > 0.99
