"""What asv keeps is read as series, a planted step is attributed to its commit, and its pages open without a network."""

import hashlib
import http.server
import importlib
import json
import math
import shutil
import subprocess
import sys
import threading
import tomllib
from functools import partial
from pathlib import Path

import pytest

from suite.regress import history, kept, pages, told
from suite.regress.judge import BETTER, WORSE
from suite.regress.steps import steps, unsettled
from suite.regress.trees import git

CONF = {
    "version": 1,
    "project": "toy",
    "repo": ".",
    "branches": ["HEAD"],
    "environment_type": "virtualenv",
    "pythons": ["3.11"],
    "results_dir": ".asv/results",
    "html_dir": ".asv/html",
    "matrix": {"req": {"torch": ["2.13.0"]}},
}
COLUMNS = [
    "result",
    "params",
    "version",
    "started_at",
    "duration",
    "stats_ci_99_a",
    "stats_ci_99_b",
    "stats_q_25",
    "stats_q_75",
    "stats_number",
    "stats_repeat",
    "samples",
    "profile",
]
BENCHMARKS = {
    "networks.Step.time_step": ("time", "seconds", [["'lstm'", "'gru'"], ["'cpu 1'"]], ["cell", "place"]),
    "networks.DigitsError.track_error": ("track", "error", [["'gru'"]], ["cell"]),
    "networks.Memory.track_memory": ("track", "bytes", [["'gru'"]], ["cell"]),
}
WOBBLE = (0.0, 0.008, -0.006, 0.004, -0.009, 0.002, 0.007, -0.003, 0.001, -0.005)
BACK = 5


def figures(number, count):
    """Two steps, made five commits before the last: lstm's time and the error; gru's time has a spike, memory a skip and a failure."""
    late = number >= count - BACK
    wobble = 1 + WOBBLE[number % len(WOBBLE)]
    return {
        "networks.Step.time_step": [0.01 * wobble * (1.2 if late else 1.0), 0.02 * wobble * (1.5 if number == 3 else 1.0)],
        "networks.DigitsError.track_error": [0.03 * wobble + (0.02 if late else 0.0)],
        "networks.Memory.track_memory": [math.nan if number == 1 else None if number == count - 2 else 1e7],
    }


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A repository of ten commits and what asv would have kept of them on two machines."""
    folder = tmp_path_factory.mktemp("history")
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    (folder / "asv.conf.json").write_text(json.dumps(CONF))
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "__init__.py").write_text("")
    commits = []
    for number in range(10):
        (folder / "n").write_text(str(number))
        git(folder, "add", "n")
        git(folder, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "-m", f"change number {number}")
        commits.append(git(folder, "rev-parse", "HEAD"))
    results = folder / ".asv" / "results"
    known = {
        name: {"code": "", "name": name, "param_names": names, "params": params, "timeout": 60, "type": kind, "unit": unit, "version": "1"}
        for name, (kind, unit, params, names) in BENCHMARKS.items()
    }
    for machine in ("first", "second"):
        (results / machine).mkdir(parents=True)
        here = {"machine": machine, "os": "Linux", "arch": "x86_64", "cpu": "some", "num_cpu": "2", "ram": "1"}
        (results / machine / "machine.json").write_text(json.dumps(here | {"version": 1}))
        for number, name in enumerate(commits if machine == "first" else commits[:1]):
            values = {bench: [row, BENCHMARKS[bench][2], "1", 1700000000000, 1.0] for bench, row in figures(number, len(commits)).items()}
            values["networks.Step.time_old"] = [[1.0], [], "1", 1700000000000, 1.0]
            kept_file = {
                "commit_hash": name, "env_name": "virtualenv-py3.11-torch2.13.0", "date": 1700000000000 + 86400000 * number, "params": here | {"python": "3.11", "torch": "2.13.0"},
                "python": "3.11", "requirements": {"torch": "2.13.0"}, "env_vars": {}, "result_columns": COLUMNS, "results": values, "durations": {}, "version": 2,
            }  # fmt: skip
            (results / machine / f"{name[:8]}-virtualenv-py3.11-torch2.13.0.json").write_text(json.dumps(kept_file))
    (results / "benchmarks.json").write_text(json.dumps(known | {"version": 2}))
    return folder, commits


def test_results_are_read_machine_by_machine(measured):
    folder, commits = measured
    found = {(each.machine, each.series.name): each for each in kept.read(folder / ".asv" / "results")}
    memory = found["first", "networks.Memory.track_memory[gru]"]

    assert len(found) == 2 * 4  # what benchmarks.json no longer names is left out
    assert len(found["first", "networks.Step.time_step[lstm, cpu 1]"].figures) == 10
    assert len(found["second", "networks.Step.time_step[lstm, cpu 1]"].figures) == 1
    assert found["first", "networks.DigitsError.track_error[gru]"].series.unit == "error"
    assert (len(memory.figures), memory.failed) == (8, [commits[-2]])  # skipped is neither


def test_a_step_five_commits_back_is_found_and_attributed(measured, capsys):
    folder, commits = measured
    status = history.reported(folder, commits[::-1])
    out = capsys.readouterr().out
    found = json.loads((folder / ".asv" / "steps.json").read_text())

    assert status == 1
    assert {(step["series"], step["first"], step["verdict"]) for step in found["steps"]} == {
        (name, commits[-BACK], WORSE) for name in ("networks.Step.time_step[lstm, cpu 1]", "networks.DigitsError.track_error[gru]")
    }
    assert out.count(f"{commits[-BACK][:9]} change number {10 - BACK}") == 2
    assert "10 of 10 commits measured: 2 steps for the worse" in out
    assert f"failed: networks.Memory.track_memory[gru] on first at {commits[-2][:9]}" in out
    assert history.reported(folder, commits[-2:-1]) == 1  # no step there, but a failure
    assert history.reported(folder, commits[1::-1]) == 0
    assert history.reported(folder, commits[::-1], new=True) == 0  # all that has been told
    assert "regression, told before" in capsys.readouterr().out
    (folder / ".asv" / "steps.json").unlink()
    assert history.reported(folder, commits[::-1], new=True) == 1
    assert history.reported(folder, commits[::-1]) == 1


def test_a_range_that_asv_did_not_measure_is_no_success(measured):
    folder, commits = measured
    with pytest.raises(ValueError, match="asv ended with status 2"):
        history.reported(folder, commits[1::-1], ended=2)
    git(folder, "checkout", "-q", "-b", "topic", commits[4])
    git(folder, "-c", "user.name=n", "-c", "user.email=e", "commit", "-q", "--allow-empty", "-m", "topic")
    topic = git(folder, "rev-parse", "HEAD")
    git(folder, "checkout", "-q", "main")
    with pytest.raises(ValueError, match="nothing was measured at any of the 1 commits"):
        history.reported(folder, history.within(folder, "main..topic"))
    assert history.within(folder, "main..topic") == [topic]
    assert told.ordered(folder, topic) == [*commits[:5], topic]


@pytest.mark.parametrize(("status", "said"), [(-9, "signal 9"), (1, "status 1")])
def test_asv_that_does_not_end_is_a_mistake(measured, monkeypatch, status, said):
    monkeypatch.setattr(history, "asv", lambda home, *command: status if command[0] == "run" else 0)
    with pytest.raises(ValueError, match=rf"did not run to its end \({said}\)"):
        history.ran(measured[0], "HEAD^!", [])


def test_one_figure_alone_is_no_step(measured):
    folder, commits = measured
    series = next(each for each in kept.read(folder / ".asv" / "results") if each.series.name.startswith("networks.Step.time_step[gru"))
    assert steps(series, commits) == []
    series.figures[commits[3]] /= 1.5
    series.figures[commits[-1]] *= 1.3
    (one,) = unsettled(series, commits)

    assert steps(series, commits) == []
    assert (one.first, one.verdict) == (commits[-1], WORSE)
    series.figures |= {name: series.figures[name] * 1.3 for name in commits[-4:-1]}
    (step,) = steps(series, commits)
    assert step.first == commits[-4]
    assert unsettled(series, commits) == []
    series.figures[commits[-4]] *= 1.1 / 1.3  # between both: it may be of either
    (step,) = steps(series, commits)
    assert (step.last, step.first, step.verdict) in [(commits[-5], commits[-3], WORSE), (commits[-5], commits[-4], WORSE), (commits[-4], commits[-3], WORSE)]


def test_a_step_is_attributed_to_a_range_where_commits_were_not_measured(measured):
    folder, commits = measured
    series = next(each for each in kept.read(folder / ".asv" / "results") if each.series.name.startswith("networks.Step.time_step[lstm"))
    for lost in commits[4:6]:
        series.figures.pop(lost)
    (step,) = steps(series, commits)

    assert (step.last, step.first, step.between) == (commits[3], commits[6], 2)
    assert [each.verdict for each in steps(series, commits[::-1])] == [BETTER]


def test_the_machine_is_described_without_its_host(monkeypatch):
    from suite.runs import where

    monkeypatch.setattr("subprocess.run", lambda *_, **__: subprocess.CompletedProcess((), 0, stdout="Some GPU 9000\n"))
    assert history.accelerator() == "Some GPU 9000"
    monkeypatch.undo()
    found = history.described(where("Some GPU 9000"))

    assert set(found) == {"machine", "os", "arch", "cpu", "num_cpu", "ram"}
    assert "Some-GPU-9000" in found["machine"]
    assert found["machine"] != history.described(where("none"))["machine"]
    import platform

    assert platform.node() not in found.values()


@pytest.mark.parametrize("arguments", [["nowhere..HEAD"], ["HEAD~99..HEAD"]])
def test_a_range_that_is_none_is_one_sentence(measured, monkeypatch, capsys, arguments):
    monkeypatch.chdir(measured[0])
    with pytest.raises(SystemExit) as ended:
        history.main(arguments)

    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_vendored_files_are_what_their_packages_have():
    for name, entry in tomllib.loads((pages.VENDOR / "vendor.toml").read_text()).items():
        assert hashlib.sha256((pages.VENDOR / name).read_bytes()).hexdigest() == entry["sha256"], name
        assert {"package", "version", "licence", "replaces"} <= set(entry)
        assert f"===== {entry['package']} {entry['version']}" in (pages.VENDOR / "LICENSES.txt").read_text()


def test_a_library_without_a_copy_is_an_error(tmp_path):
    (tmp_path / "index.html").write_text('<script src="https://somewhere.example/new.min.js"></script>')
    with pytest.raises(ValueError, match=r"new\.min\.js, for which"):
        pages.offline(tmp_path)


@pytest.fixture(scope="module")
def published(measured):
    folder, _ = measured
    assert history.asv(folder / ".asv", "--config", str(folder / "asv.conf.json"), "publish") == 0
    pages.offline(folder / ".asv" / "html")
    return folder / ".asv" / "html"


def test_the_pages_name_no_other_host(published):
    text = (published / "index.html").read_text()

    assert not pages.TAG.search(text)
    assert text.count('src="vendor/') == 9
    assert all((published / name).is_file() for name in (f"vendor/{each}" for each in (*pages.vendored().values(), "LICENSES.txt")))


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_the_pages_show_the_step_in_a_browser_without_a_network(published):
    browser_of = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("no Chromium here")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(published)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    root, asked, said = f"http://127.0.0.1:{server.server_port}/", [], []
    try:
        with browser_of.sync_playwright() as play:
            browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: said.append(str(error)))
            page.goto(root + "#/regressions?sort=3&dir=desc")
            page.wait_for_selector("#regressions-body a >> text=networks.Step.time_step")
            listed = page.inner_text("#regressions-body")
            page.goto(root + "#networks.Step.time_step?p-cell='lstm'&machine=first")
            page.wait_for_selector("#main-graph canvas")
            browser.close()
    finally:
        server.shutdown()
        server.server_close()

    assert said == []
    assert [url for url in asked if not url.startswith((root, "data:"))] == []
    assert "1.20" in listed
    assert "'lstm'" in listed


def test_asv_watches_the_table(root, monkeypatch):
    monkeypatch.syspath_prepend(str(root))
    series, networks = (importlib.import_module(f"benchmarks.{name}") for name in ("series", "networks"))
    classes = [each for each in vars(networks).values() if isinstance(each, type) and issubclass(each, networks.Watched) and each is not networks.Watched]

    assert {each.kind for each in classes} == set(series.KINDS)
    for each in classes:
        kind, calls = series.KINDS[each.kind], [getattr(each, name) for name in dir(each) if name.startswith(("time_", "track_"))]
        assert [(call.version, call.unit) for call in calls] == [(kind.version, kind.unit)]
        assert (calls[0].__name__.startswith("time_")) == (kind.way == "turn")
        assert each.param_names[-1] == "place"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(NotImplementedError, match="this machine has no CUDA device"):
        networks.ready("step", "lstm", "hoisted", "cuda")


def asked(root, *lines):
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.append({str(root)!r}); from benchmarks.worker import main; main()"],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_worker_measures_what_it_is_asked(root):
    step, memory, lost = "forward[gru, vendor, cpu 1]", "memory[gru, hoisted, cpu 1]", "step[gru, vendor, cpu 9]"
    found = asked(
        root,
        {"do": "list"},
        {"do": "make", "series": memory},
        {"do": "once", "series": memory, "round": 0},
        {"do": "make", "series": step},
        {"do": "time", "series": step, "seconds": 0.02},
        {"do": "make", "series": lost},
        {"do": "else"},
    )

    assert {entry["unit"] for entry in found[0]["series"]} == {"seconds", "bytes", "error", "loss"}
    assert Path(found[0]["suite"]).name == "suite"
    assert 2e6 < found[2]["values"][0] < 1e9
    assert found[4]["value"] > 0
    assert "failed" in found[5]
    assert found[6] == {"failed": "there is no 'else'"}
