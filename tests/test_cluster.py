"""A plan carried out by Ray on two nodes, of which one is lost in mid-run, gives the records that this machine gives alone."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import suite.report.site
import suite.runs
from suite.launch import joining, modules, node
from suite.launch import ray as on_ray
from suite.launch import run as launch
from suite.launch.deaths import cause, death
from suite.launch.jobs import trained
from suite.launch.launchers import launcher
from suite.launch.limits import USUAL
from suite.launch.local import Job, Outcome
from suite.runs import Store, where
from suite.training.group import train

ray_here = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed: pip install 'carrousel[cluster]'")
nodes_here = pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="nodes on one machine need Linux: its loopback has many addresses, its /proc tells whose a process is")

THEIRS = """
from suite.experiments import Experiment, Recipe
from beside import SETTINGS, mine  # a cell in a module of its own travels too

many = Experiment("many", "Is a cluster as good?", ("rnn", "gru", "theirs:mine"), tuple(Recipe("adding(length=4)", SETTINGS | {"units": n, "steps": 2_000}) for n in range(2, 6)), seeds=2)
long = Experiment("long", "Can it be stopped?", ("rnn",), (Recipe("adding(length=4)", SETTINGS | {"steps": 10_000_000}),), seeds=2)
"""
BESIDE = """
from dataclasses import replace
from suite.cells import CELLS

SETTINGS = {"batch": 8, "steps": 900, "evaluate_every": 300, "engine": "hoisted"}

def mine(units):
    return replace(CELLS["mgu"](units), name="mine")
"""


def processes(folder):
    """Everything that was started in a folder, by process number, and its command line."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == str(folder):
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended
            pass
    return found


def kill(folder):
    """Every process of a folder, until there is none."""
    while alive := processes(folder):
        for number in alive:
            try:
                os.kill(number, signal.SIGKILL)
            except ProcessLookupError:
                pass
        time.sleep(0.1)


def until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.05)


class Cluster:
    """Nodes of one processor each, every one in a folder of its own, on a loopback network of its own."""

    def __init__(self, base):
        self.base, self.network, self.started = base, f"127.{os.getpid() % 250 + 1}.{os.getpid() // 250 % 250 + 1}", []
        with socket.socket() as free:
            free.bind((f"{self.network}.2", 0))
            self.address = f"{self.network}.2:{free.getsockname()[1]}"
        self.env = {**os.environ, **joining.SETTINGS, "RAY_AUTH_TOKEN": "5a" * 32, "PYTHONPATH": str(Path(suite.__file__).parents[1])}

    def start(self, number, **env):
        folder = self.base / f"n{number}"
        folder.mkdir()
        which = ("--head", "--port", self.address.rpartition(":")[2], "--include-dashboard=false", "--temp-dir", str(self.base / "r")) if number == 2 else ("--address", self.address)
        pinned = f"import os, sys; os.sched_setaffinity(0, {{{sorted(os.sched_getaffinity(0))[-number % where().cores]}}}); os.execv(sys.executable, [sys.executable, '-m', 'ray.scripts.scripts', *sys.argv[1:]])"
        command = [sys.executable, "-c", pinned, "start", *which, "--block", "--node-ip-address", f"{self.network}.{number}", "--num-cpus", "1", "--object-store-memory", "100000000"]
        with (folder / "log").open("w") as log:
            self.started.append(subprocess.Popen(command, cwd=folder, env=self.env | env, stdout=log, stderr=log, start_new_session=True))
        until(lambda: "Ray runtime started" in (folder / "log").read_text())
        return folder

    def run(self, project, experiment, *more):
        """`carrousel run` there, on this cluster."""
        command = [sys.executable, "-m", "suite", "run", f"theirs:{experiment}", "--out", "there", "--launch", "ray", *more]
        return subprocess.Popen(command, cwd=project, env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def project(tmp_path):
    (tmp_path / "theirs.py").write_text(THEIRS)
    (tmp_path / "beside.py").write_text(BESIDE)
    return tmp_path


@pytest.fixture
def cluster():
    base = Path(tempfile.mkdtemp(prefix="cr", dir="/tmp"))  # paths of sockets must be short
    made = Cluster(base)
    try:
        yield made
    finally:
        for folder in base.iterdir():
            kill(folder)
        for process in made.started:
            process.wait()
        shutil.rmtree(base)


def results(folder):
    """Everything of the records that must not depend on where they were made."""
    runs, skipped = Store(folder / "runs").read()
    assert not skipped
    return {run.id: (run.status, run.score, run.curve, run.spec, run.costs.model_copy(update={"seconds": None})) for run in runs}, runs


@ray_here
@nodes_here
def test_a_node_lost_in_mid_run_costs_nothing(project, cluster, monkeypatch):
    cluster.start(2)
    lost = cluster.start(3)
    driver = cluster.run(project, "many", "--address", cluster.address, "--save-weights")
    records = project / "there" / "runs"
    until(lambda: list(records.glob("*.json")) and sum("forkserver" in command for command in processes(lost).values()) > 1)  # and a job is under way there
    kill(lost)
    out, err = driver.communicate(timeout=180)
    assert driver.returncode == 0, err
    assert out == "there/index.html\n"
    assert "the cluster has 2 nodes with 2 processors and 0 GPUs in all" in err
    assert "a node or a worker died, and what it was at began again elsewhere" in err

    monkeypatch.chdir(project)
    monkeypatch.setattr(suite.report.site, "render", lambda folder: folder)
    many = launch.experiment_of("theirs:many")
    launch.carry_out(many, many.specs(), project / "here", "carrousel run many")
    (there, runs), (here, _) = results(project / "there"), results(project / "here")
    assert len(there) == len(runs) == 24
    assert there == here
    assert {(run.where.cores, run.where.threads, run.where.replicas) for run in runs} == {(1, 1, 2)}  # of a node: the driver may use all
    assert {path.stem for path in (project / "there" / "weights").iterdir()} == set(there)
    assert not list((project / "there" / "checkpoints").iterdir())

    altered = cluster.base / "altered"
    shutil.copytree(Path(suite.__file__).parent, altered / "suite", ignore=shutil.ignore_patterns("__pycache__"))
    (altered / "suite" / "extra.py").touch()  # another version
    cluster.start(4, PYTHONPATH=str(altered))
    driver = cluster.run(project, "long", "--address", cluster.address)
    out, err = driver.communicate(timeout=180)
    assert (driver.returncode, out) == (2, "")
    assert f"node {cluster.network}.4 of the cluster cannot carry out runs: the node has carrousel" in err
    assert "Traceback" not in err


@ray_here
@nodes_here
def test_ctrl_c_ends_a_ray_of_our_own_and_leaves_records(project, cluster):
    driver = cluster.run(project, "long", "--workers", "1")
    until(lambda: sum("forkserver" in command for command in processes(project).values()) > 1)
    time.sleep(2.0)  # it has begun, and has said so
    (private,) = Path("/tmp").glob(f"carrousel-{driver.pid}-*")
    assert private.stat().st_mode & 0o077 == 0
    driver.send_signal(signal.SIGINT)
    out, err = driver.communicate(timeout=60)
    assert (driver.returncode, out) == (130, ""), err
    runs, _ = Store(project / "there" / "runs").read()
    assert [run.status for run in runs] == ["cut off"] * 2
    assert len(list((project / "there" / "checkpoints").glob("*.pt"))) == 1  # the folder was shared, and known for it
    assert not list(Path("/tmp").glob(f"carrousel-{driver.pid}-*"))
    until(lambda: not processes(project))


@ray_here
@nodes_here
def test_a_task_that_is_killed_again_and_again_leaves_a_sentence(tmp_path):
    """A job that dies, one that raises, and one whose Ray worker is killed at every try, in a process that Ray may leave its mark on."""
    done = subprocess.run([sys.executable, "-c", DEATHS], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(Path(suite.__file__).parents[1])}, capture_output=True, text=True, check=True)
    kill(tmp_path)
    found = dict(line.split(" = ", 1) for line in done.stderr.splitlines() if " = " in line)
    assert "SIGKILL" in found["killed"]
    assert found["wrong"] == "failed: ValueError: sleep length must be non-negative"
    assert found["worker"].startswith("failed: its worker or its node died")
    assert found["good"] == "done: None"
    assert done.stdout == ""


DEATHS = """
import os, signal, sys
from pathlib import Path
from suite.launch import ray
from suite.launch.local import Job

ray.TRIES = 1  # the worker dies twice, not four times
jobs = [Job("sleep", {"kill": signal.SIGKILL}, "killed"), Job("sleep", {"seconds": -1}, "wrong"), Job("sleep", {"seconds": 0}, "good"), Job("sleep", {"seconds": 600}, "worker")]
ended = {}

def murder():
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == os.getcwd() and (entry / "cmdline").read_bytes().startswith(b"ray::carried"):
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            pass

with ray.Pool(workers=1) as pool:
    for outcome in pool.run(jobs):
        if outcome.kind != "progress":
            print(outcome.job.about, "=", f"{outcome.kind}: {outcome.value}", file=sys.stderr)
            ended[outcome.job.about] = outcome
        elif len(ended) == 3:
            murder()
"""


class Stopped:
    """Ray with one task that has ended, one that has begun since the last look, and one that waits."""

    exceptions = SimpleNamespace(RayError=KeyError)

    def __init__(self, answer):
        self.answers, self.ledger = {"ended": (answer, {})}, SimpleNamespace(told=SimpleNamespace(remote=lambda: "told"))

    def wait(self, refs, num_returns, timeout):
        return [ref for ref in refs if ref in self.answers], []

    def get(self, ref, timeout=None):
        if self.answers.get(ref) == "cancelled":
            raise KeyError(ref)
        return {"0": (1, 0.9), "1": (1, 0.5)} if ref == "told" else self.answers[ref]

    def cancel(self, ref, force):
        self.answers[ref] = "cancelled"


def test_what_landed_or_began_since_the_last_look_is_known_when_the_cluster_is_left(monkeypatch):
    jobs = {ref: Job("sleep", {}, ref) for ref in ("ended", "begun", "waiting")}
    ray = Stopped(node.encoded(Outcome(jobs["ended"], "done", 7), where()))
    monkeypatch.setattr(joining, "imported", lambda: ray)
    with on_ray.Pool() as pool:
        pool.ledger, pool.flying = ray.ledger, {ref: (str(key), job) for key, (ref, job) in enumerate(jobs.items())}
    assert [(outcome.job.about, outcome.kind, outcome.value) for outcome in pool.landed] == [("ended", "done", 7)]
    assert [job.about for _, job in pool.running.values()] == ["begun"]


class NodeDiedError(Exception):
    """As Ray's."""


def test_deaths_are_told_in_words():
    assert death(NodeDiedError("its address and a page of advice")) == "its node was lost, and so it was at each of 3 further tries"
    raised = RuntimeError("wrapped")
    raised.cause = ValueError("the first\nand the second line")
    assert death(raised) == "ValueError: the first and the second line"
    assert (cause(NodeDiedError()), cause(raised)) == ("died", "raised")


def test_outcomes_survive_the_way_bit_for_bit():
    group = planned()
    value = train(group, None, None, None), 3
    there = where().model_copy(update={"machine": "00000000"})
    sent = Outcome(Job("train", {}, group), "done", value)
    got = node.decoded(sent.job, node.encoded(sent, there))
    assert (got.kind, got.value, got.where) == ("done", value, there)
    (run,) = trained(got, where())
    assert (run.where.machine, run.where.threads, run.where.replicas) == ("00000000", 3, 1)
    said = Outcome(Job("train", {}, group), "failed", "it broke")
    (run,) = trained(node.decoded(said.job, node.encoded(said, there)), where())
    assert (run.status, run.where.machine) == ("failed: it broke", "00000000")
    with pytest.raises(ValueError, match="validation error"):
        node.decoded(sent.job, b'[{"kind": "done"}, {}, 1]')


class Told:
    """A ledger without a cluster: `told.begin.remote("0")`."""

    def __init__(self):
        self.words = []

    def __getattr__(self, name):
        return SimpleNamespace(remote=lambda *said: self.words.append((name, *said)))


def carried(group, driver=None):
    ledger = Told()
    payload = {"specs": group, "checkpoint": Path("nowhere") / "key.pt", "keep": True}
    answer, files = node.carried("train", payload, "7", 1, driver or node.installed(), "word", ledger, USUAL)
    assert ledger.words[0] == ("begin", "7")
    return node.decoded(Job("train", payload, group), answer), files


def planned(**fields):
    (group,) = launch.plan([suite.runs.TrainSpec(task="adding(length=4)", cell="rnn", units=3, batch=4, steps=4, evaluate_every=2, **fields)], [], "here", elsewhere=True).train
    return group


def test_a_node_brings_back_outcome_and_weights():
    group = planned()
    outcome, files = carried(group)
    assert (outcome.kind, outcome.where) == ("done", where())
    assert outcome.value[0][0][:3] == train(group, None, None, None)[0][:3]
    assert list(files) == [f"{group[0].id}.safetensors"]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_gpu_is_planned_for_elsewhere_and_refused_where_it_is_not():
    outcome, files = carried(planned(device="cuda"))
    assert (outcome.kind, outcome.value, files) == ("refused", "the node has no CUDA device that PyTorch can use", {})


def test_a_node_with_something_else_installed_does_nothing():
    with pytest.raises(ValueError, match=r"the node has torch .*, the driver torch 1.0: install the same on all nodes"):
        carried(planned(), node.installed() | {"torch": "1.0"})


def test_a_cell_that_is_another_than_planned_is_not_trained():
    (spec,) = planned()
    with pytest.raises(ValueError, match="cell 'rnn' has other equations here than when the run was planned"):
        train([spec.model_copy(update={"cell_digest": "0" * 16})], None, None, None)


def test_a_checkpoint_is_kept_only_where_the_driver_sees_it(tmp_path):
    payload = {"specs": [], "checkpoint": tmp_path / "key.pt", "keep": True}
    assert node._local(payload, "word", tmp_path) == {"checkpoint": None, "keep": tmp_path}
    (tmp_path / node.MARK).write_text("another driver's")
    assert node._local(payload, "word", tmp_path)["checkpoint"] is None
    (tmp_path / node.MARK).write_text("word")
    assert node._local(payload, "word", tmp_path)["checkpoint"] == payload["checkpoint"]
    assert node._local({"task": "adding"}, "word", tmp_path) == {"checkpoint": None, "keep": None}


def test_modules_travel_with_what_they_imported(project, monkeypatch):
    monkeypatch.syspath_prepend(project)
    (project / "package").mkdir()
    (project / "package" / "inner.py").write_text("")
    (project / "never.py").write_text("")
    for name in ("theirs", "beside", "package"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    assert modules.shipped(modules.named(["lstm", "theirs:mine", "package.inner:cell(depth=2)"])) == [str(project / name) for name in ("beside.py", "package", "theirs.py")]
    assert modules.shipped(["suite", "numpy", "json"]) == []


@pytest.mark.parametrize(("options", "sentence"), [
    ({"name": "rays"}, "unknown launcher 'rays'; did you mean 'ray'? known: local, ray"),
    ({"name": "local", "gpus_per_run": 0.5}, "--gpus-per-run says nothing to --launch local: it is for --launch ray"),
    ({"name": "ray", "gpus_per_run": 1.5}, "--gpus-per-run is a fraction of one GPU or a whole number of them, not 1.5"),
    ({"name": "ray", "gpus_per_run": 0.0}, "--gpus-per-run is a fraction of one GPU or a whole number of them, not 0"),
])
def test_mistakes_are_told_before_anything_starts(options, sentence):
    with pytest.raises(ValueError) as raised:
        launcher(**options)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(("address", "sentence"), [
    ("ray://head:10001", "is one of Ray Client: run carrousel on a node of the cluster"),
    ("head", "an address of a cluster is HOST:PORT, not 'head'"),
    ("127.0.0.1:9", "no Ray answers at '127.0.0.1:9'"),
])
def test_an_address_where_no_ray_is_takes_no_minutes(address, sentence):
    with pytest.raises(ValueError, match=sentence):
        joining.answers(address)


def test_without_ray_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ValueError) as raised:
        launcher("ray")
    assert str(raised.value) == "Ray is not installed: pip install 'carrousel[cluster]'"


@ray_here
@pytest.mark.parametrize(("device", "gpus", "sentence"), [
    ("cpu", 0.25, "--gpus-per-run is for runs on a GPU: say --device cuda too"),
    ("cuda:1", None, "Ray gives every task its GPU: say --device cuda, not 'cuda:1'"),
])
def test_devices_that_ray_cannot_give_are_refused(device, gpus, sentence):
    group = [suite.runs.TrainSpec(task="adding(length=4)", cell="rnn", device=device)]
    with on_ray.Pool(gpus_per_run=gpus) as pool, pytest.raises(ValueError) as raised:
        next(pool.run([Job("train", {"specs": group}, group)]))
    assert str(raised.value) == sentence
