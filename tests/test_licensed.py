"""TIMIT and IAM-OnDB are read from copies laid out as they are distributed, written here; without a copy a sentence says how to get one."""

import json
import shutil

import numpy as np
import pytest
import torch

import suite
from suite.cli import main
from suite.data import DataError, NotAvailable, checksum, columns, manifest, mfcc, timit
from suite.tasks import scores
from suite.tasks.conformance import check
from suite.tasks.iam_ondb import read as read_lines
from suite.tasks.paths import collapsed
from suite.tasks.task import asked
from suite.tasks.timit import read as read_utterances

SENTENCES = ["SA1", "SA2", "SI1", "SI2", "SI3", "SX1", "SX2", "SX3", "SX4", "SX5"]
SPLITS = {"train": 3696, "validation": 400, "test": 192}


def forget():
    columns.cache_clear()
    read_lines.cache_clear()
    read_utterances.cache_clear()


@pytest.fixture(autouse=True)
def fresh():
    forget()
    yield
    forget()


def sphere(samples):
    head = f"NIST_1A\n   1024\ndatabase_id -s5 TIMIT\nchannel_count -i 1\nsample_count -i {len(samples)}\nsample_rate -i 16000\nsample_n_bytes -i 2\nsample_byte_format -s2 01\nend_head\n"
    return head.encode().ljust(1024) + samples.astype("<i2").tobytes()


def utterance(folder, name, draw):
    """Noise of three to six frames, and two to four phones that fill it."""
    length = int(draw.integers(720, 1_300))
    cuts = [0, *sorted(draw.choice(np.arange(1, length), draw.integers(1, 4), replace=False).tolist()), length]
    (folder / f"{name}.WAV").write_bytes(sphere(draw.normal(0, 500, length)))
    phones = ["h#", *draw.choice(timit.PHONES, len(cuts) - 2)]
    (folder / f"{name}.PHN").write_text("".join(f"{a} {b} {phone}\n" for a, b, phone in zip(cuts, cuts[1:], phones, strict=False)))
    (folder / f"{name}.TXT").write_text("0 1 Words.\n")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """All of TIMIT that is read, and one speaker of TEST who is in no split."""
    root, draw = tmp_path_factory.mktemp("data"), np.random.default_rng(0)
    speakers = {"TRAIN": [f"{'MF'[k % 2]}T{k:03d}" for k in range(462)], "TEST": [name.upper() for name in sorted(timit.SPEAKERS["test"] | timit.SPEAKERS["validation"])] + ["MXXX0"]}
    for part, names in speakers.items():
        for k, name in enumerate(names):
            folder = root / "local" / "timit" / part / f"DR{k % 8 + 1}" / name
            folder.mkdir(parents=True)
            for sentence in SENTENCES[0 if k == 0 else 2 :]:
                utterance(folder, sentence, draw)
    return root


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def whole(corpus, kept, monkeypatch):
    monkeypatch.setenv("CARROUSEL_DATA", str(corpus))
    monkeypatch.setenv("CARROUSEL_CACHE", str(kept))
    return corpus / "local" / "timit"


def seeded():
    return torch.Generator().manual_seed(0)


# TIMIT


def test_the_lists_of_speakers_are_apart_and_whole():
    assert len(timit.SPEAKERS["test"]) == 24
    assert len(timit.SPEAKERS["validation"]) == 50
    assert not timit.SPEAKERS["test"] & timit.SPEAKERS["validation"]
    assert sum(name.startswith("f") for name in timit.SPEAKERS["test"]) == 8  # two men and a woman a dialect region
    assert len(timit.PHONES) == len(set(timit.PHONES)) == 61
    groups = timit.folded()
    assert set(groups) == set(range(-1, 39))
    assert [timit.PHONES[k] for k, group in enumerate(groups) if group == -1] == ["q"]


def test_the_copy_is_split_as_published(whole):
    for split, rows in SPLITS.items():
        found = columns("timit", split)
        assert len(found["frames.ends"]) == len(found["phones.ends"]) == rows == manifest("timit").splits[split].rows
        assert torch.equal(found["frames.ends"], found["phones.ends"])
        files = timit.files(whole, split)
        assert {file.parts[-4] for file in files} == {"TRAIN" if split == "train" else "TEST"}
        assert not [file for file in files if file.name.startswith("SA")]
        assert len({file.parts[-2] for file in files}) == rows // 8


def test_an_utterance_is_read_as_its_frames_and_phones(whole):
    phones, ends = (columns("timit", "test")[key].tolist() for key in ("phones", "phones.ends"))
    for sound, start, end in zip(timit.files(whole, "test")[::2], [0, *ends], ends, strict=False):
        lines = [line.split() for line in sound.with_suffix(".PHN").read_text().splitlines()]
        wanted = [next((p for _, last, p in lines if 160 * t + 200 < int(last)), lines[-1][2]) for t in range(end - start)]
        assert [timit.PHONES[k] for k in phones[start:end]] == wanted
    file = timit.files(whole, "test")[0]
    samples = np.frombuffer(file.read_bytes()[1024:], dtype="<i2")
    found = columns("timit", "test")
    frames = 1 + (len(samples) - 400) // 160
    assert int(found["frames.ends"][0]) == frames
    cepstra = mfcc.mfcc(samples, 16_000, 13)[:, 1:]
    energy = [np.log((samples[160 * t : 160 * t + 400].astype(float) ** 2).sum()) for t in range(frames)]
    np.testing.assert_allclose(found["frames"][:frames, :12], cepstra, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["frames"][:frames, 12], energy, rtol=1e-5)
    np.testing.assert_allclose(found["frames"][:frames, 13:26], mfcc.slopes(np.column_stack([cepstra, energy])), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("phones", [61, 39])
def test_the_task_has_every_property(whole, phones):
    task = suite.task("timit", phones=phones)
    assert task.chance > 2 / phones
    assert {f.name: f.detail for f in check(task) if not f.holds} == {}


def test_training_frames_alone_are_standardised(whole):
    seen = torch.cat([b.x[b.mask] for b in suite.task("timit").batches("train", 1, seeded())]).double()
    assert len(seen) == len(columns("timit", "train")["frames"])
    torch.testing.assert_close(seen.mean(0), torch.zeros(39, dtype=torch.double), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen.std(0, correction=0), torch.ones(39, dtype=torch.double), atol=1e-5, rtol=0)


def test_folding_scores_groups_and_leaves_out_the_glottal_stop(whole):
    plain, folded = suite.task("timit"), suite.task("timit", phones=39)
    one, other = (next(task.batches("test", 64, seeded())) for task in (plain, folded))
    stop = one.y == timit.NUMBER["q"]
    assert stop.any()
    assert torch.equal(asked(other), asked(one) & ~stop)
    assert torch.equal(other.y[asked(other)], one.y[asked(other)])
    twins = torch.tensor([next((k for k, g in enumerate(timit.folded()) if g == group and k != phone), phone) for phone, group in enumerate(timit.folded())])
    output = scores.certain(61)(twins[one.y.clamp(min=0)])
    assert float(folded.metric(output, other)) == 1.0
    single = (twins == torch.arange(61))[one.y.clamp(min=0)] & asked(one)
    assert float(plain.metric(output, one)) == pytest.approx(int(single.sum()) / int(asked(one).sum()))
    wrong = scores.certain(61)((one.y.clamp(min=0) + 30) % 61)
    assert float(folded.metric(wrong, other)) < 0.2


def test_copies_of_other_names_are_read_too(whole, tmp_path, monkeypatch):
    import wave

    place = tmp_path / "data" / "local" / "timit" / "timit" / "test" / "dr1" / "mdab0"
    place.mkdir(parents=True)
    sound, phones = timit.files(whole, "test")[:2]
    with wave.open(str(place / "si1039.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(sound.read_bytes()[1024:])
    shutil.copy(phones, place / "si1039.phn")
    shutil.copy(place / "si1039.wav", place / "SI1039.WAV.wav")
    (one,) = timit.rows(timit.files(tmp_path / "data" / "local" / "timit", "test"))
    (other,) = timit.rows([sound, phones])
    assert np.array_equal(one["frames"], other["frames"])
    assert one["phones"] == other["phones"]
    monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError, match="timit, test: expected 192 rows of 'frames', found 1"):
        columns("timit", "test")
    with pytest.raises(DataError, match="the train split of timit is missing"):
        columns("timit", "train")
    assert suite.task("timit").chance == 1 / 61  # a copy that is not whole is told when it is read


@pytest.mark.parametrize(("spoil", "sentence"), [
    (lambda sound, phones: phones.unlink(), r"timit: '.*SI1\.WAV' has no file of phones \(\.PHN\) beside it"),
    (lambda sound, phones: sound.write_bytes(sound.read_bytes()[:-2]), r"timit: cannot read '.*SI1\.WAV': a sound file promises \d+ samples"),
    (lambda sound, phones: sound.write_bytes(sound.read_bytes().replace(b"-i 16000", b"-i 08000")), r"cannot read '.*SI1\.WAV': 8000 samples a second, not 16000"),
    (lambda sound, phones: phones.write_text("0 900 xx\n"), r"timit: cannot read '.*SI1\.PHN': KeyError: 'xx'"),
    (lambda sound, phones: phones.write_text(""), r"timit: cannot read '.*SI1\.PHN': "),
])  # fmt: skip
def test_a_damaged_copy_names_the_file(whole, tmp_path, spoil, sentence):
    place = tmp_path / "TEST" / "DR1" / "MDAB0"
    place.mkdir(parents=True)
    for file in timit.files(whole, "test")[:2]:
        shutil.copy(file, place / f"SI1{file.suffix}")
    spoil(place / "SI1.WAV", place / "SI1.PHN")
    with pytest.raises(DataError, match=sentence) as raised:
        list(timit.rows(timit.files(tmp_path, "test")))
    assert "\n" not in str(raised.value)


# IAM-OnDB

FORMS = {"trainset.txt": ["a01-000u", "a01-000w", "b04-110"], "testset_v.txt": ["c02-003z"], "testset_t.txt": ["d05-021"], "testset_f.txt": ["e01-081x", "g06-037k"]}
TEXTS = ["A MOVE to stop Mr . Gaitskell", 'from "nominating" any', "llama & <\xe9>"]


def xml(strokes):
    points = "".join(f'<Stroke colour="black" start_time="0" end_time="1">{"".join(f"""<Point x="{x}" y="{y}" time="{t}"/>""" for x, y, t in one)}</Stroke>' for one in strokes)
    return f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<WhiteboardCaptureSession><WhiteboardDescription><SensorLocation corner="top_left"/></WhiteboardDescription><StrokeSet>{points}</StrokeSet></WhiteboardCaptureSession>'


def line(draw, points):
    """A line of two strokes."""
    where = np.column_stack([draw.integers(0, 9_000, (points, 2)), 1_000 + np.cumsum(draw.integers(1, 5, points)) / 100]).tolist()
    return [where[: points // 2], where[points // 2 :]]


@pytest.fixture
def handwriting(tmp_path, monkeypatch):
    """Seven forms of three lines each."""
    place, draw = tmp_path / "data" / "local" / "iam-ondb", np.random.default_rng(0)
    for name, forms in FORMS.items():
        place.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("".join(f"{form}\n" for form in forms))
        for form in forms:
            inside = f"{form[:3]}/{form[:7]}"
            for kind in ("ascii", "lineStrokes"):
                (place / kind / inside).mkdir(parents=True, exist_ok=True)
            (place / "ascii" / inside / f"{form}.txt").write_text("OCR:\n\nA MOVE to stop\n\nCSR: \n\n" + "\n".join(TEXTS) + "\n", encoding="latin-1")
            for k in range(3):
                (place / "lineStrokes" / inside / f"{form}-{k + 1:02d}.xml").write_text(xml(line(draw, 70 + int(draw.integers(20)))))
    monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path / "cache"))
    return place


def test_lines_are_read_with_their_words(handwriting):
    (handwriting / "lineStrokes" / "e01" / "e01-081" / "e01-081x-01.xml").write_text(xml([[(5, 7, 1.5), (6, 7, 1.75)], [(10, 2, 2.5)]]))
    found = columns("iam-ondb", "test")
    assert found["strokes"][:3].tolist() == [[0, 0, 0, 0], [1, 0, 0.25, 1], [4, -5, 0.75, 1]]
    assert bytes(found["text"].tolist()).decode() == "".join(TEXTS) * 2
    assert [len(columns("iam-ondb", split)["text.ends"]) for split in ("train", "validation", "test")] == [9, 6, 6]


def test_the_handwriting_task_has_every_property(handwriting):
    task = suite.task("iam-ondb")
    assert {f.name: f.detail for f in check(task) if not f.holds} == {}
    characters = 2 * sum(map(len, TEXTS))
    assert task.chance == pytest.approx(1 - 6 / characters)  # a character that every line has
    batch = next(task.batches("test", 6, seeded()))
    assert task.weight(batch) == (characters, characters)
    letters, counts = collapsed(batch.y)
    for k, size in enumerate(counts.tolist()):
        assert letters[:size, k].tolist() == [96 if letter == "\xe9" else ord(letter) - 31 for letter in TEXTS[k % 3]]
    assert set(batch.x[..., 3].unique().tolist()) == {0.0, 1.0}


def test_pens_are_standardised_by_training_and_their_lifting_by_nothing(handwriting):
    task = suite.task("iam-ondb")
    (batch,) = task.batches("train", 9, seeded())
    seen = batch.x[batch.mask].double()
    torch.testing.assert_close(seen[:, :3].mean(0), torch.zeros(3, dtype=torch.double), atol=1e-5, rtol=0)
    torch.testing.assert_close(seen[:, :3].std(0, correction=0), torch.ones(3, dtype=torch.double), atol=1e-5, rtol=0)
    assert int(seen[:, 3].sum()) == 18


def test_lines_without_words_strokes_or_points_enough_are_left_out(handwriting):
    inside = handwriting / "lineStrokes" / "e01" / "e01-081"
    (inside / "e01-081x-04.xml").write_text(xml([[(1, 2, 3), (2, 2, 4)]]))  # no fourth line was written
    (inside / "e01-081x-02.xml").write_text(xml([]))
    (inside / "e01-081x-01.xml").write_text(xml([[(k, k, k) for k in range(len(TEXTS[0]) - 1)]]))
    assert len(columns("iam-ondb", "test")["text.ends"]) == 5
    assert sum(b.mask.shape[1] for b in suite.task("iam-ondb").batches("test", 8, seeded())) == 4


@pytest.mark.parametrize(("spoil", "sentence"), [
    (lambda place: (place / "testset_f.txt").unlink(), "has no testset_f.txt"),
    (lambda place: (place / "testset_f.txt").write_text("A01\n"), "'A01' in testset_f.txt is no form, as a01-000u is"),
    (lambda place: (place / "ascii/e01/e01-081/e01-081x.txt").unlink(), "there is no '.*e01-081x.txt'"),
    (lambda place: (place / "lineStrokes/e01/e01-081/e01-081x-02.xml").write_text("<Stroke"), "cannot read '.*e01-081x-02.xml': ParseError"),
    (lambda place: (place / "lineStrokes/e01/e01-081/e01-081x-02.xml").write_text('<Stroke><Point x="1" y="2"/></Stroke>'), "cannot read '.*e01-081x-02.xml': KeyError: 'time'"),
])  # fmt: skip
def test_damaged_handwriting_names_the_file(handwriting, spoil, sentence):
    spoil(handwriting)
    with pytest.raises(DataError, match=f"iam-ondb: .*{sentence}") as raised:
        columns("iam-ondb", "test")
    assert "\n" not in str(raised.value)
    assert suite.task("iam-ondb").chance == 1.0


# any licensed set


def test_a_copy_is_told_by_its_bytes_wherever_it_lies(handwriting, tmp_path, monkeypatch):
    about = manifest("iam-ondb")
    one = checksum(about)
    shutil.copytree(tmp_path / "data", tmp_path / "moved")
    monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path / "moved"))
    assert checksum(about) == one == suite.task("iam-ondb").data.checksum
    file = tmp_path / "moved" / "local" / "iam-ondb" / "lineStrokes" / "e01" / "e01-081" / "e01-081x-01.xml"
    file.write_text(file.read_text().replace('x="', 'x="1', 1))
    assert checksum(about) != one
    assert checksum(manifest("pendigits")) == manifest("pendigits").checksum


def test_the_cache_does_not_hide_a_change_of_the_copy(handwriting):
    before = columns("iam-ondb", "test")["strokes"]
    file = handwriting / "lineStrokes" / "e01" / "e01-081" / "e01-081x-01.xml"
    file.write_text(file.read_text().replace('y="', 'y="1', 1))
    columns.cache_clear()
    assert not torch.equal(columns("iam-ondb", "test")["strokes"][:5], before[:5])


HOW = {"timit": "order LDC93S1 from the Linguistic Data Consortium", "iam-ondb": "it is given to who registers"}


@pytest.mark.parametrize("name", HOW)
@pytest.mark.parametrize("here", [True, False])
def test_without_a_copy_a_sentence_says_how_to_get_one(tmp_path, monkeypatch, name, here):
    if here:
        monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path))
    else:
        monkeypatch.delenv("CARROUSEL_DATA", raising=False)
    task = suite.task(name)
    said = f"names no folder with local/{name}" if here else "is not set"
    with pytest.raises(NotAvailable, match=f"{name} is not here: CARROUSEL_DATA {said}; .*{HOW[name]}.* there$") as raised:
        task.data.load()
    assert "\n" not in str(raised.value)
    assert task.data.checksum == manifest(name).checksum


@pytest.mark.parametrize("name", HOW)
def test_without_a_copy_a_run_is_refused_and_recorded(tmp_path, monkeypatch, capsys, name):
    monkeypatch.delenv("CARROUSEL_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["run", "quick", "--task", name, "--cell", "rnn", "--seeds", "1", "--out", str(tmp_path / "out")])
    assert ended.value.code in (0, None)
    records = [json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "out").rglob("runs/*.json")]
    refused = [record for record in records if record["spec"].get("task", "").startswith(name)]
    assert refused
    assert all(record["status"].startswith(f"refused: {name} is not here: ") for record in refused)


def test_mistakes_are_told_in_a_sentence():
    with pytest.raises(ValueError, match=r"^timit scores 61 phones, or 39 groups of them, not 48$"):
        suite.task("timit", phones=48)
