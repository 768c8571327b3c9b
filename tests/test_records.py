"""A record is whole, valid and found by its hash, or it is named and left alone."""

import hashlib
import json
import os
import typing

import jsonschema
import pytest
from pydantic import ValidationError

from suite.report import site
from suite.runs import Costs, Optimiser, Point, Run, Score, SpeedSpec, Store, Timing, TrainSpec, curves, frame, where
from suite.runs import run as run_module
from suite.runs import schema as schema_module
from suite.runs import store as store_module
from suite.runs.run import read
from suite.runs.spec import Above
from suite.runs.store import write_lines

STATUSES = ["done", "diverged at step 12", "cut off", "refused: no CUDA here", "failed: RuntimeError: out of memory"]
TRAIN = TrainSpec(task="adding(length=50)", cell="lstm")
SPEED = SpeedSpec(cell="gru")
ABOVE = Above(cell="gru", units=4)


def record(spec=TRAIN, status="done", **more):
    return Run(id=spec.id, spec=spec, status=status, where=where(), **more)


def full(seed=0):
    timing = Timing(median=0.1, low=0.05, high=0.2, n=15)
    curve = tuple(Point(step=step, loss=1.0 / step, validation_loss=0.5, validation=0.25) for step in (10, 20))
    costs = Costs(parameters=100, multiply_adds=90, state_bytes=8, seconds=1.5, step=timing, forward=timing, peak_bytes=timing)
    return record(TrainSpec(task="parity(length=4)", cell="rnn", seed=seed), score=Score(best_step=20, validation=0.9, test=0.8), curve=curve, costs=costs)


@pytest.fixture
def schema():
    return json.loads(schema_module.FILE.read_text(encoding="utf-8"))


def test_the_schema_file_is_that_of_the_models(schema):
    assert schema == Run.model_json_schema(by_alias=True)


@pytest.mark.parametrize("spec", [TRAIN, SPEED], ids=["train", "speed"])
@pytest.mark.parametrize("status", STATUSES)
def test_every_status_validates(schema, spec, status):
    jsonschema.validate(json.loads(record(spec, status).text()), schema)


def test_a_full_record_validates_and_reads_back(schema):
    jsonschema.validate(json.loads(full().text()), schema)
    assert read(full().text()) == full()


@pytest.mark.parametrize("status", ["", "finished", "failed", "refused: ", "diverged", "diverged at step x"])
def test_other_statuses_are_refused(schema, status):
    with pytest.raises(ValidationError):
        record(status=status)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(record().text()) | {"status": status}, schema)


@pytest.mark.parametrize("change", [{"surplus": 1}, {"id": "x"}, {"schema": "one"}, {"curve": [{"step": 1}]}, {"spec": {}}])
def test_the_schema_refuses_what_is_no_record(schema, change):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(full().text()) | change, schema)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_no_number_that_is_none(number):
    for make in (
        lambda: Point(step=1, loss=number, validation_loss=0.0, validation=0.0),
        lambda: Score(best_step=1, validation=number),
        lambda: Score(best_step=1, test=number),
        lambda: Timing(median=number, low=0.0, high=0.0, n=1),
        lambda: Costs(seconds=number),
        lambda: Optimiser(lr=number),
    ):
        with pytest.raises(ValidationError):
            make()
    spelled = full().text().replace("0.25", str(number).replace("nan", "NaN").replace("inf", "Infinity"))
    assert spelled != full().text()
    with pytest.raises(ValueError):
        read(spelled)


def other(kind, value):
    """Another valid value of a field."""
    choices = [choice for choice in typing.get_args(kind) if isinstance(choice, str)] if typing.get_origin(kind) is typing.Literal else []
    if choices:
        return next((choice for choice in choices if choice != value), None)
    if isinstance(value, (bool, tuple)):
        return not value if isinstance(value, bool) else (*value, ABOVE if "Above" in str(kind) else "0.a.h")
    return value + "x" if isinstance(value, str) else value + 1 if isinstance(value, int) else value / 2 + 0.125


@pytest.mark.parametrize("spec", [TRAIN, SPEED], ids=["train", "speed"])
def test_every_field_decides_the_id(spec):
    ids = [spec.id]
    for name, field in type(spec).model_fields.items():
        if name == "optimiser":
            nested = ((n, other(f.annotation, getattr(spec.optimiser, n))) for n, f in Optimiser.model_fields.items())
            ids += [spec.model_copy(update={name: spec.optimiser.model_copy(update={n: value})}).id for n, value in nested]
        elif name != "kind":
            ids.append(spec.model_copy(update={name: other(field.annotation, getattr(spec, name))}).id)
    fields = len(type(spec).model_fields) - 1 + (len(Optimiser.model_fields) - 1 if spec is TRAIN else 0)
    assert len(set(ids)) == len(ids) == fields + 1


def test_ids_are_pinned():
    assert (TRAIN.id, SPEED.id) == ("617195c61216f12d", "554b47318e6da0fa")


SINCE = {  # what specs gained after each schema
    1: ("above", "bidirectional", "dropout", "residual", "linear", "init", "frozen", "stateful", "reset_every", "until_solved"),
    2: ("decoder", "input_noise", "rescaled", "range"),
}
EARLIER = {  # what these two were called under earlier schemas
    ("train", 1): ("f0e2f74fb34ee827", TRAIN),
    ("speed", 1): ("83ade0679a5b6d86", SPEED),
    ("train", 2): ("1b95f7937a124f8d", TRAIN),
    ("speed", 2): ("51d931c2dada24bd", SPEED),
}


def earlier(kind, schema):
    """A record as an earlier schema wrote it."""
    number, spec = EARLIER[kind, schema]
    raw = json.loads(record(spec).text()) | {"schema": schema, "id": number}
    del raw["checksum"]
    return json.dumps(raw | {"spec": without(raw["spec"], [name for since, names in SINCE.items() if since >= schema for name in names])})


def without(spec, later):
    """A spec without the fields of a later schema."""
    return {name: without(value, later) if isinstance(value, dict) else value for name, value in spec.items() if name not in later}


@pytest.mark.parametrize("which", EARLIER)
def test_a_record_of_an_earlier_schema_is_read_as_todays(which):
    assert read(earlier(*which)) == record(EARLIER[which][1])
    with pytest.raises(ValueError, match="its spec hashes to"):
        read(earlier(*which).replace('"units": 32', '"units": 33'))


@pytest.mark.parametrize("schema", SINCE)
def test_records_of_an_earlier_schema_get_todays_names_from_the_one_who_writes(tmp_path, schema):
    store, paths = Store(tmp_path), []
    old = {number: (kind, spec) for (kind, written), (number, spec) in EARLIER.items() if written == schema}
    for number, (kind, spec) in old.items():
        run = record(spec)
        paths.append(tmp_path / f"{number}-{run.where.machine}.json")
        paths[-1].write_text(earlier(kind, schema))
    (tmp_path / "half.json").write_text("{")
    before, _ = store.read()
    assert {run.id for run in before} == {TRAIN.id, SPEED.id}
    assert store.migrate() == {number: spec.id for number, (_, spec) in old.items()}
    assert not any(path.exists() for path in paths)
    assert (store.read()[0], store.migrate()) == (sorted(before, key=lambda run: run.file), {})
    assert (tmp_path / "half.json").exists()


def test_a_result_is_never_given_up_for_an_older_record_of_its_run(tmp_path):
    number, spec = EARLIER["train", 1]
    store, old = Store(tmp_path), tmp_path / f"{number}-{where().machine}.json"
    for before, now, left in (("cut off", "done", "done"), ("done", "cut off", "done"), ("cut off", "failed: x", "failed: x")):
        store.write(record(spec, now))
        old.write_text(json.dumps(json.loads(earlier("train", 1)) | {"status": before}))
        store.migrate()
        (kept,) = store.read()[0]
        assert (kept.status, old.exists()) == (left, False)


def test_a_page_is_made_again_from_published_records(tmp_path, root):
    folder = root / "reports" / "published" / "quick"
    site.publish(folder, tmp_path)
    lines = (folder / "records.jsonl").read_text().splitlines()
    again = (tmp_path / "records.jsonl").read_text().splitlines()
    assert len(again) == len(lines)
    assert {json.loads(line)["id"] for line in again} == {read(line).id for line in lines}
    assert "other records of this folder" not in (tmp_path / "not-run.html").read_text()


def test_published_records_of_the_first_schema_are_still_read(root):
    lines = (root / "reports/published/quick/records.jsonl").read_text().splitlines()
    assert {json.loads(line)["schema"] for line in lines} == {1}
    assert all(read(line).id for line in lines)


def test_defaults_written_out_or_left_out_are_the_same_spec():
    assert TrainSpec(task="adding(length=50)", cell="lstm", steps=1000, optimiser=Optimiser(lr=1e-3)).id == TRAIN.id


@pytest.mark.parametrize("wrong", [{"units": -1}, {"units": 0}, {"units": 2.5}, {"units": "8"}, {"steps": 0}, {"seed": -1}, {"readout": "first"}, {"colour": 1}])
def test_a_spec_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValidationError):
        TrainSpec(task="parity", cell="rnn", **wrong)


def test_a_record_whose_spec_is_another_is_refused():
    with pytest.raises(ValidationError, match="its spec hashes to"):
        Run(id=SPEED.id, spec=TRAIN, status="done", where=where())


def changed(text, **fields):
    return json.dumps(json.loads(text) | fields)


SPOILT = {
    "half": (lambda text: text[: len(text) // 2], "no whole JSON document"),
    "empty": (lambda text: "", "no whole JSON document"),
    "a list": (lambda text: "[]", "schema None"),
    "another spec": (lambda text: text.replace('"steps": 1000', '"steps": 2000'), "its spec hashes to"),
    "another status": (lambda text: changed(text, status="fine"), "status"),
    "a new field": (lambda text: changed(text, colour="red"), "colour"),
    "a later schema": (lambda text: changed(text, schema=4), "schema 4, this version reads 3 and 1 and 2"),
    "from elsewhere": (lambda text: full().text(), "its content belongs into"),
    "NaN": (lambda text: text.replace('"clip_norm": 1.0', '"clip_norm": NaN'), "clip_norm"),
    "not text": (lambda text: b"\xff\xfe\x00", "utf-8"),
    "too large": (lambda text: text + " " * run_module.SCHEMA * 17 * 2**20, "larger than 16 MiB"),
}


@pytest.mark.parametrize("kind", SPOILT)
def test_what_is_no_record_is_named_skipped_and_kept(tmp_path, kind):
    spoil, reason = SPOILT[kind]
    store, good = Store(tmp_path), full(seed=7)
    store.write(good)
    path = store.write(record())
    content = spoil(path.read_text())
    content = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(content)
    runs, skipped = store.read()
    assert runs == [good]
    assert [s.path for s in skipped] == [path]
    assert reason in skipped[0].reason
    assert "\n" not in skipped[0].reason
    assert path.read_bytes() == content
    store.write(record())  # the run done again
    assert store.read() == (sorted([good, record()], key=lambda r: r.file), [])
    assert [p.read_bytes() for p in tmp_path.glob("*.damaged")] == [content]


def test_a_second_damaged_file_does_not_replace_the_first(tmp_path):
    store = Store(tmp_path)
    for content in ("one", "two", "three"):
        store.write(record()).write_text(content)
    store.write(record())
    assert sorted(p.read_text() for p in tmp_path.glob("*.damaged")) == ["one", "three", "two"]


def test_a_folder_with_the_name_of_a_record_is_skipped(tmp_path):
    (tmp_path / record().file).mkdir()
    runs, skipped = Store(tmp_path).read()
    assert runs == []
    assert len(skipped) == 1


@pytest.mark.parametrize("broken", ["replace", "fsync"])
def test_a_write_that_fails_leaves_the_old_record_whole(tmp_path, monkeypatch, broken):
    store = Store(tmp_path)
    path = store.write(record(status="cut off"))
    before = path.read_text()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module.os, broken, full_disk)
    with pytest.raises(OSError, match="No space left"):
        store.write(record())
    monkeypatch.undo()
    assert path.read_text() == before
    assert os.listdir(tmp_path) == [path.name]


def test_a_record_replaces_that_of_the_same_run(tmp_path):
    store = Store(tmp_path)
    store.write(record(status="cut off"))
    store.write(record())
    assert store.read() == ([record()], [])


def test_no_folder_is_no_records(tmp_path):
    assert Store(tmp_path / "none").read() == ([], [])


def test_the_published_form_is_one_sorted_record_a_line(tmp_path):
    runs = [full(seed) for seed in range(4)]
    for name, order in (("one", runs), ("other", runs[::-1])):
        write_lines(tmp_path / name, order)
    assert (tmp_path / "one").read_text() == (tmp_path / "other").read_text()
    assert [read(line) for line in (tmp_path / "one").read_text().splitlines()] == sorted(runs, key=lambda r: r.file)


def test_the_frame_has_a_row_a_run_and_a_column_a_field():
    table = frame([full(), record(SPEED), record(status="cut off")])
    assert len(table) == 3
    wanted = {"id", "kind", "task", "cell", "units", "seed", "optimiser.lr", "status", "validation", "test", "best_step", "parameters", "step.median", "peak_bytes.median", "where.machine", "where.commit"}
    assert wanted <= set(table.columns)
    assert table["test"].tolist()[0] == 0.8
    assert table["step.median"].tolist()[0] == 0.1


def test_curves_have_a_row_an_evaluation():
    table = curves([full(), full(1), record(SPEED)])
    assert list(table.columns) == ["id", "task", "cell", "seed", "step", "loss", "validation_loss", "validation"]
    assert table[["seed", "step", "loss"]].to_numpy().tolist() == [[0, 10, 0.1], [0, 20, 0.05], [1, 10, 0.1], [1, 20, 0.05]]
    assert list(curves([]).columns) == list(table.columns)


def test_a_machine_is_described_without_names_of_people_or_places():
    import getpass
    import socket

    text = where().model_dump_json()
    assert socket.gethostname() not in text
    assert getpass.getuser() == "root" or getpass.getuser() not in text
    assert os.getcwd() not in text


def test_of_two_old_records_of_one_run_the_result_stays(tmp_path):
    store, machine = Store(tmp_path), where().machine
    for one, other in (("cut off", "done"), ("done", "cut off")):
        for schema, status in ((1, one), (2, other)):
            number, _ = EARLIER["train", schema]
            (tmp_path / f"{number}-{machine}.json").write_text(json.dumps(json.loads(earlier("train", schema)) | {"status": status}))
        store.migrate()
        (kept,) = store.read()[0]
        assert kept.status == "done"
        (tmp_path / kept.file).unlink()


def test_a_record_without_a_spec_is_named_and_skipped(tmp_path):
    raw = json.dumps({"schema": 1, "id": hashlib.sha256(b'{"schema":1}').hexdigest()[:16]})
    (tmp_path / "odd.json").write_text(raw)
    runs, ((path, reason),) = Store(tmp_path).read()
    assert (runs, path.name) == ([], "odd.json")
    assert "it has no spec" in reason
