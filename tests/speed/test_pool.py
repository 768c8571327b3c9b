"""What it costs to give every group a process of its own, and what a second worker brings."""

import time
from statistics import median

import pytest
import torch

import suite.report.site
from suite.experiments import Experiment, Recipe
from suite.launch import run as launch
from suite.launch.jobs import training
from suite.launch.local import Job, Pool
from suite.launch.plan import plan
from suite.runs import TrainSpec
from suite.runs.machine import cores
from suite.stats import median_interval
from suite.training.measure import interleaved, ratio

TASK = "parity(length=4, supervision='every')"
TINY = {"units": 4, "batch": 4, "steps": 2, "evaluate_every": 2}


def many(benchmark):
    return benchmark.enabled if hasattr(benchmark, "enabled") else not benchmark.disabled


def told(benchmark, name, values, unit):
    interval = median_interval(values)
    benchmark.extra_info[name] = median(values)
    print(f"\n{name}: median {interval.center:.3f} {unit}, {interval.low:.3f} to {interval.high:.3f}, n = {interval.n}")


@pytest.mark.benchmark(group="pool")
def test_a_process_that_does_nothing(benchmark):
    with Pool(1) as pool:

        def job():
            return list(pool.run([Job("sleep", {"seconds": 0})]))

        job()
        benchmark.pedantic(job, rounds=1)
        seconds = interleaved({"job": job}, 60 if many(benchmark) else 1, torch.device("cpu"))["job"]
    told(benchmark, "an empty job in a process of its own", seconds, "s")


@pytest.mark.benchmark(group="pool")
def test_overhead_of_a_tiny_group(benchmark, tmp_path, monkeypatch):
    monkeypatch.setattr(suite.report.site, "render", lambda out: out / "index.html")
    monkeypatch.setattr(launch, "known_baselines", lambda out: {launch.key_of(TASK): [{"name": "none", "score": 0.5, "deviation": 0.1, "n": 9}]})
    groups = 40 if many(benchmark) else 2
    recipes = tuple(Recipe(TASK, TINY | {"data_seed": k}) for k in range(groups))
    experiment = Experiment("tiny", "?", ("rnn",), recipes, seeds=1)
    with Pool(1) as pool:
        list(pool.run([Job("sleep", {"seconds": 0})]))  # the server of processes is up

    def carry_out():
        ends = [time.perf_counter()]
        with monkeypatch.context() as patch:
            patch.setattr(launch.Reporter, "finish", lambda *_: ends.append(time.perf_counter()))
            found = launch.carry_out(experiment, experiment.specs(engine="hoisted"), tmp_path, "carrousel run tiny", workers=1)
        inside = [run.costs.seconds for run in found.runs]
        return [later - earlier - own for earlier, later, own in zip(ends[1:], ends[2:], inside[1:], strict=False)]

    told(benchmark, "a group's time beside its training: process, record, progress", benchmark.pedantic(carry_out, rounds=1), "s")


@pytest.mark.skipif(cores() < 2, reason="this machine has one processor")
@pytest.mark.benchmark(group="pool")
def test_two_workers_beside_one(benchmark, tmp_path):
    steps, repeats = (400, 9) if many(benchmark) else (2, 1)
    specs = [TrainSpec(task=TASK, cell="gru", engine="hoisted", units=32, steps=steps, evaluate_every=steps, data_seed=k) for k in range(4)]

    def with_workers(workers):
        jobs = [training(group, tmp_path, False) for group in plan(specs, [], "here").train]
        with Pool(workers) as pool:
            ended = [o for o in pool.run(jobs) if o.kind != "progress"]
        assert [o.kind for o in ended] == ["done"] * 4

    calls = {"one": lambda: with_workers(1), "two": lambda: with_workers(2)}
    benchmark.pedantic(calls["two"], rounds=1)
    told(benchmark, "one worker / two workers, four groups, one thread each", ratio(interleaved(calls, repeats, torch.device("cpu"), warmup=1), "one", "two"), "times")
