"""Speech and pen strokes are what the published files hold, cepstra are what their definition says, and nothing but training standardises them."""

import hashlib
import io
import math
import os
import re
import tarfile
import threading
import wave
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch

import suite
from suite.data import DataError, NotAvailable, columns, formats, held_out, manifest, repository, sound
from suite.data import mfcc as cepstral
from suite.tasks.labelled import Part, standardised, steps
from suite.tasks.published import figures

NAMES = ["pendigits", "japanese-vowels", "spoken-digits"]
COUNTS = {  # of classes in training and test: the data's README
    "pendigits": ([780, 779, 780, 719, 780, 720, 720, 778, 719, 719], [363, 364, 364, 336, 364, 335, 336, 364, 336, 336]),
    "japanese-vowels": ([30] * 9, [31, 35, 88, 44, 29, 24, 40, 50, 29]),
    "spoken-digits": ([270] * 10, [30] * 10),
}
LENGTHS = {"pendigits": (8, 8), "japanese-vowels": (7, 29), "spoken-digits": (1_148, 18_262)}


def first_column(name):
    return next(iter(manifest(name).columns))


def lengths(name, split):
    return columns(name, split)[f"{first_column(name)}.ends"].diff(prepend=torch.zeros(1, dtype=torch.long))


# what the sets hold


@pytest.mark.parametrize("name", NAMES)
def test_files_are_those_of_the_table(data, name):
    data(name)
    root = Path(os.environ["CARROUSEL_DATA"])
    if not (root / "README.md").is_file():
        pytest.skip("the data have no README beside them")
    listed = dict(re.findall(r"^\| `(\S+\.parquet)` \|.*\| `(\w{64})` \|$", (root / "README.md").read_text(encoding="utf-8"), re.MULTILINE))
    about = manifest(name)
    files = [path for split in about.splits.values() for path in (root / about.place).glob(split.files)]
    assert len(files) == 2
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == listed[str(path.relative_to(root))] for path in files)


@pytest.mark.parametrize("name", NAMES)
def test_classes_and_lengths_are_those_of_the_readme(data, name):
    data(name)
    for split, counts in zip(("train", "test"), COUNTS[name], strict=True):
        assert torch.bincount(columns(name, split)["label"]).tolist() == counts
    both = torch.cat([lengths(name, split) for split in ("train", "test")])
    assert (int(both.min()), int(both.max())) == LENGTHS[name]


def test_the_split_of_spoken_digits_is_the_official_one(data):
    data("spoken-digits")
    for split, numbers in (("train", range(5, 50)), ("test", range(5))):
        found = columns("spoken-digits", split)
        rows = list(zip(found["label"].tolist(), found["speaker"].tolist(), found["index"].tolist(), strict=True))
        assert rows == [(digit, speaker, index) for digit in range(10) for speaker in range(6) for index in numbers]


@pytest.mark.parametrize("neighbours", [1, 3])
def test_nearest_neighbours_of_pen_digits_score_as_published(data, neighbours):
    from sklearn.neighbors import KNeighborsClassifier

    data("pendigits")
    (x, y), (seen, asked) = (((found := columns("pendigits", split))["sequence"].reshape(-1, 16), found["label"]) for split in ("train", "test"))
    score = KNeighborsClassifier(neighbours, algorithm="brute").fit(x, y).score(seen, asked)
    (published,) = [f.value for f in figures("pendigits") if f.method.startswith("nearest" if neighbours == 1 else "3 nearest")]
    assert round(100 * score, 2) == published


# copies of the published files, served on loopback


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """A folder that stands for the public repositories, while CARROUSEL_DATA names nothing and the cache is empty."""
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    for name in ("ADDRESS", "ARCHIVES"):
        monkeypatch.setattr(repository, name, f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("CARROUSEL_DATA", raising=False)
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path / "cache"))
    columns.cache_clear()
    yield folder
    server.shutdown()
    server.server_close()
    columns.cache_clear()


def put(folder, name, split, content):
    path = folder / repository.address(manifest(name), split).partition("://")[2].partition("/")[2]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def sequences(found, column):
    return [part.tolist() for part in found[column].tensor_split(found[f"{column}.ends"][:-1])]


def pen_text(found):
    lines = [",".join(str(int(v)) for point in one for v in point) + "," + "0" * label + "1" + "0" * (9 - label) for one, label in zip(sequences(found, "sequence"), found["label"].tolist(), strict=True)]
    return "\n".join(lines).encode()


def series_text(found):
    lines = [":".join(",".join(map(repr, channel)) for channel in zip(*one, strict=True)) + f":{label + 1}" for one, label in zip(sequences(found, "sequence"), found["label"].tolist(), strict=True)]
    return "\n".join(["#a description: 1,2", "@problemName Some", "@data", *lines]).encode()


def riff(samples, rate=8000, channels=1, width=2):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples, dtype="<i2").tobytes())
    return buffer.getvalue()


SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]


def archive(parts, rate=8000):
    """Recordings as the archive of a repository holds them, with files beside them, in no order."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as made:

        def add(name, content):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))

        add("set-26eb9aa/README.md", b"about")
        for found in reversed(parts):
            for samples, label, speaker, index in zip(sequences(found, "samples"), *(found[key].tolist() for key in ("label", "speaker", "index")), strict=True):
                add(f"set-26eb9aa/recordings/{label}_{SPEAKERS[speaker]}_{index}.wav", riff(samples, rate))
    return buffer.getvalue()


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize("name", ["pendigits", "japanese-vowels"])
def test_a_copy_of_the_published_text_passes(data, request, name):
    data(name)
    whole = {split: columns(name, split) for split in ("train", "test")}
    folder, text = request.getfixturevalue("served"), pen_text if name == "pendigits" else series_text
    for split, found in whole.items():
        put(folder, name, split, text(found))
        assert same(columns(name, split), found)
    for wrong, sentence in ((text(whole["train"]).replace(b",1", b",2", 1), "the content of 'sequence' is not the published one"), (b"<html>moved</html>", "cannot read http://127.0.0.1:")):
        columns.cache_clear()
        for kept in Path(os.environ["CARROUSEL_CACHE"]).iterdir():
            kept.unlink()
        put(folder, name, "train", wrong)
        with pytest.raises(DataError, match=sentence):
            columns(name, "train")
    assert not list(Path(os.environ["CARROUSEL_CACHE"]).iterdir())


def test_a_copy_of_the_recordings_passes(data, request):
    data("spoken-digits")
    whole = {split: columns("spoken-digits", split) for split in ("train", "test")}
    folder = request.getfixturevalue("served")
    content = archive([whole["train"], whole["test"]])
    put(folder, "spoken-digits", "test", content)
    for split, found in whole.items():
        assert same(columns("spoken-digits", split), found)


@pytest.mark.parametrize(("spoil", "sentence"), [
    (lambda parts: archive(parts)[:-2000], "cannot read http://127.0.0.1:"),
    (lambda parts: archive(parts, rate=16_000), "ValueError: a recording has 16000 samples a second, not 8000"),
    (lambda parts: archive([]), "expected 300 rows of 'samples', found 0|at least one array"),
    (lambda parts: archive([{key: value[:299] if key != "samples" else value[: int(parts[0]["samples.ends"][298])] for key, value in parts[0].items()}]), "expected 300 rows of 'samples', found 299"),
    (lambda parts: archive([{**parts[0], "samples": parts[0]["samples"].flip(0)}]), "the content of 'samples' is not the published one"),
])  # fmt: skip
def test_another_archive_is_told(data, request, spoil, sentence):
    data("spoken-digits")
    spoiled = spoil([dict(columns("spoken-digits", "test"))])
    folder = request.getfixturevalue("served")
    put(folder, "spoken-digits", "test", spoiled)
    with pytest.raises(DataError, match=sentence) as raised:
        columns("spoken-digits", "test")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_not_available(served, name):
    with pytest.raises(NotAvailable, match=rf"{name} is not here: CARROUSEL_DATA is not set, and the download of http://127.0.0.1:\S+ failed \(HTTPError: HTTP Error 404"):
        columns(name, "train")


@pytest.mark.parametrize(("parse", "text"), [
    (formats.pen, "1,2,3,0100000000"), (formats.pen, "1,2,0110000000"), (formats.pen, "1,2,0200000000"),
    (formats.series, "1,2:1"), (formats.series, "@data\n1,2:1,2,3:1"), (formats.series, "@data\n1,?:1"),
])  # fmt: skip
def test_a_line_that_is_none_is_an_error(parse, text):
    with pytest.raises(ValueError):
        parse(text)


# sound files


def sphere(samples, order="01", **fields):
    lines = {"sample_count": f"-i {len(samples)}", "sample_rate": "-i 16000", "sample_n_bytes": "-i 2", "sample_byte_format": f"-s2 {order}", "channel_count": "-i 1"} | fields
    head = "NIST_1A\n   1024\n" + "".join(f"{name} {value}\n" for name, value in lines.items() if value) + "end_head\n"
    return head.encode().ljust(1024) + np.asarray(samples, dtype={"01": "<i2", "10": ">i2"}[order]).tobytes()


LOUD = [0, 1, -1, 32_767, -32_768, 256]


@pytest.mark.parametrize("content", [riff(LOUD, 16_000), sphere(LOUD), sphere(LOUD, "10"), sphere(LOUD, sample_coding="-s3 pcm"), sphere(LOUD, channel_count="")])
def test_samples_are_those_written(content):
    rate, found = sound.samples(content)
    assert (rate, found.dtype, found.tolist()) == (16_000, np.int16, LOUD)


@pytest.mark.parametrize(("content", "sentence"), [
    (b"", "begins with NIST_1A or RIFF"),
    (b"RIFF", "a RIFF file cannot be read: "),
    (riff(LOUD)[:-3], "promises 6 samples and holds 4"),
    (b"RIFF", "a RIFF file cannot be read: it ends too early"),
    (riff(LOUD, channels=2), "must be of 1 channel and 2 bytes a sample, not 2 and 2"),
    (sphere(LOUD)[:-2], "promises 6 samples and holds 5"),
    (sphere(LOUD)[:60], "no end_head"),
    (sphere(LOUD, sample_coding="-s26 pcm,embedded-shorten-v2.00"), "coded as 'pcm,embedded-shorten-v2.00': uncompress it first"),
    (sphere(LOUD, sample_byte_format="-s1 1"), "must state sample_byte_format"),
    (sphere(LOUD, sample_n_bytes="-i 1"), "not 1 and 1"),
    (b"NIST_1A\nmuch\n", "and the length of its header"),
])  # fmt: skip
def test_a_sound_file_that_cannot_be_read_is_told(content, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as raised:
        sound.samples(content)
    assert "\n" not in str(raised.value)


# cepstra


def by_definition(samples, rate, coefficients):
    """The formulas, term by term."""
    x = [s - 0.97 * (samples[t - 1] if t else 0.0) for t, s in enumerate(samples)]
    window, step = rate * 25 // 1000, rate * 10 // 1000
    size = 2 ** math.ceil(math.log2(window))
    mel = [2595 * math.log10(1 + k * rate / size / 700) for k in range(size // 2 + 1)]
    top = 2595 * math.log10(1 + rate / 2 / 700)
    edges = [top * b / 27 for b in range(28)]
    found = []
    for start in range(0, len(x) - window + 1, step):
        frame = [x[start + n] * (0.54 - 0.46 * math.cos(2 * math.pi * n / (window - 1))) for n in range(window)]
        power = [abs(sum(v * complex(math.cos(2 * math.pi * k * n / size), -math.sin(2 * math.pi * k * n / size)) for n, v in enumerate(frame))) ** 2 / size for k in range(size // 2 + 1)]
        logs = []
        for low, middle, high in zip(edges, edges[1:], edges[2:], strict=False):
            weights = [max(0.0, min((m - low) / (middle - low), (high - m) / (high - middle))) for m in mel]
            logs.append(math.log(max(1.0, sum(w * p for w, p in zip(weights, power, strict=True)))))
        found.append([math.sqrt((1 if k == 0 else 2) / 26) * sum(v * math.cos(math.pi * k * (b + 0.5) / 26) for b, v in enumerate(logs)) for k in range(coefficients)])
    return found


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_cepstra_are_those_of_the_definition(rate):
    samples = np.random.default_rng(0).normal(0, 1_000, rate * 45 // 1000).astype(np.int16)
    np.testing.assert_allclose(cepstral.mfcc(samples, rate, 13), by_definition(samples.tolist(), rate, 13), rtol=1e-9, atol=1e-9)


def test_all_cepstra_give_back_the_log_energies():
    from scipy.fft import idct

    samples = np.random.default_rng(1).normal(0, 1_000, 2_000)
    frames = cepstral.framed(cepstral.emphasised(samples), 8_000) * np.hamming(200)
    logs = np.log(cepstral.power(frames) @ cepstral.bands(8_000, 256).T)
    found = cepstral.mfcc(samples, 8_000, 26)
    np.testing.assert_allclose(idct(found, norm="ortho"), logs, rtol=1e-10)
    np.testing.assert_allclose((found**2).sum(1), (logs**2).sum(1), rtol=1e-10)


def test_the_spectrum_keeps_the_power():
    frames = np.random.default_rng(2).normal(size=(5, 200))
    found = cepstral.power(frames)
    np.testing.assert_allclose(found[:, 0] + 2 * found[:, 1:-1].sum(1) + found[:, -1], (frames**2).sum(1), rtol=1e-12)


@pytest.mark.parametrize("rate", [8_000, 16_000])
@pytest.mark.parametrize("band", [6, 12, 18, 24])
def test_a_tone_lands_in_its_band(rate, band):
    centre = 700 * (10 ** ((band + 1) * float(cepstral.mel(np.array(rate / 2))) / 27 / 2595) - 1)
    tone = 8_000 * np.sin(2 * np.pi * centre * np.arange(rate) / rate)
    frames = cepstral.framed(cepstral.emphasised(tone), rate) * np.hamming(rate // 40)
    energies = cepstral.power(frames) @ cepstral.bands(rate, 2 * (len(cepstral.power(frames)[0]) - 1)).T
    assert (energies.argmax(1) == band).all()


def test_neighbouring_bands_share_every_frequency_between_their_middles():
    found = cepstral.bands(16_000, 512)
    place = np.arange(257) * 16_000 / 512
    top = float(cepstral.mel(np.array(8_000.0)))
    inner = (cepstral.mel(place) >= top / 27) & (cepstral.mel(place) <= top * 26 / 27)
    np.testing.assert_allclose(found.sum(0)[inner], 1.0)
    assert found.shape == (26, 257)


def test_louder_moves_the_first_coefficient_alone():
    samples = np.random.default_rng(3).normal(0, 1_000, 4_000)
    soft, loud = (cepstral.mfcc(k * samples, 8_000, 13) for k in (1, 10))
    np.testing.assert_allclose(loud[:, 1:], soft[:, 1:], atol=1e-9)
    np.testing.assert_allclose(loud[:, 0] - soft[:, 0], math.sqrt(26) * math.log(100), rtol=1e-9)
    np.testing.assert_allclose(cepstral.energy(10 * samples, 8_000) - cepstral.energy(samples, 8_000), math.log(100), rtol=1e-9)


def test_silence_and_a_click_are_finite():
    for samples in (np.zeros(500, dtype=np.int16), np.zeros(0, dtype=np.int16), np.eye(1, 300)[0] * 32_767):
        found = cepstral.with_slopes(cepstral.mfcc(samples, 8_000, 13))
        assert found.shape[1] == 39
        assert found.dtype == np.float32
        assert np.isfinite(found).all()
    assert not cepstral.with_slopes(cepstral.mfcc(np.zeros(500), 8_000, 13)).any()


def test_the_slope_of_a_line_is_its_slope():
    line = np.outer(np.arange(9.0), [1.0, -2.5])
    np.testing.assert_allclose(cepstral.slopes(line)[2:-2], np.tile([1.0, -2.5], (5, 1)))
    whole = cepstral.with_slopes(line)
    assert np.array_equal(whole[:, 2:4], cepstral.slopes(line).astype(np.float32))
    np.testing.assert_allclose(whole[4, 4:], 0, atol=1e-12)
    assert not cepstral.slopes(line[:1]).any()


def test_a_recording_is_read_as_its_cepstra(data):
    data("spoken-digits")
    found = columns("spoken-digits", "test")
    task = suite.task("spoken-digits", coefficients=5)
    batch = next(task.batches("test", 8, torch.Generator()))
    for k in range(8):
        samples = found["samples"][found["samples.ends"][k - 1] if k else 0 : found["samples.ends"][k]].numpy()
        wanted = torch.from_numpy(cepstral.with_slopes(cepstral.mfcc(samples, 8_000, 5)))
        seen = batch.x[: len(wanted), k]
        assert batch.mask[:, k].sum() == len(wanted) == 1 + (len(samples) - 200) // 80
        slope = (seen[1:] - seen[:-1]) / (wanted[1:] - wanted[:-1])  # one affine map for every frame, its slope 1 / deviation
        keep = (wanted[1:] - wanted[:-1]).abs() > 0.5
        assert keep.sum() > 50
        deviation = torch.stack([slope[:, c][keep[:, c]].median() for c in range(15)])
        torch.testing.assert_close(slope[keep], deviation.expand_as(slope)[keep], rtol=1e-3, atol=1e-4)


# the splits, and what standardises


@pytest.mark.parametrize("name", NAMES)
def test_training_steps_alone_are_standardised(data, name):
    data(name)
    task = suite.task(name)
    seen = [b.x[b.mask] for b in task.batches("train", 1, torch.Generator())]
    values = torch.cat(seen).double()
    torch.testing.assert_close(values.mean(0), torch.zeros(task.inputs, dtype=torch.double), atol=1e-5, rtol=0)
    torch.testing.assert_close(values.std(0, correction=0), torch.ones(task.inputs, dtype=torch.double), atol=1e-5, rtol=0)
    others = torch.cat([b.x[b.mask] for split in ("validation", "test") for b in task.batches(split, 50, torch.Generator())])
    assert float(others.mean(0).abs().max()) > 1e-3


def test_other_splits_leave_training_as_it_is():
    draw = torch.Generator().manual_seed(0)
    ends = torch.arange(1, 31) * 3
    one = Part(torch.randn(90, 2, generator=draw), ends, torch.arange(30) % 3)
    kept, validation = held_out(30)
    found = standardised(one, one)
    shifted = one._replace(values=torch.where(steps(ends, validation)[:, None], one.values * 9 + 4, one.values))
    other = standardised(shifted, one._replace(values=one.values - 7))
    inside = torch.cat([steps(ends, kept), torch.zeros(90, dtype=torch.bool)])
    assert torch.equal(found.values[inside], other.values[inside])
    assert not torch.equal(found.values, other.values)
    assert torch.equal(found.rows["train"], kept)
    assert torch.equal(found.rows["validation"], validation)
    assert found.rows["test"].tolist() == list(range(30, 60))


@pytest.mark.parametrize("name", NAMES)
def test_validation_is_a_tenth_of_training_with_every_class(data, name):
    data(name)
    task = suite.task(name)
    sizes = {split: sum(len(b.y) for b in task.batches(split, 1, torch.Generator())) for split in ("train", "validation", "test")}
    rows = {split: manifest(name).splits[split].rows for split in ("train", "test")}
    assert sizes["train"] + sizes["validation"] == rows["train"]
    assert sizes["validation"] == pytest.approx(rows["train"] / 10, abs=2)
    assert sizes["test"] == rows["test"]
    (whole,) = task.batches("validation", rows["train"], torch.Generator())
    counts = torch.bincount(whole.y, minlength=task.outputs)
    assert int(counts.min()) >= max(int(counts.max()) - 60, 1)
    assert int(counts.min()) > 0.5 * float(counts.float().mean())


@pytest.mark.parametrize(("coefficients", "sentence"), [
    (0, "spoken-digits needs 1 to 26 coefficients, not 0"),
    (27, "spoken-digits needs 1 to 26 coefficients, not 27"),
    ("all", "task 'spoken-digits': coefficients must be of type int, as 13 is, not 'all'"),
])  # fmt: skip
def test_mistakes_are_told_in_a_sentence(coefficients, sentence):
    with pytest.raises(ValueError) as raised:
        suite.task("spoken-digits", coefficients=coefficients)
    assert str(raised.value) == sentence


def test_the_first_cepstra_of_training_are_pinned(data):
    """Within a tolerance: their last bits differ from processor to processor."""
    data("spoken-digits")
    batch = next(suite.task("spoken-digits").batches("train", 200, torch.Generator().manual_seed(0)))
    assert batch.x.shape == (119, 200, 39)
    assert batch.x[10, 0, ::6].tolist() == pytest.approx([-0.65536, -0.3244, -1.52421, -0.1625, -0.6922, 0.28849, 0.43901], abs=1e-3)
    assert batch.x[3, 199, ::6].tolist() == pytest.approx([0.68047, -0.67774, 0.5395, -0.57923, 0.21455, 2.28542, 0.59732], abs=1e-3)
    assert float(batch.x.double().square().sum()) == pytest.approx(325_881.5, rel=1e-4)
