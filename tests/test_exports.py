"""What an export holds is what the records say, in every form, and nothing is written over or half."""

import csv
import json
import os
import struct
import sys

import pandas as pd
import pytest

import suite
from suite.cli import main
from suite.commands.records import export_command
from suite.exports import FORMATS, export
from suite.exports.latex import contestants, escaped, scores, timings
from suite.runs import Costs, Optimiser, Point, Ratio, Run, Score, SpeedSpec, Store, Timing, TrainSpec, frame, where
from suite.runs.columns import columns
from suite.runs.run import read
from suite.runs.sources import gather
from suite.runs.spec import Above
from suite.runs.store import write_lines

HERE = where()
THERE = HERE.model_copy(update={"machine": "00000000"})
ODD = "evil_module:a_b|`<script>`%&"
TIMING = Timing(median=0.25, low=0.125, high=0.5, n=7)


def trained(seed=0, cell="lstm", test=0.5, place=HERE, status="done", **settings):
    spec = TrainSpec(task="adding(length=50)", cell=cell, seed=seed, **settings)
    curve = tuple(Point(step=step, loss=1 / step, validation_loss=0.5, validation=0.25 + seed) for step in (10, 20))
    found = {"score": Score(best_step=20, validation=0.75, test=test), "curve": curve, "costs": Costs(parameters=7, seconds=1.5)} if status == "done" else {}
    return Run(id=spec.id, spec=spec, status=status, where=place, **found)


def timed(cell="gru", place=HERE, **settings):
    spec = SpeedSpec(cell=cell, **settings)
    ratio = Ratio(against="torch.nn.LSTM", step=TIMING, forward=TIMING, seconds=TIMING)
    costs = Costs(parameters=9, step=TIMING, forward=TIMING, ratios=(ratio,), difference={"float64": 0.0, "float32": 1e-6})
    return Run(id=spec.id, spec=spec, status="done", costs=costs, where=place)


RUNS = [
    *(trained(seed, test=0.5 + seed / 8) for seed in range(3)),
    trained(0, "gru", above=(Above(cell=ODD, units=4),), frozen=("0.f.b",)),
    trained(1, ODD),
    trained(2, ODD, status="failed: it\N{SNOWMAN} died"),
    timed(),
    timed(ODD, units=8),
]


@pytest.fixture
def folder(tmp_path):
    for run in RUNS:
        Store(tmp_path / "out" / "runs").write(run)
    return tmp_path / "out"


@pytest.fixture
def carrousel(capsys):
    def called(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(list(map(str, arguments)))
        return left.value.code, *capsys.readouterr()

    return called


def ordered(runs=RUNS):
    return sorted(runs, key=lambda run: run.file)


def files(path):
    return {found.relative_to(path): found.read_bytes() for found in path.rglob("*") if found.is_file()} if path.is_dir() else path.read_bytes()


def made(folder, name, **more):
    """An export in a format."""
    if name == "tensorboard":
        pytest.importorskip("tensorboardX")
    return export(folder, out=folder.parent / f"made-{name}{FORMATS[name].suffix}", format=name, **more)


# --- every format ---


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_gives_the_same_bytes_from_every_kind_of_place(tmp_path, folder, name):
    before = files(folder)
    first = files(made(folder, name))
    assert first
    write_lines(tmp_path / "other.jsonl", RUNS[::-1])
    again = export(tmp_path / "other.jsonl", folder, out=tmp_path / "again" / f"deep{FORMATS[name].suffix}", format=name)
    assert files(again) == first
    assert files(folder) == before
    assert not list(tmp_path.rglob(".*.part"))
    assert "evil_module" not in sys.modules


@pytest.mark.parametrize("name", ["jsonl", "records", "huggingface"])
def test_records_that_were_exported_are_the_records(folder, name):
    assert sorted(gather(made(folder, name))[0], key=lambda run: run.file) == ordered()


def test_the_help_names_every_format():
    (said,) = [option.help for option in export_command.params if option.name == "format_name"]
    assert said.partition(".")[0].replace(" or ", ", ").split(", ") == list(FORMATS)


# --- tables ---


def test_the_csv_is_the_frame(folder):
    path = made(folder, "csv")
    table, wanted = pd.read_csv(path), frame(ordered())
    assert list(table) == list(wanted)
    assert len(table) == len(RUNS)
    for name in ("id", "cell", "test", "optimiser.lr", "step.median", "status", "where.machine"):
        pd.testing.assert_series_equal(table[name], wanted[name], check_dtype=False)
    nested = {row["id"]: (row["above"], row["ratios"]) for row in csv.DictReader(path.read_text(encoding="utf-8").splitlines())}
    assert json.loads(nested[RUNS[3].id][0]) == [{"cell": ODD, "cell_digest": "", "units": 4}]
    assert json.loads(nested[RUNS[6].id][1])[0]["step"]["median"] == 0.25


def test_the_csv_of_curves_has_a_row_an_evaluation(folder):
    table = pd.read_csv(made(folder, "curves"))
    assert len(table) == 2 * 5
    assert table[table["id"] == RUNS[2].id][["seed", "step", "loss", "validation"]].to_numpy().tolist() == [[2, 10, 0.1, 2.25], [2, 20, 0.05, 2.25]]


def test_parquet_has_every_field_typed_whatever_the_records_hold(folder, tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    whole = pq.read_table(made(folder, "parquet"))
    write_lines(tmp_path / "one.jsonl", [RUNS[6]])
    alone = pq.read_table(export(tmp_path / "one.jsonl", out=tmp_path / "one.parquet"))
    assert whole.schema == alone.schema
    assert len(pa.concat_tables([whole, alone])) == len(RUNS) + 1
    assert not [field for field in whole.schema if pa.types.is_null(field.type)]
    kinds = {"seed": pa.int64(), "test": pa.float64(), "bidirectional": pa.bool_(), "frozen": pa.list_(pa.string()), "step.n": pa.int64(), "where.clean": pa.bool_()}
    assert {name: whole.schema.field(name).type for name in kinds} == kinds


def test_parquet_says_what_the_records_say(folder):
    import pyarrow.parquet as pq

    rows = pq.read_table(made(folder, "parquet")).to_pylist()
    assert [row["id"] for row in rows] == [run.id for run in ordered()]
    for row, run in zip(rows, ordered(), strict=True):
        assert row["curve"] == [point.model_dump() for point in run.curve]
        assert {entry["key"]: entry["value"] for entry in row["where.versions"]} == run.where.versions
        assert {entry["key"]: entry["value"] for entry in row["difference"]} == run.costs.difference
        assert row["ratios"] == [ratio.model_dump() for ratio in run.costs.ratios]
    flat = {name: value for name, value in frame(ordered()).iloc[0].items() if name in rows[0] and isinstance(value, (str, float, int)) and not pd.isna(value)}
    assert len(flat) > 20
    assert {name: rows[0][name] for name in flat} == flat


def test_no_two_fields_share_a_column():
    names = [column.name for column in columns()]
    assert len(set(names)) == len(names)
    missing = set(frame(RUNS)) - set(names)
    assert missing == {"difference.float64", "difference.float32"}  # one column of keys and values there


# --- Hugging Face ---


def test_the_hub_folder_loads_offline(folder, tmp_path):
    import datasets
    import yaml

    path = made(folder, "huggingface")
    runs = datasets.load_dataset(str(path), split="train", cache_dir=str(tmp_path / "cache"))
    curves = datasets.load_dataset(str(path), "curves", split="train", cache_dir=str(tmp_path / "cache"))
    assert runs["id"][:] == [run.id for run in ordered()]
    assert runs.to_pandas()["test"].dropna().tolist() == [run.score.test for run in ordered() if run.score]
    assert len(curves) == 10
    assert curves.to_pandas()["loss"].min() == 0.05
    _, head, card = (path / "README.md").read_text(encoding="utf-8").split("---\n")
    assert [config["config_name"] for config in yaml.safe_load(head)["configs"]] == ["runs", "curves"]
    assert "8 runs of recurrent networks" in card
    assert "| cell `evil_module:a_b\\|'<script>'%&` | 3 |" in card
    assert "| ended `failed` | 1 |" in card
    assert str(tmp_path) not in card


# --- TensorBoard ---


def events(path):
    """The events of a file of length-prefixed records."""
    from tensorboardX.proto.event_pb2 import Event

    content = path.read_bytes()
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        yield Event.FromString(content[12 : 12 + length])
        content = content[16 + length :]


def test_events_are_the_curve_the_score_and_the_settings(folder):
    path = made(folder, "tensorboard")
    found = sorted(path.rglob("*tfevents*"))
    assert len(found) == 5
    assert not [part for each in found for part in each.relative_to(path).parts if set(part) & set(":|<>`")]
    (mine,) = path.glob(f"adding(length=50)/lstm/seed 2 {RUNS[2].id}-*/*")
    told = [(value.tag, event.step, value.simple_value) for event in events(mine) for value in event.summary.value if value.HasField("simple_value")]
    assert [(step, value) for tag, step, value in told if tag == "loss"] == [(10, pytest.approx(0.1)), (20, pytest.approx(0.05))]
    assert ("best.test", 20, 0.75) in told
    (start,) = [value.metadata.plugin_data for event in events(mine) for value in event.summary.value if value.tag.endswith("session_start_info")]
    assert b"optimiser.lr" in start.content
    assert os.uname().nodename.encode() not in mine.read_bytes() + os.fsencode(mine.name)


def test_without_its_library_tensorboard_is_one_sentence(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(ValueError, match=r"needs tensorboardX: pip install 'carrousel\[tensorboard\]'"):
        export(folder, out=folder.parent / "events", format="tensorboard")
    assert not (folder.parent / "events").exists()


# --- LaTeX ---


def test_every_row_has_its_n_and_its_interval(folder):
    text = made(folder, "latex").read_text(encoding="utf-8")
    for row in (r"adding(length=50) & evil\_module:a\_b\textbar{}`\textless{}script\textgreater{}`\%\& & 1 & 0.5 & -- & -- & 1 \\", r" & lstm & 3 & 0.625 & 0.3145 & 0.9355 & 0 \\"):
        assert row in text.splitlines()
    assert "250 [125, 500]" in text
    for table in text.split(r"\begin{table}")[1:]:
        body = [line for line in table.splitlines() if line.endswith(r"\\")]
        assert len({len(line.replace(r"\&", "").split("&")) for line in body}) == 1
    assert text.count("{") == text.count("}")


def test_networks_that_differ_are_not_averaged():
    runs = [trained(seed, optimiser=Optimiser(lr=lr)) for seed in range(2) for lr in (0.125, 0.25)] + [trained(0, "gru")]
    assert {name: len(group) for (_, name), group in contestants(runs).items()} == {"lstm, optimiser.lr 0.125": 2, "lstm, optimiser.lr 0.25": 2, "gru": 1}
    assert [row[2] for row in scores(runs)] == ["1", "2", "2"]


def test_timings_of_two_machines_stay_apart():
    assert len({row[0] for row in timings([timed(), timed(place=THERE)])}) == 2


@pytest.mark.parametrize("sign", "\\&%$#_{}~^<>|\n\0")
def test_no_sign_of_a_name_is_taken_for_tex(sign):
    assert sign not in escaped(f"a{sign}b").replace("\\textbackslash{}", "").replace("{}", "").replace(f"\\{sign}", "") or sign == "\\"
    assert "\n" not in escaped(sign)


# --- what counts ---


def test_one_record_of_a_run_is_exported_unless_every_one_is_asked_for(folder, tmp_path):
    elsewhere = [trained(0, test=0.9, place=THERE), timed(place=THERE)]
    write_lines(tmp_path / "there.jsonl", elsewhere)
    for every, n in ((False, len(RUNS) + 1), (True, len(RUNS) + 2)):
        found = pd.read_csv(export(folder, tmp_path / "there.jsonl", out=tmp_path / f"{every}.csv", every=every))
        assert len(found) == n
    assert suite.load_runs(folder, tmp_path / "there.jsonl").groupby("kind").size().to_dict() == {"train": 6, "speed": 3}


def test_damaged_files_are_named_and_the_rest_is_exported(folder, carrousel):
    for number in range(8):
        (folder / "runs" / f"{number}.json").write_text("{")
    status, out, err = carrousel("export", folder, "-o", folder.parent / "some.csv")
    assert (status, out) == (0, f"{folder.parent / 'some.csv'}\n")
    assert len(err.splitlines()) == 8
    assert all(line.startswith(f"carrousel: skipped '{folder / 'runs'}") for line in err.splitlines())
    with pytest.warns(UserWarning, match="skipped") as warned:
        assert len(suite.load_runs(folder)) == len(RUNS)
    assert len(warned) == 6


MISTAKES = [
    ((), "Missing argument"),
    (("out",), "Missing option"),
    (("out", "-o", "x.csv", "--format", "parket"), "unknown format 'parket'; did you mean 'parquet'?"),
    (("out", "-o", "x.xls"), "'x.xls' does not say its format; give one of jsonl"),
    (("out", "-o", "hub"), "'hub' does not say its format"),
    (("nowhere", "-o", "x.csv"), "there is no 'nowhere'"),
    (("empty", "-o", "x.csv"), "'empty' holds no records"),
    (("out", "-o", "empty", "--format", "csv"), "'empty' is a folder, and csv is one file; give 'empty/runs.csv'"),
    (("out", "-o", "out", "--format", "records"), "'out' is read from"),
    (("mine.jsonl", "-o", "./mine.jsonl"), "'mine.jsonl' is read from"),
    (("out", "-o", "full", "--format", "huggingface"), "'full' is there already"),
    (("out", "-o", "full/file", "--format", "records"), "'full/file' is there already"),
    (("out", "-o", "full/file/x.csv"), "cannot write to 'full/file/x.csv'"),
    (("timings.jsonl", "-o", "events", "--format", "tensorboard"), "no training run here has a curve"),
]


@pytest.mark.parametrize(("arguments", "sentence"), MISTAKES, ids=[" ".join(a) or "nothing" for a, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_loses_nothing(folder, tmp_path, monkeypatch, carrousel, arguments, sentence):
    if "tensorboard" in arguments:
        pytest.importorskip("tensorboardX")
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    write_lines(tmp_path / "mine.jsonl", RUNS)
    write_lines(tmp_path / "timings.jsonl", [timed()])
    before = files(tmp_path)
    status, out, err = carrousel("export", *arguments)
    assert (status, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert files(tmp_path) == before


def test_a_disk_that_fills_leaves_the_earlier_export_whole(folder, monkeypatch):
    path = made(folder, "csv")
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    with pytest.raises(OSError, match=r"cannot write to .*No space left on device"):
        export(folder, out=path)
    assert path.read_bytes() == before
    assert {found.name for found in folder.parent.iterdir()} == {"out", path.name}


# --- data frames ---


def test_a_folder_is_a_frame_and_its_curves_are_reached_from_it(folder):
    runs = suite.load_runs(folder)
    pd.testing.assert_frame_equal(runs, frame(ordered()))
    assert len(suite.curves(runs)) == len(suite.curves(folder)) == len(suite.curves([folder])) == 10
    some = runs[(runs["cell"] == "lstm") & (runs["seed"] > 0)]
    assert set(suite.curves(some)["seed"]) == {1, 2}
    assert read(RUNS[0].text()).id in set(suite.curves(str(folder))["id"])


@pytest.mark.parametrize("source", [pd.DataFrame({"id": ["x"]}), pd.DataFrame()])
def test_a_frame_from_elsewhere_says_what_to_give(source):
    with pytest.raises(ValueError, match="does not say where its records lie; give the folder"):
        suite.curves(source)


def test_nothing_to_load_is_one_sentence():
    with pytest.raises(ValueError, match="give one folder of records"):
        suite.load_runs()
