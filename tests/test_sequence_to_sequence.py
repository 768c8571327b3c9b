"""Reversing, sorting and translating do what they say, and teacher forcing scores what greedy decoding would."""

import hashlib

import pytest
import torch

import suite
from suite.tasks import scores
from suite.tasks.task import Batch, asked
from suite.tasks.translation import NUMBERS, SOURCE, TARGET, answered, said
from suite.training.fit import fit

NAMES = [f"{task}(source='{source}')" for task in ("reverse", "sort-digits", "translation") for source in ("forward", "reversed")]
PINNED = {
    "reverse(length=10, source='forward', symbols=10)": "82a816a7d09a5cb3",
    "reverse(length=10, source='reversed', symbols=10)": "85ca9bbedbcac92f",
    "sort-digits(length=10, source='forward')": "b126d57f4eeb4187",
    "sort-digits(length=10, source='reversed')": "0f39cbf5d6d2531a",
    "translation(adjectives=2, clauses=True, source='forward')": "1b2ec00643e97055",
    "translation(adjectives=2, clauses=True, source='reversed')": "9c2ff736a748db80",
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def first(name, size=200, split="train", seed=0):
    return next(suite.task(name).batches(split, size, seeded(seed)))


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


def examples(name, **more):
    """Each example as plain Python: the source in its own order, what is fed after the go symbol, and what is asked; symbols as they are numbered in x."""
    task, batch = suite.task(name), first(name, **more)
    go = NUMBERS.go if task.tokens else task.inputs - 1
    tokens = batch.x if task.tokens else batch.x.argmax(-1)
    for row, size in enumerate(batch.mask.sum(0).tolist()):
        fed, wanted = tokens[:size, row].tolist(), batch.y[:size, row].tolist()
        place = fed.index(go)
        assert fed.count(go) == 1
        assert wanted[:place] == [-1] * place
        source = fed[:place]
        yield source[::-1] if "reversed" in name else source, fed[place + 1 :], wanted[place:]


@pytest.mark.parametrize("name", NAMES)
def test_the_target_so_far_is_fed_and_the_end_is_asked(name):
    task = suite.task(name)
    shift = NUMBERS.shift if task.tokens else 0
    for source, fed, wanted in examples(name):
        assert [k - shift for k in fed] == wanted[:-1]
        assert wanted[-1] == task.outputs - 1
        assert task.outputs - 1 not in wanted[:-1]
        assert len(source) == len(fed)


@pytest.mark.parametrize("source", ["forward", "reversed"])
@pytest.mark.parametrize(("name", "rule"), [("reverse", lambda s: s[::-1]), ("sort-digits", sorted)])
def test_reversed_and_sorted_by_hand(name, rule, source):
    sizes = []
    for given, _, wanted in examples(f"{name}(length=6, source='{source}')", size=3000):
        assert wanted[:-1] == rule(given)
        sizes.append(len(given))
    counts = torch.bincount(torch.tensor(sizes), minlength=7)[1:]
    assert float((counts - 500).abs().max()) < 5 * 500**0.5


def translate(words):
    """A translator that reads a sentence from left to right, word by word, and knows the grammar and nothing of tensors."""
    words = list(words)
    stems = {"often": "lume", "never": "nike", "today": "keste", "old": "ger", "big": "mag", "red": "rub", "wise": "sap", "tired": "lan", "small": "pet"}
    nouns = {"dog": "kut", "cat": "gat", "bird": "vog", "fox": "ref", "child": "lap", "fish": "hal", "horse": "kab", "snake": "orm"}
    verbs = {"see": "vid", "like": "am", "chase": "jag", "follow": "seg", "fear": "tim", "hear": "aud"}
    second = {"cat", "fox", "fish", "snake"}

    def phrase():
        plural = {"a": False, "some": True}[words.pop(0)]
        adjectives = []
        while words[0] in stems:
            adjectives.append(stems[words.pop(0)])
        noun = words.pop(0)
        ending = ("a" if noun in second else "o") + ("n" if plural else "")
        return [nouns[noun] + ("un" if plural else "u"), *(stem + ending for stem in reversed(adjectives)), "d" + ending], ending, plural

    adverb = [stems[words.pop(0)]] if words[0] in ("often", "never", "today") else []
    subject, ending, plural = phrase()
    agreeing = "ent" if plural else "es"
    clause = []
    if words[0] == "that":
        words.pop(0)
        verb = verbs[words.pop(0)] + agreeing
        clause = ["kw" + ending, *phrase()[0], verb]
    verb = verbs[words.pop(0)] + agreeing
    found = [*subject, *clause, *phrase()[0], *adverb, verb]
    assert not words
    return found


@pytest.mark.parametrize(("name", "longest"), [("translation", 16), ("translation(source='reversed')", 16), ("translation(adjectives=0, clauses=False)", 6), ("translation(adjectives=4)", 22)])
def test_translations_are_those_of_a_translator_that_reads(name, longest):
    seen = {}
    for source, _, wanted in examples(name, size=1000):
        sentence, translation = [SOURCE[k] for k in source], [TARGET[k] for k in wanted[:-1]]
        assert translation == translate(sentence)
        assert seen.setdefault(tuple(sentence), translation) == translation
    assert len(seen) > (200 if "False" in name else 900)
    lengths = {len(sentence) for sentence in seen}
    assert min(lengths) == 5, "two nouns with their determiners, and a verb"
    assert longest - 3 <= max(lengths) <= longest


def test_every_word_comes_and_has_a_translation():
    assert len(SOURCE) == len(set(SOURCE)) == 26
    assert len(TARGET) == len(set(TARGET)) == 63
    task = suite.task("translation")
    batch = first("translation", 12_000)
    assert set(batch.x[batch.mask].tolist()) == set(range(task.inputs))
    assert set(batch.y[asked(batch)].tolist()) == set(range(task.outputs))
    assert said(batch.x[:, 0]).split() == [SOURCE[k] for k in batch.x[:, 0].tolist()[: len(said(batch.x[:, 0]).split())]]
    assert answered(batch.y[:, 0]).split() == translate(said(batch.x[:, 0]).split())


def test_plural_clause_agrees_with_the_subject_across_it():
    """The main verb's number is that of the subject, whatever the number of the nouns between."""
    for source, _, wanted in examples("translation", size=500):
        verb = TARGET[wanted[-2]]
        plural = next(SOURCE[k] for k in source if SOURCE[k] in ("a", "some")) == "some"
        assert verb.endswith("ent" if plural else "es")


@pytest.mark.parametrize("name", NAMES)
def test_the_oracle_sees_the_source_alone(name):
    """It is right on every split, and stays so where the target that is fed is spoilt."""
    task = suite.task(name)
    for split in ("train", "validation", "test"):
        batch = first(name, split=split)
        assert float(task.metric(task.oracle(batch), batch)) == 1.0
        assert float(task.loss(task.oracle(batch), batch)) < 1e-6
        begun = asked(batch) & ~asked(batch).roll(1, 0).index_fill(0, torch.tensor([0]), False)
        fed = asked(batch) & ~begun
        spoilt = batch._replace(x=torch.where(fed if task.tokens else fed[..., None], 0, batch.x))
        assert torch.equal(task.oracle(spoilt).argmax(-1)[:, 0][asked(batch)], batch.y[asked(batch)])
        right = task.oracle(batch)[..., torch.randperm(batch.mask.shape[1], generator=seeded()), :]
        assert float(task.metric(right, batch)) < 0.5


def test_one_wrong_symbol_is_a_wrong_sequence():
    task, batch = suite.task("reverse"), first("reverse")
    output = task.oracle(batch)
    for row in range(50):
        step = asked(batch)[:, row].nonzero()[row % int(asked(batch)[:, row].sum()), 0]
        output[step, 0, row] *= -1
    assert float(task.metric(output, batch)) == 0.75


def greedy(network, weights, task, batch):
    """What a network says when it is fed its own answers: the whole of x is asked again for every symbol."""
    x, wanted = batch.x.clone(), asked(batch)
    for step in range(len(x)):
        said = network(weights, x, batch.mask, asked=wanted)[step, 0].argmax(-1)
        if step + 1 < len(x):
            feed = wanted[step] & wanted[step + 1]
            symbols = torch.nn.functional.one_hot(said, task.inputs).to(x.dtype)
            x[step + 1] = torch.where(feed[:, None], symbols, x[step + 1])
    return network(weights, x, batch.mask, asked=wanted), x


@pytest.mark.parametrize("decoder", [False, True])
def test_teacher_forcing_scores_what_greedy_decoding_does(decoder):
    """Of a network that is right now and then, sequence by sequence."""
    task = suite.task("reverse", length=3, symbols=3)
    network = suite.network("gru", 16, inputs=task.inputs, outputs=task.outputs, readout="every", decoder=decoder)
    (run,) = fit(network, task, [0], suite.Optimiser(lr=1e-2), batch=32, steps=60 if decoder else 90, evaluate_every=30)
    batch = next(task.batches("test", 400, seeded(1)))
    forced = network(run.weights, batch.x, batch.mask, asked=asked(batch))
    free, fed = greedy(network, run.weights, task, batch)
    by_row = [[float(task.metric(output[:, :, k : k + 1], Batch(*(t[:, k : k + 1] for t in batch)))) for k in range(400)] for output in (forced, free)]
    assert by_row[0] == by_row[1]
    assert 0.1 < sum(by_row[0]) / 400 < 0.9, "both kinds are there"
    assert not torch.equal(fed, batch.x), "what was fed differs where it errs"
    assert scores.all_right(forced, batch) == scores.all_right(free, batch)


@pytest.mark.parametrize(("name", "arguments", "sentence"), [
    ("reverse", {"length": 0}, "reverse needs a length from 1 to 500,000, not 0"),
    ("reverse", {"symbols": 1}, "reverse needs from 2 to 1,000 symbols, not 1"),
    ("reverse", {"source": "backward"}, "reverse needs source 'forward' or 'reversed', not 'backward'"),
    ("sort-digits", {"length": 600_000}, "sort-digits needs a length from 1 to 500,000, not 600000"),
    ("translation", {"adjectives": -1}, "translation needs from 0 to 100 adjectives a noun at most, not -1"),
])
def test_mistakes_are_told_in_a_sentence(name, arguments, sentence):
    with pytest.raises(ValueError) as raised:
        suite.task(name, **arguments)
    assert str(raised.value) == sentence
