"""A user's own arrays and tables become tasks: the same examples whatever they came in, whole by the battery, mistakes in a sentence."""

import math

import numpy as np
import pandas as pd
import pytest
import torch

import suite
from suite import task_from
from suite.data.split import place
from suite.launch.describe import describe_task
from suite.tasks.conformance import check
from suite.training.fit import fit

N = 60


def series(n=N, inputs=2, seed=0):
    """Sequences of 3 to 8 steps, and whether the first input began above 0."""
    draw = np.random.default_rng(seed)
    x = [draw.normal(size=(int(k), inputs)) for k in draw.integers(3, 9, n)]
    return x, ["up" if one[0, 0] > 0 else "down" for one in x]


def every_answer(x):
    return [(one[:, 0] > 0).astype(int) for one in x]


def first(task, split="test", size=200):
    return next(task.batches(split, size, torch.Generator().manual_seed(0)))


def failed(task):
    return {f.name: f.detail for f in check(task) if not f.holds}


def long_table(x, y):
    return pd.DataFrame([{"id": f"s{k}", "t": t, "a": step[0], "b": step[1], "label": label} for k, (one, label) in enumerate(zip(x, y, strict=True)) for t, step in enumerate(one)])


def same(one, other):
    for split in ("train", "validation", "test"):
        for a, b in zip(first(one, split), first(other, split), strict=True):
            assert torch.equal(a.nan_to_num(9.0), b.nan_to_num(9.0))
    assert one.data.checksum == other.data.checksum
    return True


X, Y = series()
TEXTS = [f"{'good' if k % 3 else 'bad'} film number {k}, {'really' * (k % 2)} really" for k in range(N)]
KINDS = {
    "classes": lambda: task_from(x=X, y=Y),
    "numbers": lambda: task_from(x=X, y=[float(one.sum()) for one in X]),
    "an array": lambda: task_from(x=np.stack([one[:3] for one in X]), y=Y),
    "one input": lambda: task_from(x=[one[:, 0] for one in X], y=Y, standardise=True),
    "a tensor": lambda: task_from(x=torch.randn(N, 4, 2, generator=torch.Generator().manual_seed(0)), y=torch.arange(N) % 3),
    "a class a step": lambda: task_from(x=X, y=every_answer(X), supervision="every"),
    "a number a step, some not asked": lambda: task_from(x=X, y=[np.where(one[:, 0] > 1, np.nan, one[:, 1]) for one in X], supervision="every"),
    "texts": lambda: task_from(x=TEXTS, y=[k % 3 > 0 for k in range(N)]),
    "lists of tokens": lambda: task_from(x=[text.split() for text in TEXTS], y=[k % 3 for k in range(N)], vocabulary=5),
    "integers as tokens": lambda: task_from(x=[[k, k + 1] for k in range(N)], y=[k % 2 for k in range(N)], tokens=True),
    "three sets": lambda: task_from(x={"train": X[:40], "validation": X[40:50], "test": X[50:]}, y={"train": Y[:40], "validation": Y[40:50], "test": Y[50:]}),
    "two sets": lambda: task_from(x={"train": X[:40], "test": X[40:]}, y={"train": Y[:40], "test": Y[40:]}),
    "named splits": lambda: task_from(x=X, y=Y, split=["test" if k % 4 == 0 else "train" for k in range(N)]),
    "a long table": lambda: task_from(long_table(X, Y), x=["a", "b"], y="label", sequence="id", time="t"),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_a_whole_task(kind):
    assert failed(KINDS[kind]()) == {}


def test_values_answers_and_splits_are_those_given():
    task, where = task_from(x=X, y=Y), place(N)
    batch, rows = first(task), [k for k in range(N) if where[k] >= 0.8]
    assert batch.mask.shape[1] == len(rows)
    for column, k in enumerate(rows):
        size = len(X[k])
        torch.testing.assert_close(batch.x[:size, column], torch.tensor(X[k], dtype=torch.float32))
        assert batch.mask[:, column].sum() == size
        assert ("down", "up")[int(batch.y[column])] == Y[k]
    shares = [Y[k] for k in rows]
    assert task.chance == max(shares.count("up"), shares.count("down")) / len(rows)


def test_a_table_gives_what_the_arrays_give(tmp_path):
    table = long_table(X, Y)
    lists = pd.DataFrame({"series": [one.tolist() for one in X], "label": Y, "a": [one[:, 0] for one in X], "b": [one[:, 1] for one in X]})
    table.sample(frac=1, random_state=0).sort_values("id", key=lambda ids: ids.str[1:].astype(int), kind="stable").to_csv(tmp_path / "steps.csv", index=False)
    lists.to_parquet(tmp_path / "rows.parquet")
    arrays = task_from(x=X, y=Y)
    assert same(arrays, task_from(tmp_path / "steps.csv", x=["a", "b"], y="label", sequence="id", time="t"))
    assert same(arrays, task_from(str(tmp_path / "rows.parquet"), x="series", y="label"))
    assert same(arrays, task_from(tmp_path / "rows.parquet", x=["a", "b"], y="label"))
    assert task_from(tmp_path / "rows.parquet", x="series", y="label").name == f"rows(content='{arrays.data.checksum}')"


def test_a_wide_table_has_a_column_a_step(tmp_path):
    x = np.random.default_rng(1).normal(size=(N, 3))
    pd.DataFrame({"s0": x[:, 0], "s1": x[:, 1], "s2": x[:, 2], "y": x[:, 0]}).to_csv(tmp_path / "wide.csv", index=False)
    assert same(task_from(x=x, y=x[:, 0].tolist()), task_from(tmp_path / "wide.csv", x=["s0", "s1", "s2"], y="y"))


def test_texts_and_tokens_of_a_table(tmp_path):
    labels = [k % 3 for k in range(N)]
    pd.DataFrame({"text": TEXTS, "tokens": [text.split() for text in TEXTS], "y": labels}).to_parquet(tmp_path / "texts.parquet")
    assert same(task_from(x=TEXTS, y=labels), task_from(tmp_path / "texts.parquet", x="text", y="y"))
    assert same(task_from(x=[text.split() for text in TEXTS], y=labels), task_from(tmp_path / "texts.parquet", x="tokens", y="y"))
    steps = pd.DataFrame([{"id": k, "word": word, "y": label} for k, (text, label) in enumerate(zip(TEXTS, labels, strict=True)) for word in text.split()])
    assert same(task_from(x=[text.split() for text in TEXTS], y=labels), task_from(steps, x="word", y="y", sequence="id"))


def test_a_split_column_and_a_file_a_split(tmp_path):
    where = ["test" if k % 4 == 0 else "validation" if k % 4 == 1 else "train" for k in range(N)]
    table = long_table(X, Y)
    table["part"] = [where[int(each[1:])] for each in table["id"]]
    named = task_from(x=X, y=Y, split=where)
    same(named, task_from(table, x=["a", "b"], y="label", sequence="id", split="part"))
    for split, part in table.groupby("part"):
        part.to_csv(tmp_path / f"{split}.csv", index=False)
    files = {split: tmp_path / f"{split}.csv" for split in ("train", "validation", "test")}
    apart = task_from(files, x=["a", "b"], y="label", sequence="id")
    for split in files:
        assert all(torch.equal(a, b) for a, b in zip(first(named, split), first(apart, split), strict=True))


def test_without_rows_for_validation_a_tenth_of_training_is():
    task = KINDS["two sets"]()
    assert [len(first(task, split).y) for split in ("train", "validation", "test")] == [35, 5, 20]


def test_standardised_by_the_steps_of_training_alone():
    shifted = [one + (100.0 if place(N)[k] >= 0.8 else 0.0) for k, one in enumerate(X)]
    task = task_from(x=shifted, y=Y, standardise=True)
    batch = first(task, "train")
    steps = batch.x[batch.mask]
    torch.testing.assert_close(steps.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(steps.std(0, correction=0), torch.ones(2), atol=1e-4, rtol=0)
    assert first(task).x.max() > 50


def test_tokens_are_numbered_by_training_and_the_rest_is_unknown():
    x = {"train": [["a", "a", "b"], ["a", "c"]], "validation": [["b"]], "test": [["z", "a"], ["b", "b", "b"]]}
    task = task_from(x=x, y={"train": [0, 1], "validation": [0], "test": [0, 1]}, vocabulary=2)
    assert task.inputs == 4
    assert first(task).x.T.tolist() == [[1, 2, 0], [3, 3, 3]]
    assert sorted(first(task, "train").x.T.tolist()) == [[2, 1, 0], [2, 2, 3]]


def test_texts_that_are_alike_but_for_unknown_words_are_no_overlap():
    x = {"train": ["one film", "two films"], "validation": ["a play"], "test": ["an opera", "the opera"]}
    assert failed(task_from(x=x, y={"train": [0, 1], "validation": [0], "test": [0, 1]})) == {}
    x["test"][0] = "one film"
    with pytest.raises(ValueError, match=r"\(1 in train and test\): take them out, or say overlap=1"):
        task_from(x=x, y={"train": [0, 1], "validation": [0], "test": [0, 1]})
    task_from(x=x, y={"train": [0, 1], "validation": [0], "test": [0, 1]}, overlap=1)


def test_the_checksum_is_that_of_the_content():
    base = task_from(x=X, y=Y).data.checksum
    changed = [one.copy() for one in X]
    changed[7][0, 1] += 1e-3
    others = [task_from(x=changed, y=Y), task_from(x=X, y=[{"up": "a", "down": "b"}[label] for label in Y]), task_from(x=X, y=Y, standardise=True), task_from(x=X[::-1], y=Y[::-1])]
    assert len({base, *(task.data.checksum for task in others)}) == 5
    assert task_from(x=[one.tolist() for one in X], y=Y).data.checksum == base


def test_it_is_learnt_and_limited_like_any_other():
    task = suite.tasks.limited.limited(task_from(x=X, y=Y), 20)
    assert task.name.startswith("given(content='")
    assert task.name.endswith("', train=20)")
    (run,) = fit(suite.network("gru", 6, inputs=2, outputs=2), task, steps=5, batch=8)
    assert run.status == "done"
    assert 0 <= run.test <= 1


def test_a_module_that_makes_one_is_named_in_specs(tmp_path, monkeypatch):
    (tmp_path / "mine_given.py").write_text("import suite\n\ndef own(n=60):\n    return suite.task_from(x=[[k, k * k] for k in range(n)], y=[k % 2 for k in range(n)])\n\nmade = own()\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert describe_task("mine_given:own(n=50)")["data"] == suite.task("mine_given:own", n=50).data.checksum
    assert describe_task("mine_given:made")["data"] == suite.task("mine_given:own").data.checksum
    assert describe_task("mine_given:made")["about"] == ""


def bad(k, value):
    x = [one.copy() for one in X]
    x[k] = value
    return x


TABLE = long_table(X, Y)
MISTAKES = {
    "other widths": ({"x": bad(3, np.ones((2, 5))), "y": Y}, "sequence 3 has 5 inputs, and the first has 2"),
    "ragged": ({"x": bad(3, [[1, 2], [3]]), "y": Y}, "sequence 3 is ragged or holds what is no number"),
    "too many axes": ({"x": np.ones((9, 2, 2, 2)), "y": Y[:9]}, "sequence 0 has 3 axes; it must be (steps, inputs) or (steps,)"),
    "missing values": ({"x": bad(4, np.array([[1.0, math.nan], [math.inf, 0.0]])), "y": Y}, "sequence 4 has 2 values that are missing or not finite"),
    "no steps": ({"x": bad(5, np.ones((0, 2))), "y": Y}, "sequence 5 has no steps"),
    "fewer answers": ({"x": X, "y": Y[1:]}, "there are 60 sequences and 59 answers"),
    "a missing answer": ({"x": X, "y": [*Y[:8], None, *Y[9:]]}, "the answer of sequence 8 is missing"),
    "one class": ({"x": X, "y": ["up"] * N}, "training holds one class only, 'up'"),
    "one class to test": ({"x": X, "y": ["b" if place(N)[k] >= 0.8 else "ab"[k % 2] for k in range(N)]}, "split 'test' holds one answer only, 'b'"),
    "a class that training lacks": ({"x": X, "y": ["new" if place(N)[k] >= 0.9 else "ab"[k % 2] for k in range(N)]}, "is of class 'new', which no sequence of training is"),
    "a number that is none": ({"x": X, "y": [1.5, "x"] * 30}, "the answer 'x' of sequence 1 is no finite number"),
    "answers a step unasked for": ({"x": X, "y": every_answer(X)}, "y has an answer a step in sequence 0; say supervision='every'"),
    "too few answers a step": ({"x": X, "y": [[0, 1]] * N, "supervision": "every"}, "sequence 0 has 8 steps and 2 answers"),
    "an answer for all steps": ({"x": X, "y": Y, "supervision": "every"}, "sequence 0 has 8 steps and one answer"),
    "an empty split": ({"x": X[:3], "y": Y[:3]}, "split 'test' is empty: there are 3 sequences"),
    "no test": ({"x": X, "y": Y, "split": ["train"] * N}, "split 'test' is empty: there are 60 sequences"),
    "another split": ({"x": X, "y": Y, "split": ["train", "tets"] * 30}, "unknown split 'tets'; did you mean 'test'?"),
    "too few splits": ({"x": X, "y": Y, "split": ["train"]}, "there are 60 sequences, and 1 say which split they belong to"),
    "sets that differ": ({"x": {"train": X}, "y": {"test": Y}}, "x and y must be given for the same splits"),
    "an overlap": ({"x": bad(1, X[0]), "y": Y}, "sequences stand in two splits (1 in"),
    "an overlap that is none": ({"x": X, "y": Y, "overlap": 2}, "sequences stand in two splits (none): take them out, or say overlap=0"),
    "a constant input": ({"x": [one * [1, 0] for one in X], "y": Y, "standardise": True}, "input 1 is the same at every step of training"),
    "standardised tokens": ({"x": TEXTS, "y": [k % 3 for k in range(N)], "standardise": True}, "tokens cannot be standardised"),
    "strings that are no tokens": ({"x": TEXTS, "y": [k % 3 for k in range(N)], "tokens": False}, "strings are tokens, and tokens=False was given"),
    "a missing token": ({"x": [["a", None]] * N, "y": Y}, "sequence 0 has tokens that are missing, lists or fractions"),
    "a string for x": ({"x": "a", "y": "b"}, "x and split name columns, and no table is given"),
    "a column without a table": ({"x": X, "y": Y, "sequence": "id"}, "sequence and time name columns of a table, and none is given"),
    "another supervision": ({"x": X, "y": Y, "supervision": "all"}, "supervision must be 'last' or 'every'"),
    "no such column": ({"table": TABLE, "x": ["a", "bb"], "y": "label", "sequence": "id"}, "unknown column 'bb'; did you mean 'b'?"),
    "no such answer": ({"table": TABLE, "x": ["a"], "y": "labl", "sequence": "id"}, "unknown column 'labl'; did you mean 'label'?"),
    "a column with gaps": ({"table": TABLE.assign(a=TABLE["a"].where(TABLE.index != 7)), "x": "a", "y": "label", "sequence": "id"}, f"column 'a' misses 1 of {len(TABLE)} values, the first in row 7"),
    "a column of text": ({"table": TABLE.assign(a="?"), "x": ["a", "b"], "y": "label", "sequence": "id"}, "column 'a' holds what is no number, '?' for one"),
    "an answer that changes": ({"table": TABLE, "x": "a", "y": "b", "sequence": "id"}, "column 'b' changes within sequence 's0'; say supervision='every'"),
    "two rows at a time": ({"table": TABLE.assign(t=1), "x": "a", "y": "label", "sequence": "id", "time": "t"}, "sequence 's0' has two rows at t 1"),
    "time without a sequence": ({"table": TABLE, "x": "a", "y": "label", "time": "t"}, "time 't' orders the rows of a sequence"),
    "columns of other lengths": ({"table": pd.DataFrame({"a": [[1, 2]], "b": [[1]], "y": [0]}), "x": ["a", "b"], "y": "y"}, "row 0 is ragged: its columns hold 2, 1 steps"),
    "no rows": ({"table": TABLE[:0], "x": "a", "y": "label"}, "the table has no rows"),
    "no file": ({"table": "/nowhere/x.csv", "x": "a", "y": "b"}, "there is no file '/nowhere/x.csv'"),
    "another kind of file": ({"table": "x.xlsx", "x": "a", "y": "b"}, "'x.xlsx' must end in .csv or .parquet"),
    "a list for the split of a table": ({"table": TABLE, "x": "a", "y": "label", "split": ["train"]}, "of a table, split names a column"),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_sentence(name):
    arguments, sentence = MISTAKES[name]
    with pytest.raises(ValueError) as raised:
        task_from(**arguments)
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(("name", "content"), [("x.csv", b""), ("x.parquet", b"PAR1 not quite"), ("y.csv", b'a,b\n"1,2\n')])
def test_a_damaged_file_is_one_sentence(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError) as raised:
        task_from(tmp_path / name, x="a", y="b")
    assert str(raised.value).startswith(f"'{tmp_path / name}' cannot be read: ") or "the table has no rows" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_columns_that_hold_missing_values_by_themselves_are_read():
    table = long_table(X, Y)
    other = table.assign(a=table["a"].astype("Float64"), label=table["label"].astype("string"))
    assert same(task_from(table, x=["a", "b"], y="label", sequence="id", time="t"), task_from(other, x=["a", "b"], y="label", sequence="id", time="t"))
    steps = table.assign(label=pd.array([k % 3 if k % 5 else None for k in range(len(table))], dtype="Int64"))
    assert task_from(steps, x="a", y="label", sequence="id", supervision="every").outputs == 3


def test_whole_numbers_with_gaps_are_not_guessed_at():
    y = [[float(k % 2) if k % 3 else float("nan") for k in range(len(one))] for one in X]
    with pytest.raises(ValueError, match="say answer='class' or answer='number'"):
        task_from(x=X, y=y, supervision="every")
    assert task_from(x=X, y=y, supervision="every", answer="class").outputs == 2
    assert task_from(x=X, y=y, supervision="every", answer="number").measure == "mean squared error"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"vocabulary": 0}, "vocabulary is the number of tokens that are told apart, 1 or more, not 0"),
        ({"solved": "a"}, "solved is a score, a finite number, not 'a'"),
        ({"x": [[1e300, 0.0], *([float(k), 1.0] for k in range(59))]}, "an input of 1e[+]300 is too large for float32"),
        ({"y": list(range(60))}, "say answer='number' if it is one"),
    ],
)
def test_more_mistakes_are_one_sentence(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        task_from(**{"x": X, "y": Y} | given)


def test_of_a_smaller_training_set_chance_is_that_of_the_whole():
    task = suite.task("digits-rows", train=30)
    assert failed(task) == {}
