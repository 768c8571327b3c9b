"""What carries runs out loses nothing: workers that die, hang, raise or take memory without bound; full disks; kills at any moment."""

import io
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

import suite.report.site
from suite.experiments import Experiment, Recipe
from suite.launch import limits, memory
from suite.launch import run as launch
from suite.launch.completion import complete
from suite.launch.jobs import training
from suite.launch.limits import Limits
from suite.launch.local import PINNED, Job, Outcome, Pool
from suite.launch.progress import Reporter
from suite.launch.supervise import another, attempts
from suite.runs import Store, TrainSpec

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {"units": 4, "batch": 8, "steps": 12, "evaluate_every": 6}
PARITY = "parity(length=4, supervision='every')"
TRIO = Experiment("trio", "Who fails?", ("rnn", "gru"), (Recipe(PARITY, SETTINGS),), seeds=4)


@pytest.fixture
def page(monkeypatch):
    """Neither page nor baselines."""
    monkeypatch.setattr(suite.report.site, "render", lambda out: out / "index.html")
    monkeypatch.setattr(launch, "known_baselines", lambda out: {launch.key_of(PARITY): [{"name": "none", "score": 0.5, "deviation": 0.1, "n": 9}]})


def carry_out(experiment, out, **more):
    return launch.carry_out(experiment, experiment.specs(), out, "carrousel run trio", workers=2, **more)


def tries(jobs, retries=2, **given):
    """(about, kind, cause, final) of every outcome but progress, and the sentences."""
    with Pool(2, limits=Limits(**given)) as pool:
        found = [o for o in attempts(pool, jobs, retries) if o.kind != "progress"]
    return [(o.job.about, o.kind, o.cause, o.final) for o in found], [o.value for o in found]


def test_a_worker_that_is_killed_is_tried_again_and_then_named():
    found, said = tries([Job("sleep", {"kill": signal.SIGKILL}, "killed"), Job("sleep", {"seconds": 0}, "good")])
    assert found.count(("killed", "failed", "died", False)) == 2
    assert found[-1] == ("killed", "failed", "died", True)
    assert ("good", "done", "", True) in found
    assert len(found) == 4
    assert "SIGKILL" in said[-1]


def test_a_worker_that_hangs_is_found_by_its_silence():
    start = time.monotonic()
    found, said = tries([Job("sleep", {"kill": signal.SIGSTOP}, "hung"), Job("sleep", {"seconds": 0.1}, "good")], retries=0, timeout=1.5)
    assert ("hung", "failed", "died", True) in found
    assert "the worker said nothing for 0:01 min and was stopped" in said
    assert ("good", "done", "", True) in found
    assert time.monotonic() - start < 60


def test_an_error_that_comes_twice_is_not_tried_a_third_time():
    found, _ = tries([Job("sleep", {"seconds": -1}, "wrong")], retries=9)
    assert found == [("wrong", "failed", "raised", False), ("wrong", "failed", "raised", True)]


def test_a_worker_that_takes_memory_without_bound_is_told_so_and_the_others_go_on():
    found, said = tries([Job("sleep", {"take": 2**24}, "greedy"), Job("sleep", {"seconds": 0.1}, "good")], memory=2**30)
    assert sorted(found) == [("good", "done", "", True), ("greedy", "failed", "memory", True)]
    assert "the worker wanted more than the 1 GiB of memory that it may take; --memory allows more, and so do fewer --workers" in said


def test_memory_that_the_system_does_not_hold_back_is_watched(monkeypatch):
    with Pool(1, limits=Limits(memory=2**30)) as pool:
        monkeypatch.setattr("suite.launch.local.taken", lambda process: 2**31)
        (found,) = pool.run([Job("sleep", {"seconds": 60})])
    assert (found.kind, found.cause) == ("failed", "memory")


def test_what_is_tried_after_which_end():
    whole = Job("train", {}, "whole", apart=lambda: [Job("train", {}, "left"), Job("train", {}, "right")])

    def next_tries(cause, sentence="it ended", retries=1, **fields):
        return [job.about for job in another(Outcome(replace(whole, **fields), "failed", sentence, cause), retries)]

    assert next_tries("died") == next_tries("raised") == ["whole"]
    assert next_tries("died", tries=1) == next_tries("died", retries=0) == ["left", "right"]
    assert next_tries("raised", tries=1, said="it ended", retries=5) == ["left", "right"]
    assert next_tries("raised", tries=1, said="something else", retries=5) == ["whole"]
    assert next_tries("memory") == ["left", "right"]


def culprit(seed, how):
    """`launch.training`, but a job with this seed among others ends badly."""

    def made(group, out, *more):
        job = training(group, out, *more)
        bad = any(spec.seed == seed and spec.cell == "rnn" for spec in group)
        halves = [made(part, out, *more) for part in (group[: len(group) // 2], group[len(group) // 2 :])] if len(group) > 1 else []
        return replace(job, name="sleep" if bad else "train", payload=job.payload | (how if bad else {}), apart=lambda: halves)

    return made


@pytest.mark.parametrize(("how", "sentence"), [({"kill": signal.SIGKILL}, "SIGKILL"), ({"seconds": -1}, "ValueError: sleep length must"), ({"take": 2**24}, "of memory that it may take")])
def test_only_the_culprit_of_a_group_has_no_result(tmp_path, page, monkeypatch, how, sentence):
    monkeypatch.setattr(launch, "training", culprit(2, how))
    carried = carry_out(TRIO, tmp_path / "shared", limits=Limits(retries=1, memory=2**30))
    (bad,) = carried.failed
    assert (bad.spec.cell, bad.spec.seed) == ("rnn", 2)
    assert bad.status.startswith("failed: ")
    assert sentence in bad.status
    assert len(carried.runs) == 8
    assert {run.where.replicas for run in carried.runs if run.spec.cell == "rnn" and run.status == "done"} == {1, 2}
    on_disk, _ = Store(tmp_path / "shared" / "runs").read()
    assert sorted(run.status for run in on_disk) == sorted(run.status for run in carried.runs)

    monkeypatch.undo()
    monkeypatch.setattr(suite.report.site, "render", lambda out: out / "index.html")
    again = carry_out(TRIO, tmp_path / "shared")
    assert [run.status for run in again.runs] == ["done"] * 8


def test_a_failure_takes_no_result_away(tmp_path, page, monkeypatch):
    (first,) = {run.id: run for run in carry_out(replace(TRIO, cells=("rnn",), seeds=1), tmp_path).runs}.values()
    monkeypatch.setattr(launch, "training", culprit(0, {"seconds": -1}))
    carried = carry_out(replace(TRIO, cells=("rnn",), seeds=1), tmp_path, save_weights=True)  # its weights were not kept: it is run again
    assert [run.status.partition(":")[0] for run in carried.runs] == ["failed"]
    assert Store(tmp_path / "runs").read()[0] == [first]


def reported(terminal):
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=160, emoji=False, color_system=None)
    with Reporter(10.0, 4, console) as reporter:
        job = Job("train", {}, label="adding lstm x 2", weight=4.0, progress=0.5, begun=0.25)
        reporter.moved([job])
        time.sleep(0.2)
        reporter.moved([])
        reporter.finish(4.0, ["one: done", "two [red]: failed: it died"], failed=1)
        reporter.moved([job, job])
        summary = reporter.summary()
    return out.getvalue(), summary


def test_progress_is_plain_lines_where_there_is_no_terminal():
    said, summary = reported(terminal=False)
    first, second = said.splitlines()
    assert first.startswith("[1/4] one: done; 1 failed, 0:00 min left")
    assert second.startswith("[2/4] two [red]: failed: it died; 1 failed, ")
    assert "\x1b" not in said
    assert summary == "1 of 4 runs done, 1 failed, 2 under way, 0:00 min left"


def test_progress_is_a_live_view_on_a_terminal():
    said, _ = reported(terminal=True)
    assert "0 of 4 runs done, 0 failed, 1 under way" in said
    assert "adding lstm x 2" in said
    assert "[1/4] one: done" in said


def test_the_time_left_follows_from_work_done_here(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("suite.launch.progress.time.monotonic", lambda: now[0])
    reporter = Reporter(10.0, 2, Console(file=io.StringIO()))
    assert reporter.left() == "time left unknown"
    now[0] += 60
    job = Job("train", {}, weight=4.0, begun=0.75, progress=1.0)
    reporter.moved([job])
    assert reporter.left() == "6:00 min left"  # a checkpoint spared 3: 1 took a minute, 6 are left
    reporter.moved([])
    reporter.finish(4.0, [], spared=3.0)
    assert reporter.left() == "6:00 min left"
    reporter.moved([Job("train", {}, weight=6.0, begun=0.0, progress=1.0)])
    assert reporter.left() == "0:00 min left"


@pytest.mark.parametrize(("read", "text"), [(limits.seconds, "soon"), (limits.seconds, "-3m"), (limits.seconds, "0"), (limits.seconds, "3x"), (limits.size, "4 apples"), (limits.size, ""), (limits.size, "0G")])
def test_what_is_no_duration_or_size_is_a_sentence(read, text):
    with pytest.raises(ValueError, match=f"^a (duration|size) is a number of .*, not '{text}'$"):
        read(text)


@pytest.mark.parametrize(("group", "file"), [("0::/jobs/7", "jobs/memory.max"), ("4:memory:/jobs/7", "memory/jobs/7/memory.limit_in_bytes")])
def test_a_container_has_the_memory_of_its_control_group(tmp_path, monkeypatch, group, file):
    whole = memory.allowed()
    assert whole > 2**20
    monkeypatch.setattr(memory, "CONTROL", tmp_path)
    monkeypatch.setattr(memory, "GROUPS", tmp_path / "groups")
    memory.GROUPS.write_text(f"{group}\n1:cpu:/\n")
    place = tmp_path / file
    place.parent.mkdir(parents=True)
    place.write_text("max\n")
    assert memory.allowed() == memory.memory()
    place.write_text(f"{2**20}\n")
    assert memory.allowed() == 2**20
    assert Limits().bytes(4) == int(0.9 * 2**20) // 4
    assert Limits(memory=7).bytes(4) == 7


@pytest.mark.parametrize("wrong", [{"timeout": 0}, {"timeout": -1.0}, {"retries": -1}, {"memory": 0}])
def test_limits_that_limit_nothing_are_refused(wrong):
    with pytest.raises(ValueError, match="timeout and memory must be more than 0"):
        Limits(**wrong)


def test_workers_find_the_modules_of_their_driver(tmp_path):
    for name in ("suite", "torch"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong one')")
    code = "from suite.launch.local import Job, Pool\nwith Pool(1) as pool: print([o.kind for o in pool.run([Job('sleep', {'seconds': 0})])])"
    driver = tmp_path / "bin" / "driver.py"
    driver.parent.mkdir()
    driver.write_text(code)
    done = subprocess.run([sys.executable, str(driver)], check=False, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("['done']\n", "")


def test_a_worker_has_the_threads_of_its_pool(monkeypatch):
    for name in PINNED:
        monkeypatch.setenv(name, "1")  # and put back afterwards
    with Pool(1, threads=3) as pool:
        (found,) = pool.run([Job("sleep", {"seconds": 0, "threads": None})])
    assert found.value == 3
    assert {os.environ[name] for name in PINNED} == {"3"}


def test_what_had_ended_when_it_was_stopped_is_a_result(tmp_path, page, monkeypatch):
    def interrupted(pool, jobs, retries):
        for job in jobs:
            pool._start(job)
        for process, _ in pool.running.values():
            process.join(60)  # all has been said, and nobody listened yet
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(launch, "attempts", interrupted)
    with pytest.raises(KeyboardInterrupt):
        carry_out(TRIO, tmp_path)
    assert [run.status for run in Store(tmp_path / "runs").read()[0]] == ["done"] * 8


def test_a_compiler_is_not_held_to_the_memory_of_its_worker(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    compiler = tmp_path / "compiler"
    compiler.write_text(f"#!/bin/sh\nulimit -d >> {tmp_path}/said\nexit 1\n")
    compiler.chmod(0o755)
    (tmp_path / "cramped.py").write_text(f"import multiprocessing, os\nfrom suite import catalogue\nif multiprocessing.parent_process():\n    os.environ['CXX'] = {str(compiler)!r}\ndef one(units): return catalogue.cell('gru', units)\n")
    spec, _ = complete(TrainSpec(task=PARITY, cell="gru", engine="hoisted", **SETTINGS))
    group = [spec.model_copy(update={"cell": "cramped:one", "cell_digest": "", "engine": "scan"})]
    with Pool(1, limits=Limits(memory=2**33)) as pool:
        list(pool.run([training(group, tmp_path, False)]))
    assert set((tmp_path / "said").read_text().split()) == {subprocess.check_output(["sh", "-c", "ulimit -d"], text=True).strip()}


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")
def test_a_second_interrupt_does_not_wait(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("suite.launch.local.PATIENCE", 600.0)
    before = signal.signal(signal.SIGALRM, interrupt)
    pool = Pool(1)
    pool._start(Job("sleep", {"kill": signal.SIGSTOP}))  # nothing that it is told will end it
    ((process, _),) = pool.running.values()
    while Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] not in "Tt":
        time.sleep(0.01)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    with pytest.raises(KeyboardInterrupt):
        pool.__exit__(KeyboardInterrupt, None, None)
    signal.signal(signal.SIGALRM, before)
    assert not process.is_alive()
