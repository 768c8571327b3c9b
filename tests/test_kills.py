"""A command killed at any moment, and started again, comes to the records of one that was left in peace; nothing outlives its driver."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import suite.report.site
from suite.experiments import Experiment, Recipe
from suite.launch import run as launch
from suite.launch.jobs import forget
from suite.launch.local import Job
from suite.runs import Store

ROOT = Path(__file__).resolve().parents[1]

MODULE = """
from suite import catalogue
from suite.experiments import Experiment, Recipe
from suite.training import checkpoint

checkpoint.SECONDS = 0.1  # also in workers, which import this for its cells


def one(units):
    return catalogue.cell("gru", units)


def other(units):
    return catalogue.cell("rnn", units)


def recipe(data_seed):
    return Recipe("parity(length=6, supervision='every')", {"units": 8, "batch": 16, "steps": STEPS, "evaluate_every": STEPS // 5, "data_seed": data_seed})


LEFT = Experiment("left", "What is left after a kill?", ("killed:one", "killed:other"), tuple(map(recipe, (0, 1))), seeds=2, engines=("hoisted",))
"""


@pytest.fixture
def killed(tmp_path, monkeypatch):
    """`killed(steps)` writes the module `killed`, and returns the function that starts a command in a session of its own."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "killed", raising=False)
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])

    def begin(out):
        command = [sys.executable, "-m", "suite", "run", "killed:LEFT", "--engine", "hoisted", "--workers", "2", "--out", str(out)]
        return subprocess.Popen(command, env=os.environ | {"PYTHONPATH": paths}, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)

    def made(steps):
        (tmp_path / "killed.py").write_text(MODULE.replace("STEPS", str(steps)))
        return begin

    return made


def facts(folder):
    """Every record by file, without machine, costs and sharing, and the checksum over them; nothing there is damaged."""
    runs, skipped = Store(folder / "runs").read()
    assert skipped == []
    return {run.file: json.loads(run.text()) | {"where": None, "costs": None, "checksum": None} for run in runs}


def after(process, words, seconds):
    """Wait for a line that begins like this on standard error, then some seconds; false if the process ended before."""
    for line in process.stderr:
        if words in line:
            break
    try:
        process.wait(seconds if words else min(seconds, 2.0))
    except subprocess.TimeoutExpired:
        return True
    return False


def end(process):
    """Kill the whole tree of a process."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.communicate()


def survive(begin, tmp_path, kills, span):
    """Kill a command at random moments, most within a span of seconds after its plan, the others before; then let it finish. How many kills hit it."""
    moments = random.Random(kills)
    hit = 0
    for _ in range(kills):
        process, planned = begin(tmp_path / "out"), moments.random() < 0.8
        hit += after(process, "runs to do" if planned else "", moments.uniform(0.0, span))
        end(process)
        facts(tmp_path / "out")
    process = begin(tmp_path / "out")
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == str(tmp_path / "out" / "index.html")
    return hit


@pytest.mark.parametrize(("kills", "steps", "share"), [(6, 300, 0.6), pytest.param(50, 4000, 0.2, marks=pytest.mark.exhaustive)])
def test_kills_at_random_moments_change_no_record(killed, tmp_path, monkeypatch, kills, steps, share):
    monkeypatch.setattr(suite.report.site, "render", lambda out: out / "index.html")  # of the undisturbed run, which is timed
    begin, start = killed(steps), time.monotonic()
    table = suite.run("killed:LEFT", engine="hoisted", workers=2, out=tmp_path / "peace")
    assert list(table["status"]) == ["done"] * 8
    hit = survive(begin, tmp_path, kills, span=share * (time.monotonic() - start))
    assert hit > kills // 2
    assert facts(tmp_path / "out") == facts(tmp_path / "peace")
    assert len(facts(tmp_path / "out")) == 8
    for folder in ("", "runs", "checkpoints"):
        assert not list((tmp_path / "out" / folder).glob(".*.part"))
    assert not list((tmp_path / "out" / "checkpoints").glob("*.part"))


def session(leader):
    """Processes of a session that are alive."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, belongs = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if belongs == str(leader) and state != "Z":
            found.append(int(path.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system has no /proc")
def test_no_worker_outlives_its_driver():
    code = "from suite.launch.local import *\nwith Pool(2) as pool:\n  for _ in range(2): pool._start(Job('sleep', {'seconds': 600}))\n  print('started', flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline() == "started\n"
    deadline = time.monotonic() + 60
    while len(session(process.pid)) < 5 and time.monotonic() < deadline:  # the driver, its tracker, the server, two workers
        time.sleep(0.05)
    time.sleep(0.5)
    process.stdout.close()
    process.kill()
    process.wait()
    deadline = time.monotonic() + 30
    while session(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = session(process.pid)
    for each in left:
        os.kill(each, signal.SIGKILL)
    assert not left


def test_a_stop_saves_what_is_under_way(killed, tmp_path):
    process = killed(10_000_000)(tmp_path / "out")
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "out" / "checkpoints").glob("*.pt"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping; runs under way save their state" in err
    assert "finished runs are kept, and the same command goes on from here" in err
    assert "Traceback" not in err
    assert {entry["status"] for entry in facts(tmp_path / "out").values()} == {"cut off"}
    assert not session(process.pid)


TOLD = """
import sys
from pathlib import Path
from suite.launch.jobs import training
from suite.launch.local import Pool
from suite.launch.completion import complete
from suite.launch.stopping import stoppable
from suite.runs import TrainSpec

spec, _ = complete(TrainSpec(task="adding(length=100)", cell="rnn", engine="hoisted", units=128, batch=128, steps=10_000, evaluate_every=10_000))  # a step takes a while
try:
    with stoppable(), Pool(1) as pool:
        for outcome in pool.run([training([spec], Path(sys.argv[1]), False)]):
            print(outcome.kind, flush=True)
except KeyboardInterrupt:
    print("saved", len(list(Path(sys.argv[1]).glob("checkpoints/*.pt"))), flush=True)
"""


def test_a_stop_of_the_whole_group_saves_what_is_under_way(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", TOLD, str(tmp_path)], env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline() == "progress\n"
    os.killpg(process.pid, signal.SIGTERM)  # as batch systems do
    out, err = process.communicate(timeout=60)
    assert out.splitlines()[-1] == "saved 1", err


def test_a_second_command_on_a_folder_is_refused_and_disturbs_nothing(killed, tmp_path):
    begin = killed(10_000_000)
    first = begin(tmp_path / "out")
    assert after(first, "runs to do", 0.5)
    second = begin(tmp_path / "out")
    out, err = second.communicate(timeout=60)
    assert (second.returncode, out) == (2, "")
    assert err == f"carrousel: another run is writing to '{tmp_path / 'out'}'; wait for it, or give --out another folder\n"
    assert first.poll() is None
    end(first)


@pytest.fixture
def disk(tmp_path):
    """`disk(options)` mounts a small disk of memory, or skips where that is not permitted."""
    place = tmp_path / "disk"
    place.mkdir()

    def mounted(options):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "carrousel", str(place)], check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        return place

    yield mounted
    if os.path.ismount(place):
        subprocess.run(["umount", "-l", str(place)], check=True)


def small(seeds, steps=10):
    return Experiment("small", "?", ("rnn",), (Recipe("adding(length=3)", {"units": 2, "batch": 4, "steps": steps, "evaluate_every": steps}),), seeds=seeds)


def carried(experiment, out):
    return launch.carry_out(experiment, experiment.specs(), out, "carrousel run small", workers=1)


@pytest.fixture
def bare(monkeypatch):
    """Neither page nor baselines."""
    monkeypatch.setattr(suite.report.site, "render", lambda out: out / "index.html")
    monkeypatch.setattr(launch, "known_baselines", lambda out: {launch.key_of("adding(length=3)"): [{"name": "none", "score": 0.5, "deviation": 0.1, "n": 9}]})


def test_a_full_disk_is_one_sentence_and_takes_no_record_away(disk, bare):
    out = disk("size=128k") / "out"
    (first,) = carried(small(1), out).runs
    with pytest.raises(OSError) as raised:
        carried(small(99), out)
    assert str(raised.value) == f"cannot write to '{out}': No space left on device; what has finished is kept, and the same command goes on from there"
    runs, skipped = Store(out / "runs").read()
    assert skipped == []
    assert first in runs
    assert 1 < len(runs) < 99
    assert not list((out / "runs").glob(".*.part"))
    before = len(runs)
    subprocess.run(["mount", "-o", "remount,size=4m", str(out.parent)], check=True)
    assert [run.status for run in carried(small(99), out).runs] == ["done"] * 99
    assert before < len(list((out / "runs").glob("*.json")))


def test_a_disk_that_takes_no_more_of_a_file_is_one_sentence(bare, tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    out = tmp_path / "out"
    (first,) = carried(small(1), out).runs
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        with pytest.raises(OSError) as raised:
            carried(small(3), out)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert str(raised.value).startswith(f"cannot write to '{out}': File too large; what has finished is kept")
    assert Store(out / "runs").read() == ([first], [])
    assert len(carried(small(3), out).runs) == 3


def test_a_read_only_folder_is_one_sentence_and_keeps_its_records(disk, bare):
    out = disk("size=1m") / "out"
    (first,) = carried(small(1), out).runs
    subprocess.run(["mount", "-o", "remount,ro", str(out.parent)], check=True)
    with pytest.raises(OSError) as raised:
        carried(small(2), out)
    assert str(raised.value) == f"cannot write to '{out}': Read-only file system"
    assert Store(out / "runs").read() == ([first], [])


def test_what_a_killed_command_had_begun_to_write_is_swept_away(bare, tmp_path):
    for litter in (tmp_path / "runs" / ".abc.part", tmp_path / ".abc.part", tmp_path / "checkpoints" / "0.1.part", tmp_path / "weights" / "0.part"):
        litter.parent.mkdir(exist_ok=True)
        litter.write_text("{")
    carried(small(1), tmp_path)
    assert not list(tmp_path.rglob("*.part"))


def test_checkpoints_that_nothing_goes_on_from_are_removed_after_a_day(bare, tmp_path):
    (tmp_path / "checkpoints").mkdir()
    needed, old, new = (tmp_path / "checkpoints" / f"{name}.pt" for name in ("needed", "old", "new"))
    for path in (needed, old, new):
        path.write_text("")
    for path in (needed, old):
        os.utime(path, (0, time.time() - 90_000))
    forget([Job("train", {"checkpoint": needed}), Job("baselines", {})], tmp_path)
    assert (needed.exists(), old.exists(), new.exists()) == (True, False, True)
    carried(small(1), tmp_path)
    assert list((tmp_path / "checkpoints").iterdir()) == [new]
