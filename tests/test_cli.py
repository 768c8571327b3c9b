"""The command line: its exit status, and a sentence instead of a traceback."""

import json
from pathlib import Path

import pytest

import suite
from suite import catalogue
from suite.cells import CELLS
from suite.cli import main
from suite.data import tensors
from suite.engines import ENGINES
from suite.experiments import EXPERIMENTS
from suite.launch import lookup
from suite.names import mistakes, near_miss, unknown
from suite.runs import Store
from suite.tasks import TASKS

SHORT = ("run", "quick", "--task", "parity(length=4, supervision='every')", "--cell", "rnn", "--seeds", "2")


@pytest.fixture
def carrousel(capsys):
    """`carrousel(…)` -> exit status, standard output, standard error."""

    def called(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return called


@pytest.fixture
def fresh():
    """Data sets are looked up again, before and after."""
    for clear in (tensors.columns.cache_clear, lookup._answers.clear, lookup.task_of.cache_clear):
        clear()
    yield
    for clear in (tensors.columns.cache_clear, lookup._answers.clear, lookup.task_of.cache_clear):
        clear()


MISTAKES = [
    (("run", "quik"), "unknown experiment 'quik'; did you mean 'quick'?"),
    (("run", "quick", "--cell", "lstmm"), "unknown cell 'lstmm'; did you mean 'lstm'?"),
    (("run", "quick", "--task", "ading"), "unknown task 'ading'; did you mean 'adding'?"),
    (("run", "quick", "--task", "adding(lenght=9)"), "unknown argument of task 'adding', 'lenght'; did you mean 'length'?"),
    (("run", "quick", "--task", "adding(length='x')"), "task 'adding': length must be of type int"),
    (("run", "quick", "--task", "adding(length"), "cannot read 'adding(length'"),
    (("run", "quick", "--cell", "nowhere:cell"), "cell 'nowhere:cell' cannot be imported"),
    (("run", "quick", "--cell", "math:pi"), "cell 'math:pi' must be a callable units -> Cell"),
    (("run", "quick", "--engine", "vender"), "unknown engine 'vender'; did you mean 'vendor'?"),
    (("run", "quick", "--units", "-3"), "units: must be 1 or more, not -3"),
    (("run", "quick", "--seeds", "-1"), "seeds must be 1 or more, not -1"),
    (("run", "quick", "--seeds", "many"), "Invalid value for '--seeds'"),
    (("run", "quick", "--workers", "0"), "Invalid value for '--workers'"),
    (("run", "quick", "--shard", "3/2"), "a shard is i/n with i from 1 to n, as in 3/8, not '3/2'"),
    (("run", "quick", "--budget", "soon"), "a duration is a number of seconds or like 90s, 10m, 2h, 1d, more than 0, not 'soon'"),
    (("run", "none.toml"), "there is no file 'none.toml'"),
    (("run", "quick", "--device", "gpu"), "unknown device 'gpu'"),
    (("run", "quick", "--colour", "red"), "No such option"),
    (("run",), "Missing argument"),
    (("list", "horses"), "Invalid value for"),
    (("list", "cells", "--units", "-1"), "must be a whole number of units, 1 to 1,000,000, not -1"),
    (("cite", "hochreiter"), "unknown source 'hochreiter'; did you mean 'hochreiter1997'?"),
    (("report", "/nowhere"), "holds no catalogue.json"),
    (("walk",), "No such command"),
]


@pytest.mark.parametrize(("arguments", "sentence"), MISTAKES, ids=[" ".join(a) for a, _ in MISTAKES])
def test_a_mistake_is_one_sentence_and_status_2(carrousel, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CARROUSEL_DATA", raising=False)
    status, out, err = carrousel(*arguments)
    assert status == 2
    assert out == ""
    assert sentence in err
    assert err.startswith("carrousel: ")
    assert len(err.splitlines()) == 1
    assert not list(tmp_path.rglob("*.json"))


def test_a_folder_that_cannot_be_written_is_one_sentence(carrousel, tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        status, _, err = carrousel(*SHORT, "--out", out)
        assert status == 2
        assert err.startswith(f"carrousel: cannot write to '{out}'")
        assert len(err.splitlines()) == 1
    assert (tmp_path / "file").read_text() == "mine"


def test_tampered_data_are_found_before_anything_is_trained(carrousel, tmp_path, monkeypatch, fresh):
    for split in ("train", "test"):
        path = tmp_path / "data" / "ylecun" / "mnist" / "mnist" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"PAR1 not quite")
    monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path / "data"))
    status, out, err = carrousel("run", "quick", "--task", "mnist-rows", "--task", "parity", "--out", tmp_path / "out")
    assert (status, out) == (2, "")
    assert err.startswith("carrousel: mnist: cannot read '")
    assert len(err.splitlines()) == 1
    assert not list((tmp_path / "out" / "runs").glob("*"))


def test_a_folder_of_data_that_is_none_is_named(carrousel, tmp_path, monkeypatch, fresh):
    monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path / "none"))
    status, _, err = carrousel("run", "quick", "--task", "mnist-rows", "--dry-run")
    assert (status, err) == (2, f"carrousel: CARROUSEL_DATA names '{tmp_path / 'none'}', which is no folder\n")


@pytest.mark.parametrize(("what", "known"), [("cells", CELLS), ("tasks", TASKS), ("engines", ENGINES), ("experiments", EXPERIMENTS)])
def test_lists_are_arrays_of_objects_with_names(carrousel, what, known):
    status, out, _ = carrousel("list", what, "--json")
    assert status == 0
    assert [entry["name"] for entry in json.loads(out)] == list(known)
    status, out, _ = carrousel("list", what)
    assert status == 0
    assert all(name in out for name in known)


def test_a_dry_run_trains_and_writes_nothing(carrousel, tmp_path):
    status, out, _ = carrousel(*SHORT, "--dry-run", "--out", tmp_path / "out")
    assert status == 0
    assert "2 runs to do, 0 found" in out
    assert not (tmp_path / "out").exists()


def test_a_shard_of_a_dry_run_is_a_part_of_it(carrousel, tmp_path):
    shown = [carrousel("run", "quick", "--task", "parity", "--seeds", "1", "--units", "4", "--shard", f"{k}/2", "--dry-run", "--out", tmp_path / "out") for k in (1, 2)]
    assert [status for status, *_ in shown] == [0, 0]
    assert sum(int(out.splitlines()[-1].partition(" runs")[0]) for _, out, _ in shown) == 4


def test_schemas_are_printed_and_found(carrousel):
    for what in ("experiment", "record"):
        status, out, _ = carrousel("schema", what)
        assert (status, json.loads(out)["type"]) == (0, "object")
        status, path, _ = carrousel("schema", what, "--path")
        assert json.loads(Path(path.strip()).read_text(encoding="utf-8")) == json.loads(out)


def test_a_file_with_mistakes_says_them_all_and_runs_nothing(carrousel, tmp_path):
    (tmp_path / "mine.toml").write_text("question = '?'\ncells = ['gruu']\nseeds = 0\n[[tasks]]\ntask = 'adding'\nunitz = 3\n")
    status, out, err = carrousel("run", tmp_path / "mine.toml", "--out", tmp_path / "out")
    assert (status, out) == (2, "")
    lines = err.splitlines()
    assert all(line.startswith(f"carrousel: {tmp_path / 'mine.toml'}: ") for line in lines)
    for sentence in ("tasks[0].unitz: unknown setting 'unitz'; did you mean 'units'?", "seeds: must be 1 or more, not 0", "unknown cell 'gruu'; did you mean 'gru'?"):
        assert sum(sentence in line for line in lines) == 1
    assert not (tmp_path / "out").exists()


def test_the_last_line_is_the_path_of_the_page_and_a_second_start_trains_nothing(carrousel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    status, out, err = carrousel(*SHORT, "--units", 5)
    page = Path(out.splitlines()[-1])
    assert status == 0
    assert page == Path("reports/local/quick/index.html")
    assert "<html" in page.read_text(encoding="utf-8")
    assert sum("rnn rate" in line for line in err.splitlines()) == 2
    runs, skipped = Store(page.parent / "runs").read()
    assert [run.status for run in runs] == ["done"] * 2
    assert skipped == []
    (found,) = json.loads((page.parent / "baselines.json").read_text()).values()
    names = [baseline["name"] for baseline in found]
    assert names[:4] == ["best constant", "last input", "last two inputs", "bag of inputs"]
    assert names[-2:] == ["linear on the whole sequence", "network on the whole sequence"]

    times = {path: path.stat().st_mtime_ns for path in (page.parent / "runs").iterdir()}
    status, out, err = carrousel(*SHORT, "--units", 5)
    assert (status, out.splitlines()[-1]) == (0, str(page))
    assert "rnn rate" not in err
    assert {path: path.stat().st_mtime_ns for path in (page.parent / "runs").iterdir()} == times
    status, out, _ = carrousel("report", page.parent)
    assert (status, out.splitlines()[-1]) == (0, str(page))


def test_what_cannot_run_here_is_no_failure(carrousel, tmp_path, monkeypatch, fresh):
    monkeypatch.setenv("CARROUSEL_DATA", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("suite.data.hub.reachable", lambda: False)
    status, out, _ = carrousel("run", "quick", "--task", "mnist-rows", "--cell", "rnn", "--seeds", "1", "--out", tmp_path / "out")
    (run,) = Store(tmp_path / "out" / "runs").read()[0]
    assert status == 0
    assert run.status.startswith("refused: mnist is not here: CARROUSEL_DATA names no folder with ylecun/mnist")
    assert out.splitlines()[-1] == str(tmp_path / "out" / "index.html")
    assert "mnist is not here" in (tmp_path / "out" / "not-run.html").read_text(encoding="utf-8")


def test_an_interrupt_has_status_130(carrousel, tmp_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("suite.launch.run.carry_out", interrupted)
    status, _, err = carrousel(*SHORT, "--out", tmp_path)
    assert status == 130
    assert len(err.splitlines()) <= 2
    assert "interrupted" in err


def test_a_run_that_failed_has_status_1(carrousel, tmp_path, monkeypatch):
    from suite.launch import run as launch
    from suite.launch.local import Job

    monkeypatch.setattr(launch, "training", lambda group, *more: Job("sleep", {"seconds": -1, "checkpoint": more[0] / "none"}, group))
    status, out, err = carrousel(*SHORT, "--out", tmp_path)
    assert status == 1
    assert "failed: ValueError: sleep length must be non-negative" in err
    assert out.splitlines()[-1] == str(tmp_path / "index.html")


def test_the_version_and_the_help_are_told(carrousel):
    import suite

    assert carrousel("--version")[:2] == (0, f"carrousel, version {suite.__version__}\n")
    status, out, _ = carrousel("--help")
    assert status == 0
    assert all(name in out for name in ("run", "list", "report", "cite"))


@pytest.mark.parametrize(("name", "key"), [("lstm97", "hochreiter1997"), ("adding(length=9)", "le2015"), ("gru-cho", "cho2014"), ("cho2014", "cho2014")])
def test_a_cell_or_a_task_is_cited_by_its_name(carrousel, name, key):
    status, out, _ = carrousel("cite", name)
    assert status == 0
    assert f"{{{key}," in out


NEAR = [
    ("gur", CELLS, "gru"),
    ("lsmt", CELLS, "lstm"),
    ("LSTM", CELLS, "lstm"),
    ("lstm_peephole", CELLS, "lstm-peephole"),
    ("rn", CELLS, "rnn"),
    ("peephole", CELLS, "lstm-peephole"),
    ("transformer", CELLS, None),
    ("nope", ENGINES, None),
    ("xyz", ENGINES, None),
    ("torch", ENGINES, None),
    ("a", ENGINES, None),
    ("sacn", ENGINES, "scan"),
    ("compield", ENGINES, "compiled"),
    ("flash-rnn", ENGINES, "flashrnn"),
    ("qiuck", EXPERIMENTS, "quick"),
    ("", ENGINES, None),
]


@pytest.mark.parametrize(("given", "known", "meant"), NEAR, ids=[repr(given) for given, *_ in NEAR])
def test_a_near_miss_is_named_and_nothing_else(given, known, meant):
    assert near_miss(given, known) == meant
    assert ("did you mean" in unknown(given, known, "thing")) == (meant is not None)


@pytest.mark.parametrize("name", [*CELLS, *TASKS, *ENGINES])
def test_a_slip_of_one_letter_is_understood(name):
    known = next(table for table in (CELLS, TASKS, ENGINES) if name in table)
    slips = {name[:1] + name, name[:-1] + "§", *((name[1] + name[0] + name[2:],) if len(name) > 3 else ())} - set(known)
    for slip in slips:
        found = near_miss(slip, known)
        assert found is not None
        assert mistakes(slip, found) <= mistakes(slip, name) == 1


@pytest.mark.parametrize("name", [None, 3, ("gru",), b"gru"])
@pytest.mark.parametrize("asked", [lambda name: suite.cell(name, 4), suite.task, catalogue.engine], ids=["cell", "task", "engine"])
def test_what_is_no_name_is_told_in_a_sentence(asked, name):
    with pytest.raises(ValueError, match=r"^(cell|task|engine) must be a name, as a text, not "):
        asked(name)
