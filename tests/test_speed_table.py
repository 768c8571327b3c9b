"""`carrousel speed` times what was asked beside torch.nn, proves agreement first, and says the same in records, text, CSV and page."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import torch

import suite
from suite import catalogue
from suite.cli import main
from suite.engines import ENGINES, UNTIMED, Engine, hoisted
from suite.engines.peak import multiply_adds
from suite.experiments.speed import NAMES, SHAPES, shape, timing
from suite.launch import jobs
from suite.launch.describe import describe_cell
from suite.launch.local import Outcome
from suite.launch.plan import TURNS, plan
from suite.launch.standing import stands
from suite.report.site import publish, render
from suite.report.text import COLUMNS, brief, tables
from suite.report.timings import LSTM, means, measured, table
from suite.runs import Costs, Ratio, Run, SpeedSpec, Store, Timing, where
from suite.runs.run import read
from suite.runs.schema import FILE
from suite.runs.store import one
from suite.training import measure, preparing, speed
from suite.training.contestants import of_engine, of_torch, peaks, training_flops, yardsticks

TINY = ("--cell", "gru", "--cell", "mgu", "--shape", "3,2,2,4", "--shape", "2,3,2,5", "--threads", "1", "--repeats", "3")
SPEC = SpeedSpec(cell="gru", units=4, length=3, batch=2, inputs=2, repeats=3)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """One small run of the command: exit status, what it printed, and its folder."""
    out, patch = tmp_path_factory.mktemp("speed") / "out", pytest.MonkeyPatch()
    printed = io.StringIO()
    patch.setattr("sys.stdout", printed)
    with pytest.raises(SystemExit) as left:
        main(["speed", *TINY, "--engine", "hoisted", "--engine", "vendor", "--out", str(out)])
    patch.undo()
    return left.value.code, printed.getvalue(), out


def runs_of(folder):
    runs, skipped = Store(folder / "runs").read()
    assert skipped == []
    return runs


def test_the_table_holds_every_contestant_at_every_shape(done):
    status, text, out = done
    assert status == 0
    assert text.splitlines()[-1] == str(out / "index.html")
    timed, means_ = text.split("times faster than")[0], text.split("times faster than")[1]
    lines = [tuple(line.split()[:2]) for line in timed.splitlines() if line.startswith(("gru", "mgu"))]
    assert sorted(lines) == sorted([("gru", "hoisted"), ("gru", "vendor"), ("mgu", "hoisted")] * 2)
    assert timed.count("n = 3 repeats") == 2
    assert f"torch {torch.__version__}" in timed
    assert [line.split()[-1] for line in means_.splitlines() if line.startswith(("gru", "mgu"))] == ["2"] * 3


def test_each_record_is_whole_and_carries_the_proof_of_agreement(done):
    schema, runs = json.loads(FILE.read_text(encoding="utf-8")), runs_of(done[2])
    assert len(runs) == 8
    for run in runs:
        jsonschema.validate(json.loads(run.text()), schema)
        if run.spec.engine == "vendor" and run.spec.cell == "mgu":
            assert run.status.startswith("refused: engine 'vendor' has no kernel for 'mgu'")
            continue
        costs = run.costs
        assert run.status == "done"
        assert set(costs.difference) == {"float64", "float32"}
        assert costs.difference["float64"] <= 1e-10
        assert costs.difference["float32"] <= 1e-4
        assert [r.against for r in costs.ratios] == ([LSTM, "torch.nn.GRU"] if run.spec.cell == "gru" else [LSTM])
        for value in (costs.step, costs.forward, costs.training_forward, costs.backward, costs.product_peak, *(r.step for r in costs.ratios)):
            assert 0 < value.low <= value.median <= value.high
            assert value.n == 3
        assert costs.compile is costs.warm is None


def test_what_has_a_record_is_not_timed_again(done, capsys):
    before = {path: path.stat().st_mtime_ns for path in (done[2] / "runs").iterdir() if "vendor" not in path.read_text()}
    with pytest.raises(SystemExit) as left:
        main(["speed", *TINY, "--engine", "hoisted", "--out", str(done[2])])
    assert left.value.code == 0
    assert "0 runs to do, 4 found" in capsys.readouterr().err
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_the_csv_says_what_the_records_say(tmp_path, done):
    runs = {run.id: run for run in runs_of(done[2])}
    text = table(list(runs.values()))
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["id"] for row in rows} == set(runs)
    for row in rows:
        run = runs[row["id"]]
        assert (row["cell"], row["engine"], row["status"]) == (run.spec.cell, run.spec.engine, run.status)
        assert [int(row[name]) for name in NAMES] == [getattr(run.spec, name) for name in NAMES]
        for name, timing_ in measured(run).items():
            written = [row[name], row[f"{name}_low"], row[f"{name}_high"]]
            assert written == (["", "", ""] if timing_ is None else [str(timing_.median), str(timing_.low), str(timing_.high)])
        if run.status == "done":
            assert float(row["flops_per_second"]) == run.costs.training_flops / run.costs.step.median
            assert float(row["step_seconds"]) == run.costs.step.median
    page = publish(done[2], tmp_path / "published")
    assert (page.parent / "speed.csv").exists()
    assert "geometric mean" in page.read_text(encoding="utf-8")


MISTAKES = [
    (("--cell", "lstmm"), "unknown cell 'lstmm'; did you mean 'lstm'?"),
    (("--engine", "vender"), "unknown engine 'vender'; did you mean 'vendor'?"),
    (("--shape", "3,2,2"), "a shape is four whole numbers, steps,batch,inputs,units, as in '28,128,28,128', not '3,2,2'"),
    (("--shape", "3,2,2,many"), "not '3,2,2,many'"),
    (("--shape", "0,2,2,4"), "length: must be 1 or more, not 0"),
    (("--threads", "0"), "threads: must be 1 or more, not 0"),
    (("--threads", "many"), "Invalid value for '--threads'"),
    (("--repeats", "0"), "repeats: must be 1 or more, not 0"),
    (("--replicas", "-1"), "replicas: must be 1 or more, not -1"),
    (("--dtype", "int8"), "dtype: must be 'float32', 'float64', 'bfloat16' or 'float16', not 'int8'"),
    (("--device", "gpu"), "unknown device 'gpu'"),
]


@pytest.mark.parametrize(("arguments", "sentence"), MISTAKES, ids=[" ".join(a) for a, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_status_2(capsys, tmp_path, arguments, sentence):
    with pytest.raises(SystemExit) as left:
        main(["speed", "--cell", "rnn", "--threads", "1", "--out", str(tmp_path / "out"), *arguments])
    out, err = capsys.readouterr()
    assert (left.value.code, out) == (2, "")
    assert sentence in err
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.rglob("*.json"))


def test_every_contestant_is_timed_unless_some_are_named(capsys, tmp_path):
    with pytest.raises(SystemExit):
        main(["speed", "--cell", "lstm", "--shape", "3,2,2,4", "--threads", "1", "--dry-run", "--out", str(tmp_path / "out")])
    first = capsys.readouterr().out.splitlines()[0]
    assert all(f"lstm {name}" in first for name in ENGINES if name not in UNTIMED and ENGINES[name].refuses(catalogue.cell("lstm", 4), CPU) is None)
    assert not [name for name in UNTIMED if name in first]
    assert not (tmp_path / "out").exists()


def test_shapes_by_default_and_as_written():
    assert [tuple(shape(text).values()) for text in SHAPES] == [(28, 128, 28, 128), (784, 128, 1, 128), (200, 32, 128, 128), (100, 64, 64, 256), (100, 32, 8, 32), (100, 16, 512, 512)]
    specs = timing(["rnn"], ["hoisted"], (), (1, 2, 2), {"repeats": 9}).specs()
    assert len(specs) == 12
    assert {(s.threads, s.repeats) for s in specs} == {(1, 9), (2, 9)}


def test_timings_take_turns_with_those_of_their_shape_a_few_at_a_time():
    cells = ["rnn", "lstm", "gru", "mgu", "gru1", "gru2", "gru3", "mut3"]
    specs = timing(cells, ["hoisted"], ["3,2,2,4", "3,2,2,5"], (1, 2), {}).specs()
    groups = plan(specs, [], "here").speed
    assert [len(group) for group in groups] == [TURNS, len(cells) - TURNS] * 4
    assert all(len({(s.units, s.threads) for s in group}) == 1 for group in groups)


def test_a_cell_that_insists_on_its_inputs_is_refused_at_other_shapes():
    made = plan(timing(["mut1"], ["hoisted"], ["3,2,2,4", "3,2,4,4"], (1,), {}).specs(), [], "here")
    assert [spec.inputs for group in made.speed for spec in group] == [4]
    assert [sentence for _, sentence in made.refused] == ["cell 'mut1' uses x itself beside its units: inputs must be 4, not 2"]


def test_an_engine_that_lacks_the_dtype_is_refused_and_does_not_fail():
    made = plan(timing(["lstm"], ["scan", "hoisted"], ["3,2,2,4"], (1,), {"dtype": "float16"}).specs(), [], "here")
    assert [spec.engine for group in made.speed for spec in group] == ["hoisted"]
    assert [(spec.engine, sentence) for spec, sentence in made.refused] == [("scan", "engine 'scan' computes in float32, float64 and bfloat16, not in torch.float16: 'lstm' is left to another engine")]


def test_an_engine_that_disagrees_is_barred_and_the_difference_is_kept(monkeypatch):
    def wrong(*arguments):
        y, state = hoisted.unroll(*arguments)
        return 1.001 * y, state

    monkeypatch.setitem(ENGINES, "wrong", Engine("wrong", wrong))
    good, bad = speed.times([SPEC, SPEC.model_copy(update={"engine": "wrong"})])
    assert good.barred is None
    assert good.costs.step is not None
    assert bad.barred == f"engine 'wrong' differs from the reference by {bad.costs.difference['float64']:.1e} on 'gru' in torch.float64; no speed is published"
    assert bad.costs == Costs(difference={"float64": bad.costs.difference["float64"]})
    assert 5e-4 < bad.costs.difference["float64"] < 2e-3


def test_a_contestant_that_raises_at_its_shape_leaves_the_others_their_times(monkeypatch):
    def tired(cell, params, xs, *more):
        if len(xs) == SPEC.length:
            raise MemoryError("too long for me")
        return hoisted.unroll(cell, params, xs, *more)

    monkeypatch.setitem(ENGINES, "tired", Engine("tired", tired))
    bad, good = speed.times([SPEC.model_copy(update={"engine": "tired"}), SPEC])
    assert bad.barred == "MemoryError: too long for me"
    assert set(bad.costs.difference) == {"float64", "float32"}
    assert good.costs.step.n == 3


def test_a_yardstick_against_itself_has_the_ratio_one():
    values = [3.0, 1.0, 2.0]
    assert measure.ratio({LSTM: values}, LSTM, LSTM) == [1.0] * 3
    found = {f"{LSTM} step": [[1.0, 2.0]] * 3, f"{LSTM} forward": [[0.5]] * 3, "0 step": [[0.5, 1.0]] * 3, "0 forward": [[1.0]] * 3, "product 10": [[1e-3]] * 3}
    costs = speed.costs("0", SPEC, catalogue.cell("lstm", 4), found, {"product 10": speed.spread([2e6]), "multiply-adds": speed.spread([3e6])}, speed.Gate({"float64": 0.0}, None))
    (held,) = costs.ratios
    assert (held.against, held.step.median, held.forward.median, held.seconds.median) == (LSTM, 2.0, 0.5, 3.0)
    assert (costs.step.median, costs.training_forward.median, costs.backward.median) == (1.5, 0.5, 1.0)
    assert (costs.product_peak.median, costs.arithmetic_peak.median) == (2e6, 3e6)


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_step_has_a_gradient_for_every_weight_and_a_pass_has_none(replicas):
    spec, cell = SPEC.model_copy(update={"replicas": replicas}), catalogue.cell("gru", 4)
    ours = of_engine(spec, cell, ENGINES["hoisted"], spec.length, spec.batch)
    assert [tuple(g.shape) for g in ours.gradients(ours.forward(None))] == [(replicas, *s) for s in cell.shapes(2).values()]
    assert not ours.inference().requires_grad
    for name, layer in yardsticks([cell]).items():
        theirs = of_torch(spec, layer)
        assert len(theirs.gradients(theirs.forward(None))) == 4 * replicas, name
        assert [tuple(y.shape) for y in theirs.inference()] == [(3, 2, 4)] * replicas
        assert not any(y.requires_grad for y in theirs.inference())


def test_yardsticks_are_the_lstm_and_the_layers_of_cells_that_have_one():
    made = list(yardsticks([catalogue.cell(name, 4) for name in ("mgu", "gru", "rnn-relu", "rnn", "lstm")]))
    assert made == [LSTM, "torch.nn.GRU", "torch.nn.RNN(relu)", "torch.nn.RNN"]


def test_operations_are_two_for_products_of_x_and_three_for_all_others():
    cell = catalogue.cell("lstm", 4)
    assert training_flops(cell, SPEC) == 2 * (3 * 2) * (2 * 4 * 4 * 2 + 3 * 4 * 4 * 4)
    assert training_flops(cell, SPEC.model_copy(update={"replicas": 5})) == 5 * training_flops(cell, SPEC)


def test_parts_are_timed_in_order_and_add_up():
    seen = []
    found = measure.in_parts({"a": [lambda before: seen.append(("first", before)) or 7, lambda before: seen.append(("second", before))]}, 2, CPU)
    assert seen[:2] == [("first", None), ("second", 7)]
    assert [len(parts) for parts in found["a"]] == [2, 2]
    assert all(seconds >= 0 for parts in found["a"] for seconds in parts)


def test_compile_time_is_measured_in_a_folder_of_its_own_and_only_where_something_is_prepared(tmp_path, monkeypatch):
    seen = []

    def prepare(cell, dtype, device):
        import os
        from pathlib import Path

        folder = Path(os.environ["CARROUSEL_CACHE"])
        seen.append((cell.name, dtype, list(folder.iterdir())))
        (folder / "code").touch()

    for name in preparing.CACHES:
        monkeypatch.setenv(name, "before")
    monkeypatch.setitem(ENGINES, "native", replace(hoisted.ENGINE, name="native", prepare=prepare))
    spec = SPEC.model_copy(update={"engine": "native"})
    assert preparing.seconds(spec, tmp_path) >= 0
    assert preparing.seconds(spec, tmp_path) >= 0
    assert [(name, dtype, len(files)) for name, dtype, files in seen] == [("gru", torch.float32, 0), ("gru", torch.float32, 1)]
    assert preparing.prepares("native")
    assert not preparing.prepares("hoisted")
    assert jobs.prepared(SpeedSpec(cell="gru", units=4, engine="hoisted")) == {}


def test_cold_and_warm_starts_come_from_fresh_processes(monkeypatch):
    monkeypatch.setattr(jobs, "prepares", lambda name: True)
    monkeypatch.setattr(jobs, "_prepared", {})
    found = jobs.prepared(SpeedSpec(cell="gru", units=4, engine="hoisted"))
    assert {name: value.n for name, value in found.items()} == {"compile": jobs.WEIGHED, "warm": jobs.WEIGHED}


def test_a_process_that_dies_costs_only_the_one_that_killed_it(monkeypatch):
    class Dying:
        def run(self, given):
            (job,) = given
            specs = job.payload["specs"]
            bad = any(s.engine == "vendor" for s in specs)
            yield Outcome(job, "failed" if bad else "done", "the worker was killed" if bad else [speed.Measured(Costs(), None)] * len(specs))

    specs = [SPEC, SPEC.model_copy(update={"engine": "vendor"}), SPEC.model_copy(update={"cell": "mgu"})]
    assert [m.barred for m in jobs._times(Dying(), specs)] == [None, "the worker was killed", None]


OLD = {"parameters": 84, "multiply_adds": 72, "state_bytes": 16, "seconds": None, "step": {"median": 0.1, "low": 0.1, "high": 0.2, "n": 15}, "forward": None, "peak_bytes": None}


def test_records_from_before_are_read_and_shown():
    run = Run(id=SPEC.id, spec=SPEC, status="done", where=where())
    old = read(json.dumps(run.model_dump(by_alias=True) | {"costs": OLD}))
    assert old.costs.ratios == ()
    assert old.costs.difference == {}
    assert "100 [100, 200]" in tables([old])
    assert means([old]) == []
    assert len(table([old]).splitlines()) == 2


def known(cell, length, median):
    spec = SpeedSpec(cell=cell, length=length)
    one = Timing(median=median, low=median, high=median, n=3)
    return Run(id=spec.id, spec=spec, status="done", costs=Costs(step=one, ratios=(Ratio(against=LSTM, step=one, forward=one, seconds=one),)), where=where())


def test_means_over_shapes_are_geometric_and_the_fastest_of_those_over_all_shapes_comes_first():
    found = means([known("gru", 10, 1.0), known("gru", 20, 4.0), known("mgu", 10, 3.0), known("mgu", 20, 3.0), known("rnn", 10, 9.0)])
    assert [(m.cell, round(m.value, 9), m.low, m.high, m.n) for m in found] == [("mgu", 3.0, 3.0, 3.0, 2), ("gru", 2.0, 1.0, 4.0, 2), ("rnn", 9.0, 9.0, 9.0, 1)]


def test_cells_stand_in_the_order_of_their_steps():
    lines = tables([known("gru", 10, 2.0), known("mgu", 10, 1.0), known("rnn", 10, 3.0)]).split("times faster")[0].splitlines()
    assert [line.split()[0] for line in lines if line.startswith(("gru", "mgu", "rnn"))] == ["mgu", "gru", "rnn"]


def test_numbers_have_three_digits():
    assert [brief(v) for v in (0.0, 0.00123456, 1.0, 12.34, 123456.0)] == ["0", "0.00123", "1.00", "12.3", "123,456"]
    assert {name for name, _ in COLUMNS.values()} <= set(measured(known("gru", 10, 1.0)))


def shown(out):
    """What a reader of a folder sees: its pages, the CSV, and what they are made from."""
    return {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if (path.is_file() and path.suffix in (".html", ".csv", ".js")) or path.name == "catalogue.json"}


def spoken(*arguments):
    with pytest.raises(SystemExit) as left:
        main(["speed", *map(str, arguments)])
    return left.value.code


@pytest.mark.parametrize("second", [("--device", "cuda"), ("--engine", "vendor", "--cell", "mgu"), ("--engine", "scam"), ("--cell", "lstmm"), ("--engine", "failing")])
def test_a_command_that_measures_nothing_leaves_the_page_and_the_csv_of_the_one_before(tmp_path, monkeypatch, capsys, second):
    def times(group, here, limits):
        costs = known("gru", 3, 1.0).costs if group[0].engine == "hoisted" else Costs()
        return [Run(id=spec.id, spec=spec, status="failed: it fell" if spec.engine == "failing" else "done", costs=costs, where=here) for spec in group]

    monkeypatch.setitem(ENGINES, "failing", Engine("failing", hoisted.unroll))
    monkeypatch.setattr("suite.launch.run.timed", times)
    if "cuda" in second and torch.cuda.is_available():
        pytest.skip("there is a GPU, which times what this test wants refused")
    asked = ("--shape", "3,2,2,4", "--threads", 1, "--repeats", 3, "--out", tmp_path)
    assert spoken("--cell", "gru", "--engine", "hoisted", *asked) == 0
    before, records = shown(tmp_path), set((tmp_path / "runs").iterdir())
    assert before[(tmp_path / "speed.csv").relative_to(tmp_path)]
    capsys.readouterr()
    status = spoken(*(() if "--cell" in second else ("--cell", "gru")), *second, *asked)
    said = capsys.readouterr().err
    wrong = {"scam", "lstmm"} & set(second)
    assert status == (2 if wrong else 1 if "failing" in second else 0)
    assert shown(tmp_path) == before
    assert records <= set((tmp_path / "runs").iterdir())
    assert (len(said.splitlines()) == 1 and said.startswith("carrousel: unknown")) if wrong else f"nothing was measured, and the page in '{tmp_path}' stays" in said
    if not wrong:
        assert len(list((tmp_path / "runs").iterdir())) > len(records)


def left_behind(tmp_path, monkeypatch):
    """A folder with a page of gru, in which timing mgu on vendor is refused."""

    def times(group, here, limits):
        return [Run(id=spec.id, spec=spec, status="done", costs=known("gru", 3, 1.0).costs, where=here) for spec in group]

    monkeypatch.setattr("suite.launch.run.timed", times)
    asked = ("--shape", "3,2,2,4", "--threads", 1, "--repeats", 3, "--out", tmp_path)
    assert spoken("--cell", "gru", "--engine", "hoisted", *asked) == 0
    return shown(tmp_path), ("--cell", "mgu", *asked)


def test_a_command_that_is_killed_leaves_the_catalogue_of_the_one_before(tmp_path, monkeypatch):
    before, asked = left_behind(tmp_path, monkeypatch)

    def killed(group, here, limits):
        assert shown(tmp_path) == before  # what is found by who comes after
        raise SystemExit(9)

    monkeypatch.setattr("suite.launch.run.timed", killed)
    assert spoken("--engine", "hoisted", *asked) == 9
    assert shown(tmp_path) == before


def test_the_page_stands_where_its_records_are_given_new_names(tmp_path, monkeypatch):
    before, asked = left_behind(tmp_path, monkeypatch)
    ((path, record),) = [(path, one(path)) for path in (tmp_path / "runs").iterdir()]
    old = path.with_name(path.name.replace(record.id, "0123456789abcdef"))
    monkeypatch.setattr(Store, "migrate", lambda store: {"0123456789abcdef": record.id} if old.exists() and old.rename(path) else {})
    path.rename(old)
    text = (tmp_path / "catalogue.json").read_text()
    (tmp_path / "catalogue.json").write_text(text.replace(record.id, "0123456789abcdef"))
    monkeypatch.setattr("suite.launch.standing.has_result", lambda path: path.exists())
    assert spoken("--engine", "vendor", *asked) == 0
    assert (tmp_path / "catalogue.json").read_bytes() == before[Path("catalogue.json")]
    assert "cell-gru.html" in (tmp_path / "index.html").read_text()
    assert set(shown(tmp_path)) == set(before)


def test_a_page_that_is_missing_is_drawn_where_it_stands(tmp_path, monkeypatch):
    before, asked = left_behind(tmp_path, monkeypatch)
    (tmp_path / "index.html").unlink()
    assert spoken("--engine", "vendor", *asked) == 0
    assert (tmp_path / "catalogue.json").read_bytes() == before[Path("catalogue.json")]
    assert "cell-gru.html" in (tmp_path / "index.html").read_text()
    assert set(shown(tmp_path)) == set(before)


def test_trials_are_no_page_that_is_kept(tmp_path, monkeypatch):
    left_behind(tmp_path, monkeypatch)
    command = json.loads((tmp_path / "catalogue.json").read_text())["command"]
    assert stands(tmp_path, None)
    assert stands(tmp_path, "another command")
    assert not stands(tmp_path, command)
    assert not stands(tmp_path / "nowhere", None)


def test_where_nothing_was_measured_before_a_refusal_has_its_page(tmp_path):
    asked = ("--cell", "mgu", "--engine", "vendor", "--threads", 1, "--out", tmp_path)
    assert spoken("--shape", "3,2,2,4", *asked) == 0
    first = (tmp_path / "catalogue.json").read_text()
    assert spoken("--shape", "5,2,2,4", *asked) == 0
    assert (tmp_path / "catalogue.json").read_text() != first


@pytest.mark.parametrize(("n", "called"), [(3, "range"), (5, "range"), (6, "95 % interval"), (9, "95 % interval")])
def test_what_stands_in_brackets_is_called_what_it_is(tmp_path, n, called):
    run = known("gru", 10, 2.0)
    one = run.costs.step.model_copy(update={"n": n})
    run = run.model_copy(update={"costs": run.costs.model_copy(update={"step": one, "peak_bytes": Timing(median=2.0, low=1.0, high=3.0, n=3)})})
    assert f"median [{called}] of n = {n} repeats, memory and compile time [range] of n = 3" in tables([run])
    assert [row["low_to_high"] for row in csv.DictReader(io.StringIO(table([run])))] == [called]
    Store(tmp_path / "runs").write(run)
    (tmp_path / "catalogue.json").write_text(json.dumps({"experiment": "e", "question": "?", "command": "c", "cells": [describe_cell("gru", 4, 2)], "tasks": []}))
    page = render(tmp_path)
    assert f"median [{called}] of n = {n} repeats" in (page.parent / "speed.html").read_text(encoding="utf-8")
    assert f"step, ms [{called}]" in (page.parent / "cell-gru.html").read_text(encoding="utf-8")


def test_a_truncated_state_takes_no_product_on_the_way_back():
    cell = catalogue.cell("lstm97", 4)
    rows = [link.source for stage in cell.table for row in stage.rows for link in row.links if link.source != "b"]
    assert set(rows) == {"x", *cell.truncated}
    assert training_flops(cell, SPEC) == 2 * 2 * SPEC.length * SPEC.batch * cell.costs(SPEC.inputs)["multiply_adds"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_multiply_adds_are_counted_and_nothing_passes_them(dtype):
    one, two = multiply_adds(dtype, 1), multiply_adds(dtype, 2)
    if one is None:
        pytest.skip("no C++ compiler here")
    assert two[0] == 2 * one[0] > 1e8 / 3
    assert one[1]() == two[1]()  # a sum that the chains come to, in whole numbers of rounds
    assert multiply_adds(torch.float16, 1) is None


def test_without_a_compiler_the_peak_is_that_of_products(monkeypatch):
    monkeypatch.setattr("suite.engines.peak.compiler.library", lambda *_: (_ for _ in ()).throw(suite.Refused("none")))
    assert set(peaks(SPEC)) == {"product 256", "product 512", "product 1024"}
    monkeypatch.undo()
    assert peaks(SPEC)["product 256"].operations == 2 * 256**3
