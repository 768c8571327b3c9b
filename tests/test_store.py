"""Records of several machines and folders come together, and what is none is named, skipped and kept."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from suite.exports import FORMATS, export
from suite.launch.completion import complete
from suite.launch.run import prepare
from suite.report import site
from suite.runs import Costs, Optimiser, Point, Run, Score, SpeedSpec, Store, Timing, TrainSpec, where
from suite.runs.loading import curves, load_runs
from suite.runs.run import read
from suite.runs.sources import RECORDS, counted, gather, lines, told
from suite.runs.store import write_lines
from suite.runs.why import why

TASK = "parity(length=4, lengths='fixed', supervision='last')"
HERE = where()
THERE = HERE.model_copy(update={"machine": "00000000", "processor": "another"})
SPEC = TrainSpec(task=TASK, cell="rnn", units=4, cell_digest="0123456789abcdef")
TIMED = SpeedSpec(cell="rnn", units=4, length=3, batch=2, inputs=2, engine="hoisted", repeats=7)


def record(spec=SPEC, status="done", place=HERE, test=0.5, **more):
    timing = Timing(median=0.1, low=0.1, high=0.2, n=7)
    measured = {"costs": Costs(step=timing)} if spec.kind == "speed" else {"score": Score(best_step=1, validation=0.5, test=test), "curve": (Point(step=1, loss=0.5, validation_loss=0.5, validation=0.5),)}
    return Run(id=spec.id, spec=spec, status=status, where=place, **(measured | more if status == "done" else more))


def filled(folder, runs):
    for run in runs:
        Store(folder / "runs").write(run)
    return folder


@pytest.fixture
def page(tmp_path, root):
    """A folder as it is published, of one task."""
    from suite.report.catalogue import read_catalogue

    before = root / "reports" / "published" / "quick"
    task = read_catalogue(before).tasks[0].name
    folder = tmp_path / "page"
    folder.mkdir()
    write_lines(folder / RECORDS, [run for run, _ in lines(before / RECORDS)[0] if run.spec.kind == "train" and run.spec.task == task])
    catalogue = json.loads((before / "catalogue.json").read_text())
    (folder / "catalogue.json").write_text(json.dumps(catalogue | {"runs": None, "tasks": catalogue["tasks"][:1]}))
    return folder


# --- what is no record ---


def named(run):
    """A record whose spec was altered, its id, its name and all but its checksum made to fit."""
    other = run.spec.model_copy(update={"optimiser": Optimiser(lr=0.5)})
    raw = json.loads(run.text()) | {"id": other.id, "spec": json.loads(other.model_dump_json())}
    return f"{other.id}-{run.where.machine}.json", json.dumps(raw).encode()


def altered(run, old, new):
    text = run.text()
    assert text.count(old) == 1
    return run.file, text.replace(old, new).encode()


STRANGE = {
    "binary": (lambda run: (run.file, bytes(range(256)) * 64), "no utf-8 text"),
    "utf-16": (lambda run: (run.file, run.text().encode("utf-16")), "no utf-8 text (byte 0 is 0xff)"),
    "a byte order mark": (lambda run: (run.file, b"\xef\xbb\xbf" + run.text().encode()), "no whole JSON document"),
    "cut": (lambda run: (run.file, run.text().encode()[:-30]), "no whole JSON document"),
    "deep": (lambda run: (run.file, b"[" * 100_000), "nested too deeply"),
    "a score altered": (lambda run: altered(run, '"test": 0.5', '"test": 0.9'), "altered after it was written"),
    "a status altered": (lambda run: altered(run, '"status": "done"', '"status": "cut off"'), "altered after it was written"),
    "a machine altered": (lambda run: (run.file.replace(HERE.machine, "ffff0000"), run.text().replace(HERE.machine, "ffff0000").encode()), "altered after it was written"),
    "a spec altered and its id": (named, "altered after it was written"),
    "a checksum altered": (lambda run: (run.file, run.text().replace('"checksum": "', '"checksum": "0')[:-1].encode()), "checksum"),
    "another's name": (lambda run: (record(TIMED).file, run.text().encode()), "belongs into"),
    "a later schema": (lambda run: (run.file, json.dumps(json.loads(run.text()) | {"schema": 99}).encode()), "schema 99"),
    "no schema": (lambda run: (run.file, run.text().replace('"schema"', '"scheme"').encode()), "schema None"),
    "a surrogate": (lambda run: (run.file, json.dumps(json.loads(run.text()) | {"status": "failed: \ud800"}).encode()), "it: Invalid JSON"),
    "digits without end": (lambda run: (run.file, b'{"schema": ' + b"9" * 10_000 + b"}"), "digits"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_a_file_that_is_no_record_is_named_and_neither_read_nor_overwritten(tmp_path, kind):
    spoil, reason = STRANGE[kind]
    name, content = spoil(record())
    good = record(TIMED, place=THERE)
    Store(tmp_path).write(good)
    (tmp_path / name).write_bytes(content)
    runs, ((path, said),) = Store(tmp_path).read()
    assert (runs, path.name) == ([good], name)
    assert reason in said
    assert "\n" not in said
    Store(tmp_path).write(record())
    assert content in [path.read_bytes() for path in tmp_path.iterdir()]
    assert record() in Store(tmp_path).read()[0]


@pytest.mark.parametrize("kind", ["folder", "loop", "dangling", "pipe", "device"])
def test_what_is_no_file_is_named_and_set_aside(tmp_path, kind):
    path = tmp_path / record().file
    make = {"folder": path.mkdir, "loop": lambda: path.symlink_to(path), "dangling": lambda: path.symlink_to("nowhere"), "pipe": lambda: os.mkfifo(path), "device": lambda: path.symlink_to("/dev/zero")}
    make[kind]()
    kept = os.lstat(path)
    runs, ((found, reason),) = Store(tmp_path).read()
    assert (runs, found) == ([], path)
    assert str(tmp_path) not in reason
    Store(tmp_path).write(record())
    assert Store(tmp_path).read() == ([record()], [])
    assert os.lstat(path.with_suffix(".damaged")).st_ino == kept.st_ino


def test_no_damaged_file_takes_the_place_of_another(tmp_path):
    store = Store(tmp_path)
    for content in ("one", "two", "three"):
        store.write(record()).write_text(content)
    store.write(record())
    next(path for path in tmp_path.glob("*.damaged") if path.read_text() == "one").unlink()
    store.write(record()).write_text("four")
    store.write(record())
    store.write(record()).write_text("five")
    store.write(record())
    assert sorted(path.read_text() for path in tmp_path.glob("*.damaged")) == ["five", "four", "three", "two"]


def test_a_link_to_a_record_elsewhere_is_read_and_what_it_names_is_left_alone(tmp_path):
    elsewhere = Store(tmp_path / "elsewhere").write(record(status="cut off"))
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / elsewhere.name).symlink_to(elsewhere)
    assert Store(tmp_path / "runs").read() == ([record(status="cut off")], [])
    Store(tmp_path / "runs").write(record())
    assert Store(tmp_path / "runs").read() == ([record()], [])
    assert read(elsewhere.read_text()).status == "cut off"


def test_names_that_are_no_text_reach_page_and_terminal(page):
    (page / "runs").mkdir()
    Path(os.fsdecode(os.fsencode(page / "runs") + b"/\xff\xfe.json")).write_text("{")
    assert "�" in site.render(page).with_name("not-run.html").read_text(encoding="utf-8")
    assert "�" in told(gather(page)[1])[0]


@pytest.mark.parametrize("space", [None, 3, "\t"])
def test_white_space_is_no_alteration_and_one_line_is_the_same_record(tmp_path, space):
    run = record()
    again = json.dumps(json.loads(run.text()), indent=space).replace("\n", "\r\n")
    assert read(again) == run
    write_lines(tmp_path / RECORDS, [run])
    assert read((tmp_path / RECORDS).read_bytes()) == run


def test_records_from_before_there_were_checksums_are_read():
    assert read(json.dumps(record().model_dump(by_alias=True))) == record()


# --- several machines, several folders ---


def test_folders_of_two_machines_merge_by_copying(tmp_path):
    mine = filled(tmp_path / "mine", [record(place=HERE, test=0.1), record(TIMED), record(SPEC.model_copy(update={"seed": 1}), "cut off")])
    theirs = filled(tmp_path / "theirs", [record(place=THERE, test=0.2), record(TIMED, place=THERE), record(SPEC.model_copy(update={"seed": 1}), place=THERE)])
    (complete_train, _), (complete_timed, _) = complete(SPEC), complete(TIMED)
    for folder, place in ((mine, HERE), (theirs, THERE)):
        filled(folder, [record(complete_train, place=place), record(complete_timed, place=place)])
    shutil.copytree(theirs / "runs", mine / "runs", dirs_exist_ok=True)
    runs, skipped = Store(mine / "runs").read()
    assert (len(runs), skipped) == (10, [])
    made, here = prepare([SPEC, TIMED, SPEC.model_copy(update={"seed": 1})], mine)
    assert here.machine == HERE.machine
    assert {(run.spec.kind, run.where.machine) for run in made.found if run.spec.kind == "speed"} == {("speed", HERE.machine)}
    assert [run.id for run in made.found if run.spec.kind == "train"] == [complete_train.id]
    assert made.missing == 1

    shutil.rmtree(mine / "runs")
    shutil.copytree(theirs / "runs", mine / "runs")
    made, _ = prepare([SPEC, TIMED], mine)
    assert [run.where.machine for run in made.found] == [THERE.machine]  # accuracy counts, the timing does not
    assert [[spec.id for spec in group] for group in made.speed] == [[complete_timed.id]]
    assert "again: 1 run: a timing counts on its own machine only" in made.again


ORDERS = [
    (["cut off", "done"], "done"),
    (["done", "failed: x"], "done"),
    (["diverged at step 3", "done"], "done"),
    (["refused: no", "diverged at step 3"], "diverged at step 3"),
]


@pytest.mark.parametrize(("statuses", "wins"), ORDERS)
def test_of_a_run_that_two_machines_did_a_result_counts(statuses, wins):
    pair = [record(status=status, place=place) for status, place in zip(statuses, (HERE, THERE), strict=True)]
    for runs in (pair, pair[::-1]):
        assert [run.status for run in counted(runs)] == [wins]


def test_of_two_results_the_same_counts_whatever_the_order_and_every_timing_does():
    pair = [record(place=place, test=test) for place, test in ((HERE, 0.1), (THERE, 0.2))]
    timings = [record(TIMED, place=place) for place in (HERE, THERE)]
    (one,), (other,) = counted(pair), counted(pair[::-1])
    assert one == other == min(pair, key=lambda run: run.where.machine)
    assert counted(timings) == timings


def test_a_page_counts_a_seed_once_and_says_so(page):
    before = site.render(page).read_text(encoding="utf-8")
    runs = [run for run, _ in lines(page / RECORDS)[0]]
    assert len(runs) == 12
    filled(page, [run.model_copy(update={"where": THERE.model_copy(update={"machine": "zzzzzzzz"})}) for run in runs])
    after = site.render(page).read_text(encoding="utf-8")
    assert "12 records are of runs that other machines carried out too; one record of each counts" in (page / "not-run.html").read_text(encoding="utf-8")
    assert [after.count(mark) for mark in ("<svg", "<td", "<circle", "<use")] == [before.count(mark) for mark in ("<svg", "<td", "<circle", "<use")]


def test_every_kind_of_place_gives_the_same_records(tmp_path):
    runs = sorted([record(), record(TIMED)], key=lambda run: run.file)
    folder = filled(tmp_path / "out", runs)
    write_lines(tmp_path / "some.jsonl", runs)
    (tmp_path / "published").mkdir()
    write_lines(tmp_path / "published" / RECORDS, runs)
    places = [folder, folder / "runs", tmp_path / "some.jsonl", tmp_path / "published"]
    assert [gather(place) for place in places] == [(runs, [])] * 4
    assert counted(gather(*places)[0]) == runs
    write_lines(folder / RECORDS, runs)
    assert gather(folder) == (runs, [])


def test_a_line_that_is_no_record_is_named_by_its_number(tmp_path):
    text = " ".join(record().text().split())
    (tmp_path / "some.jsonl").write_bytes(b"\n".join([text.encode(), b"", b"\xff", text[:-9].encode(), text.encode()]))
    found, skipped = lines(tmp_path / "some.jsonl")
    assert [run for run, _ in found] == [record()] * 2
    assert [reason.partition(":")[0] for _, reason in skipped] == ["line 3", "line 4"]


def test_a_line_that_never_ends_is_no_record_and_is_not_held_in_memory(tmp_path, monkeypatch):
    text = record().text().replace("\n", " ").encode()
    (tmp_path / "some.jsonl").write_bytes(b"x" * 10 * len(text) + b"\n" + text)
    monkeypatch.setattr("suite.runs.sources.LIMIT", 2 * len(text))
    found, skipped = lines(tmp_path / "some.jsonl")
    assert [run for run, _ in found] == [record()]
    assert len(skipped) == 5


def test_of_one_machine_each_run_counts_once_even_where_every_record_is_asked_for():
    runs = [record(status="cut off"), record(), record(place=THERE), record()]
    assert [(run.status, run.where.machine) for run in counted(runs, every=True)] == [("done", HERE.machine), ("done", THERE.machine)]


NOTHING = [("none", "there is no"), ("empty", "holds no records"), ("broken", "no record can be read"), ("null", "is neither a folder nor a file")]


@pytest.mark.parametrize(("name", "sentence"), NOTHING)
def test_a_place_without_records_is_one_sentence(tmp_path, name, sentence):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").write_bytes(b"\x00\xff\n" * 3)
    (tmp_path / "null").symlink_to("/dev/null")
    with pytest.raises(ValueError, match=sentence) as raised:
        gather(tmp_path / name)
    assert "\n" not in str(raised.value)


# --- why again ---


def left(spec, **changes):
    """What a folder says of a run whose record is another's."""
    before = spec.model_copy(update=changes)
    return why([spec], {spec.id}, [record(before)])


ABOVE = TrainSpec.model_validate({"task": TASK, "cell": "rnn", "above": ({"cell": "gru", "units": 4, "cell_digest": "new"},)})
REASONS = [
    (SPEC, {"cell_digest": "f" * 16}, "the equations of rnn changed"),
    (SPEC, {"task_version": 3}, f"{TASK} is version 0, was 3"),
    (SPEC, {"data": "abc"}, f"the data of {TASK} changed"),
    (SPEC, {"engine": "scan"}, "engine is 'hoisted', was 'scan'"),
    (SPEC, {"steps": 7}, "steps is 1000, was 7"),
    (SPEC, {"optimiser": Optimiser(lr=0.5)}, "optimiser.lr is 0.001, was 0.5"),
    (SPEC, {"task": "parity(length=4)"}, f"task is '{TASK}', was 'parity(length=4)'"),
    (SPEC, {"steps": 7, "cell_digest": "f" * 16}, "the equations of rnn changed; steps is 1000, was 7"),
    (SPEC, {"steps": 7, "units": 5, "batch": 9, "layers": 2, "dtype": "float64"}, "units, dtype, layers and 2 other settings changed"),
    (ABOVE, {"above": (ABOVE.above[0].model_copy(update={"cell_digest": "old"}),)}, "the equations of gru changed"),
    (TIMED, {"cell_digest": "f" * 16}, "the equations of rnn changed"),
    (TIMED, {"repeats": 3}, "repeats is 7, was 3"),
]


@pytest.mark.parametrize(("spec", "changes", "reason"), REASONS, ids=[reason for *_, reason in REASONS])
def test_a_run_that_is_done_again_is_told_by_what_changed(spec, changes, reason):
    assert left(spec, **changes) == [f"again: 1 run: {reason}"]


@pytest.mark.parametrize("changes", [{"task": TASK.replace("4", "5")}, {"task": "adding(length=4)"}, {"cell": "gru"}, {"seed": 5}, {"data_seed": 5}])
def test_a_run_that_was_never_done_has_no_reason(changes):
    assert left(SPEC, **changes) == []
    assert why([SPEC], {SPEC.id}, []) == []


@pytest.mark.parametrize(("status", "reason"), [("cut off", "cut off before"), ("failed: it died", "failed before: it died"), ("refused: no GPU", "not possible before: no GPU")])
def test_a_run_without_a_result_is_told_by_how_it_ended(status, reason):
    assert why([SPEC], {SPEC.id}, [record(status=status)]) == [f"again: 1 run: {reason}"]


def test_reasons_are_grouped_and_the_nearest_record_speaks():
    specs = [SPEC.model_copy(update={"seed": seed}) for seed in range(5)]
    before = [record(spec.model_copy(update={"cell_digest": "f" * 16})) for spec in specs]
    far = [record(spec.model_copy(update={"steps": 7, "units": 9})) for spec in specs]
    assert why(specs, {spec.id for spec in specs}, far + before) == ["again: 5 runs: the equations of rnn changed"]


def test_a_record_that_the_plan_uses_is_nothing_that_changed():
    other = SPEC.model_copy(update={"optimiser": Optimiser(lr=0.5)})
    assert why([SPEC], {SPEC.id, other.id}, [record(other)]) == []


def test_a_folder_says_why_before_anything_runs(tmp_path, capsys):
    whole, _ = complete(SPEC)
    seeds = [whole.model_copy(update={"seed": seed}) for seed in range(3)]
    filled(tmp_path, [record(seeds[0].model_copy(update={"cell_digest": "f" * 16})), record(seeds[1], "cut off"), record(seeds[2])])
    path = Store(tmp_path / "runs").write(record(whole.model_copy(update={"seed": 3})))
    path.write_text(path.read_text()[:50])
    made, _ = prepare([SPEC.model_copy(update={"seed": seed}) for seed in range(5)], tmp_path)
    assert sorted(made.again) == [f"again: 1 run: {reason}" for reason in ("cut off before", "the equations of rnn changed", "the record cannot be read")]
    assert f"carrousel: skipped '{path}': it is no whole JSON document" in capsys.readouterr().err
    made, _ = prepare([seeds[2]], tmp_path, save_weights=True)
    assert made.again == ["again: 1 run: the weights were not kept"]


# --- names in a record are never imported ---


@pytest.fixture
def evil(tmp_path, page, monkeypatch):
    """A module that leaves a mark when it is imported, and a folder of records that name it."""
    (tmp_path / "evil_module.py").write_text(f"import pathlib; pathlib.Path({str(tmp_path / 'mark')!r}).touch()\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    name = "evil_module:thing"
    train = TrainSpec.model_validate({"task": f"{name}(x=1)", "cell": name, "engine": name, "above": ({"cell": name, "units": 4},)})
    filled(page, [record(train), record(SpeedSpec(cell=name, engine=name))])
    catalogue = json.loads((page / "catalogue.json").read_text())
    for entry in (*catalogue["cells"], *catalogue["tasks"]):
        entry["name"] = name if entry in catalogue["cells"] else train.task
    (page / "catalogue.json").write_text(json.dumps(catalogue | {"experiment": name}))
    yield page
    assert "evil_module" not in sys.modules
    assert not (tmp_path / "mark").exists()


def test_no_name_of_a_record_is_imported_by_reading_or_planning(evil):
    runs, _ = gather(evil)
    assert {"evil_module:thing"} < {run.spec.cell for run in runs}
    prepare([SPEC, TIMED], evil)
    Store(evil / "runs").migrate()
    assert "evil_module:thing" in site.render(evil).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FORMATS)
def test_no_name_of_a_record_is_imported_by_an_export(evil, tmp_path, name):
    if name == "tensorboard":
        pytest.importorskip("tensorboardX")
    assert export(evil, out=tmp_path / "made", format=name).exists()
    assert len(curves(load_runs(evil))) > 0


def test_the_mark_of_an_import_would_be_seen(evil, tmp_path):
    from suite import catalogue

    with pytest.raises(ValueError, match="cannot be imported"):
        catalogue.cell("evil_module:thing", 4)
    assert (tmp_path / "mark").exists()
    (tmp_path / "mark").unlink()
    sys.modules.pop("evil_module", None)
