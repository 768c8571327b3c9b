"""Data that are missing, altered or cut short are told in a sentence; what is whole is decoded once."""

import hashlib
import os
import subprocess
import sys
import types

import pytest
import torch

from suite.data import DataError, NotAvailable, columns, hub, manifest, tensors
from suite.data.manifest import Manifest, Split, folder
from suite.data.words import words

TEXTS = ["A fine film.", "", "Dreadful, and late. Ünder all!", "It isn't<br />GOOD."]
LABELS = [1, 0, 0, 1]


def write_parquet(path, texts=TEXTS, labels=LABELS, **columns):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"text": texts, "label": labels} | columns), path)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).hexdigest()


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A data set of four reviews under a CARROUSEL_DATA of its own; the value is its one file."""
    text = sha("".join(TEXTS).encode(), torch.tensor([len(t.encode()) for t in TEXTS]).cumsum(0).numpy().tobytes())
    splits = {"train": Split(4, "data/train-*.parquet", {"text": text, "label": sha(torch.tensor(LABELS).numpy().tobytes())})}
    about = Manifest("tiny", "Tiny", "some/tiny", "", "0" * 40, "", "none", "", {"text": "text", "label": "label"}, splits)
    monkeypatch.setattr(tensors, "manifest", lambda name: about)
    monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "hf"))
    path = tmp_path / "data" / "some" / "tiny" / "data" / "train-00000.parquet"
    write_parquet(path)
    columns.cache_clear()
    yield path
    columns.cache_clear()


def told(kind=DataError):
    """The sentence that reading the tiny set ends in."""
    columns.cache_clear()
    with pytest.raises(kind) as raised:
        columns("tiny", "train")
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_columns_are_what_was_written(tiny):
    found = columns("tiny", "train")
    assert list(tensors.texts(found)) == TEXTS
    assert found["label"].tolist() == LABELS


def test_altered_content_is_found(tiny):
    write_parquet(tiny, [*TEXTS[:3], TEXTS[3].lower()])
    sentence = told()
    assert sentence.startswith("tiny, train: the content of 'text' is not the published one: expected sha256 ")
    assert ", found " in sentence
    write_parquet(tiny, labels=[1, 0, 1, 1])
    assert "the content of 'label'" in told()


def test_the_same_letters_cut_elsewhere_are_found(tiny):
    write_parquet(tiny, ["A fine film", ".", *TEXTS[2:]])
    assert "the content of 'text'" in told()


def test_rows_in_another_order_are_found(tiny):
    write_parquet(tiny, TEXTS[::-1], LABELS[::-1])
    assert "the content of 'text'" in told()


def test_a_wrong_number_of_rows_is_found(tiny):
    write_parquet(tiny, TEXTS[:3], LABELS[:3])
    assert told() == "tiny, train: expected 4 rows of 'text', found 3"


def test_a_missing_column_is_found(tiny):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"text": TEXTS}), tiny)
    assert told().startswith("tiny, train: column 'label' cannot be decoded as label")


@pytest.mark.parametrize("kept", [0, 4, 0.5, 0.99])
def test_a_truncated_file_is_found(tiny, kept):
    whole = tiny.read_bytes()
    tiny.write_bytes(whole[: kept if isinstance(kept, int) else int(kept * len(whole))])
    assert told().startswith(f"tiny: cannot read '{tiny}'")


def test_a_missing_file_is_named(tiny):
    tiny.unlink()
    assert told() == f"'{tiny.parents[1]}' has no 'data/train-*.parquet': the train split of tiny is missing"


def test_a_folder_that_is_none_is_named(tiny, monkeypatch):
    monkeypatch.setenv("CARROUSEL_DATA", str(tiny))
    assert told() == f"CARROUSEL_DATA names '{tiny}', which is no folder"


@pytest.mark.parametrize("here", [True, False], ids=["another folder", "no folder"])
def test_a_set_that_is_nowhere_is_not_available(tiny, tmp_path, monkeypatch, here):
    monkeypatch.setattr(hub, "reachable", lambda: False)
    if here:
        monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path / "data" / "some"))
    else:
        monkeypatch.delenv("CARROUSEL_DATA")
    said = "names no folder with some/tiny" if here else "is not set"
    assert told(NotAvailable).startswith(f"tiny is not here: CARROUSEL_DATA {said}, ")


def test_a_second_read_decodes_nothing(tiny, monkeypatch):
    once = columns("tiny", "train")
    columns.cache_clear()
    monkeypatch.setattr(hub, "rows", lambda *_: pytest.fail("decoded again"))
    again = columns("tiny", "train")
    assert again is not once
    assert all(torch.equal(once[key], again[key]) for key in once)


def cut(path):
    path.write_bytes(path.read_bytes()[:-3])


def alter(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [cut, alter, lambda path: path.write_bytes(b""), lambda path: (path.unlink(), path.mkdir())])
def test_a_damaged_cache_costs_only_time(tiny, tmp_path, damage):
    columns("tiny", "train")
    (kept,) = (tmp_path / "cache").iterdir()
    damage(kept)
    columns.cache_clear()
    assert list(tensors.texts(columns("tiny", "train"))) == TEXTS


def test_a_cache_that_cannot_be_written_costs_only_time(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path / "file"))
    assert list(tensors.texts(columns("tiny", "train"))) == TEXTS


def test_the_cache_does_not_hide_a_change_of_the_file(tiny):
    columns("tiny", "train")
    write_parquet(tiny, labels=[1, 1, 1, 1])
    assert "the content of 'label'" in told()


def idx(*shape):
    """The header of an IDX file of bytes."""
    return bytes([0, 0, 8, len(shape)]) + b"".join(n.to_bytes(4, "big") for n in shape)


@pytest.mark.parametrize(("split", "images", "labels"), [
    ("train", "6bbc9ace898e44ae57da46a324031adb", "a25bea736e30d166cdddb491f175f624"),
    ("test", "2646ac647ad5339dbf082846283269ea", "27ae3e4e09519cfbb04c329615203637"),
])
def test_mnist_is_the_original_to_the_byte(data, split, images, labels):
    data("mnist")
    found = columns("mnist", split)
    rows = len(found["label"])
    assert hashlib.md5(idx(rows, 28, 28) + found["image"].numpy().tobytes()).hexdigest() == images
    assert hashlib.md5(idx(rows) + found["label"].to(torch.uint8).numpy().tobytes()).hexdigest() == labels


def test_the_vocabulary_knows_the_training_split_only(data):
    data("imdb")
    from suite.data.words import ranks

    found = ranks("imdb")
    assert int(found["train"].min()) == 0
    assert int(found["test"].min()) == -1
    counts = torch.bincount(found["train"].long())
    assert (counts[1:] <= counts[:-1]).all()
    assert len(found["test.ends"]) == len(found["train.ends"]) == 25_000


def test_words_are_lower_case_without_mark_up():
    assert [w for text in TEXTS for w in words(text)] == ["a", "fine", "film", "dreadful", "and", "late", "nder", "all", "it", "isn't", "good"]


@pytest.mark.parametrize("name", sorted(path.parent.name for path in folder().glob("*/manifest.toml")))
def test_manifests_are_complete(name):
    about = manifest(name)
    assert about.name == name
    assert about.title
    assert about.licence
    assert about.paper
    assert [bool(about.package), bool(about.hub), bool(about.repository), bool(about.licensed)].count(True) == 1
    assert about.package or about.licensed or len(about.revision or about.commit) == 40
    assert bool(about.place) != bool(about.package)
    for split in about.splits.values():
        assert bool(about.path or split.path) == bool(about.repository)
        assert len(split.commit) in (0, 40)
        assert split.rows > 0 or about.licensed
        assert set(split.sha256) == (set() if about.licensed else set(about.columns))


def test_an_unknown_manifest_is_named():
    with pytest.raises(ValueError, match=r"no manifest for data set 'cifar'; there are .*digits, .*imdb, .*jsb, .*mnist, "):
        manifest("cifar")


FROM = {
    "-c": ["-c", "import datasets; print(datasets.__file__)"],
    "the reader": ["-c", "from suite.data.hub import hugging_face; print(hugging_face().__file__)"],
    "a script": ["SCRIPT"],
    "-m": ["-m", "own_module"],
}


@pytest.mark.parametrize("how", FROM)
def test_our_folder_datasets_does_not_hide_the_package(root, tmp_path, how):
    """Started with the checkout first on the path, as a script in it or -m would be."""
    (tmp_path / "datasets").symlink_to(root / "datasets")
    (tmp_path / "own_module.py").write_text("import datasets; print(datasets.__file__)")
    command = [str(tmp_path / "own_module.py") if part == "SCRIPT" else part for part in FROM[how]]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, *command], cwd=tmp_path, capture_output=True, text=True, env=environment, check=False)
    assert "site-packages" in done.stdout, done.stderr


def test_a_folder_that_hides_the_package_is_named(monkeypatch):
    shadow = types.ModuleType("datasets")
    shadow.__path__ = ["/somewhere/datasets"]
    monkeypatch.setitem(sys.modules, "datasets", shadow)
    with pytest.raises(NotAvailable, match="'/somewhere/datasets' hides the package 'datasets'"):
        hub.hugging_face()
