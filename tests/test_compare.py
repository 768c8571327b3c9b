"""Two folders of records: the direction of every figure is known, seeds are paired, and machines are not mixed."""

import json

import pytest

from suite.cli import main
from suite.regress.compare import compared
from suite.regress.judge import BETTER, FAILED, NEW, OPEN, REFUSED, SAME, WORSE, status
from suite.regress.places import Place
from suite.regress.table import written
from suite.runs import Costs, Ratio, Run, Score, SpeedSpec, Store, Timing, TrainSpec, where

HERE = where().model_copy(update={"commit": "a" * 40, "clean": True})
THERE = HERE.model_copy(update={"machine": "00000000", "commit": "b" * 40})
TASKS = [
    {"name": "digits", "better": "higher", "chance": 0.1, "solved": 0.95},
    {"name": "adding", "better": "lower", "chance": 0.17, "solved": 0.01},
    {"name": "score", "better": "higher", "chance": -3.0, "solved": 5.0},
]
JITTER = (0.001, -0.002, 0.0015, -0.001, 0.002, -0.0005, 0.001, -0.001)


def trained(seed=0, test=0.9, status="done", place=HERE, parameters=100, **settings):
    spec = TrainSpec(**{"task": "digits", "cell": "gru", **settings}, seed=seed)
    found = {"score": Score(best_step=10, validation=0.5, test=test)} if status == "done" else {}
    return Run(id=spec.id, spec=spec, status=status, where=place, costs=Costs(parameters=parameters), **found)


def seeds(test, jitter=0.0, n=8, **settings):
    return [trained(seed, test + jitter * JITTER[seed], **settings) for seed in range(n)]


def timing(median, width=0.01):
    return Timing(median=median, low=median * (1 - width), high=median * (1 + width), n=15)


def timed(step=0.01, width=0.01, yardstick=0.02, place=HERE, status="done", torch="2.13.0", **settings):
    spec = SpeedSpec(**{"cell": "gru", "engine": "scan", **settings})
    ratio = Ratio(against="torch.nn.LSTM", step=timing(1.0), forward=timing(1.0), seconds=timing(yardstick))
    where = place.model_copy(update={"versions": {"torch": torch}})
    costs = Costs(parameters=9, step=timing(step, width), peak_bytes=timing(1e6, 0.001), ratios=(ratio,)) if status == "done" else Costs()
    return Run(id=spec.id, spec=spec, status=status, costs=costs, where=where)


@pytest.fixture
def held(tmp_path):
    def write(name, runs, tasks=TASKS):
        for run in runs:
            Store(tmp_path / name / "runs").write(run)
        if tasks:
            (tmp_path / name / "catalogue.json").write_text(json.dumps({"tasks": tasks}))
        return str(tmp_path / name)

    def against(before, after, tasks=TASKS):
        return {each.series.name: each for each in compared(Place.of(write("before", before, tasks)), Place.of(write("after", after, tasks)))}

    against.write = write
    return against


@pytest.fixture
def carrousel(capsys):
    def called(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["compare", *arguments])
        return left.value.code, *capsys.readouterr()

    return called


@pytest.mark.parametrize(
    ("task", "before", "after", "verdict"),
    [
        ("digits", 0.95, 0.93, WORSE),
        ("digits", 0.93, 0.95, BETTER),
        ("digits", 0.95, 0.949, SAME),  # a tenth of a point does not matter
        ("adding", 0.010, 0.012, WORSE),
        ("adding", 0.012, 0.010, BETTER),
        ("score", 4.0, 3.0, WORSE),
        ("score", 3.0, 4.0, BETTER),
    ],
)
def test_the_direction_of_a_score_is_the_tasks(held, task, before, after, verdict):
    jitter = 0.1 if task == "adding" else 1.0
    found = held(seeds(before, task=task), seeds(after, jitter, task=task))

    assert found[f"score[{task}, gru]"].verdict == verdict
    assert found[f"score[{task}, gru]"].change.n == 8
    assert found[f"parameters[{task}, gru]"].verdict == SAME


def test_seeds_are_paired(held):
    apart = [0.5, 0.9, 0.6, 0.8, 0.7, 0.55, 0.85, 0.65]  # far more from seed to seed than from one place to the other
    found = held([trained(s, test) for s, test in enumerate(apart)], [trained(s, test - 0.02 + JITTER[s]) for s, test in enumerate(apart)])

    assert found["score[digits, gru]"].verdict == WORSE
    assert found["score[digits, gru]"].change.center == pytest.approx(0.02, abs=1e-3)


def test_too_little_data_cannot_tell(held, carrousel):
    assert held([trained(0, 0.95)], [trained(0, 0.93)])["score[digits, gru]"].verdict == OPEN
    few = held([trained(s, 0.95) for s in range(1, 3)], [trained(s, 0.93 + JITTER[s] * 5) for s in range(1, 3)])
    assert few["score[digits, gru]"].verdict == OPEN
    assert held(seeds(0.9, n=3, cell="rnn"), [trained(7, 0.9, cell="rnn")])["score[digits, rnn]"].reason == "4 seeds without a pair; 3 of them only before"


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([0.0] + [0.01] * 7, [1.0] * 8, WORSE),
        ([0.0] * 3, [0.1, 0.1, 0.1], WORSE),
        ([1.0] * 8, [0.0] + [0.01] * 7, BETTER),
        ([0.0, 0.5, 0.5], [0.0, 0.5, 0.5], SAME),
        ([0.0] + [0.01] * 7, [0.01] * 7 + [0.0], OPEN),
    ],
)
def test_a_loss_of_zero_bars_no_verdict(held, before, after, verdict):
    found = held(*([trained(seed, test, task="adding") for seed, test in enumerate(figures)] for figures in (before, after)))

    assert found["score[adding, gru]"].verdict == verdict
    assert json.loads(written(list(found.values())))["series"]


def test_what_is_equal_bit_for_bit_is_no_change_however_little(held):
    assert held([trained(0, 0.95)], [trained(0, 0.95)])["score[digits, gru]"].verdict == SAME


@pytest.mark.parametrize("status", ["diverged at step 7", "failed: it died", "cut off"])
def test_a_seed_that_is_lost_has_failed(held, status):
    found = held(seeds(0.9), [*seeds(0.9, n=7), trained(7, status=status)])["score[digits, gru]"]

    assert found.verdict == FAILED
    assert f"seed 7 {status}" in found.reason


NO_KERNEL = "refused: no kernel"


@pytest.mark.parametrize(
    ("before", "after", "verdict", "reason"),
    [
        (["failed: it died"] * 3, ["failed: it died"] * 3, FAILED, "after: seed 0 failed: it died"),
        (["done", "failed: x", "failed: x"], ["done", "failed: x", "failed: x"], FAILED, "seed 2 failed: x"),
        ([NO_KERNEL] * 3, ["failed: it died"] * 3, FAILED, "failed: it died"),
        ([NO_KERNEL] * 3, [NO_KERNEL] * 3, REFUSED, "after: seed 0 refused: no kernel"),
        (["done", NO_KERNEL], ["done", NO_KERNEL], SAME, "in both, seed 1 refused: no kernel"),
        (["done", "diverged at step 7"], ["done", "diverged at step 7"], SAME, "in both, seed 1 diverged at step 7"),
        (["done", "diverged at step 7"], ["done", "diverged at step 9"], OPEN, "before, seed 1 diverged at step 7; after, seed 1 diverged at step 9"),
        (["done", "cut off"], ["done", "cut off"], OPEN, "after, seed 1 cut off"),
        (["diverged at step 7"] * 2, ["diverged at step 7"] * 2, OPEN, "diverged at step 7"),
        (["done", "failed: x"], ["done", "done"], SAME, "1 seed without a pair"),
        (["done"] * 8, ["done"] * 2, OPEN, "6 of them only before"),
        (["done"] * 2, ["done"] * 8, SAME, "6 seeds without a pair"),
    ],
)
def test_seeds_without_a_score_are_told(held, before, after, verdict, reason):
    found = held(*([trained(seed, status=each) for seed, each in enumerate(statuses)] for statuses in (before, after)))["score[digits, gru]"]

    assert found.verdict == verdict
    assert reason in found.reason


def test_seeds_that_are_gone_leave_a_regression_and_no_improvement(held):
    assert held(seeds(0.95), seeds(0.90, 1.0, n=7))["score[digits, gru]"].verdict == WORSE
    assert held(seeds(0.90, cell="rnn"), seeds(0.95, 1.0, n=7, cell="rnn"))["score[digits, rnn]"].verdict == OPEN


def test_more_parameters_are_a_regression_and_fewer_are_not(held):
    assert held([trained(parameters=100)], [trained(parameters=101)])["parameters[digits, gru]"].verdict == WORSE
    assert held([trained(parameters=100, cell="rnn")], [trained(parameters=99, cell="rnn")])["parameters[digits, rnn]"].verdict == BETTER


def test_times_count_on_one_machine_only(held):
    slow, moved = held([timed()], [timed(step=0.012)]), held([timed(cell="rnn")], [timed(step=0.012, yardstick=0.026, cell="rnn")])
    elsewhere = held([timed(cell="lstm")], [timed(step=0.012, place=THERE, cell="lstm")])

    assert slow["step[gru, scan]"].verdict == WORSE
    assert slow["peak bytes[gru, scan]"].verdict == SAME
    assert moved["step[rnn, scan]"].verdict == OPEN  # torch.nn beside it became as much slower
    assert elsewhere["time[lstm, scan]"].verdict == OPEN
    assert status([each for name, each in elsewhere.items() if "lstm" in name]) == 3  # though the parameters are no change
    assert "different machines, " in elsewhere["time[lstm, scan]"].reason
    assert elsewhere["parameters[lstm, scan]"].verdict == SAME
    assert not [name for name in elsewhere if name.startswith(("step[lstm", "peak bytes[lstm"))]


def test_what_only_one_has_is_told(held):
    whole = timed()
    part = whole.model_copy(update={"costs": whole.costs.model_copy(update={"step": None, "peak_bytes": None, "parameters": None})})
    gone, new = held([whole], [part.model_copy(update={"where": THERE.model_copy(update={"machine": HERE.machine})})]), held([part], [whole])

    for name in ("step[gru, scan]", "peak bytes[gru, scan]", "parameters[gru, scan]"):
        assert (gone[name].verdict, gone[name].reason) == (OPEN, "only before has it")
        assert (new[name].verdict, new[name].reason) == (NEW, "only after has it")


def test_a_machine_that_is_gone_is_told(held):
    gone = held([timed(), timed(place=THERE)], [timed()])
    new = held([timed(cell="rnn")], [timed(cell="rnn"), timed(cell="rnn", place=THERE)])

    assert gone["time[gru, scan, 00000000]"].verdict == OPEN
    assert gone[f"step[gru, scan, {HERE.machine}]"].verdict == SAME
    assert new["time[rnn, scan, 00000000]"].verdict == NEW


def test_another_torch_is_no_yardstick(held):
    found = held([timed()], [timed(step=0.012, torch="2.14.0")])["step[gru, scan]"]

    assert found.verdict == WORSE
    assert found.floor is None
    assert found.reason.startswith("no floor")


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [("refused: no kernel", "refused: no kernel", REFUSED), ("done", "refused: no kernel", FAILED), ("refused: no kernel", "done", NEW), ("done", "failed: it died", FAILED)],
)
def test_timings_without_figures_are_said(held, before, after, verdict):
    found = held([timed(status=before)], [timed(status=after)])["time[gru, scan]"]

    assert found.verdict == verdict
    assert "no kernel" in found.reason or "it died" in found.reason


def test_two_commits_or_machines_of_one_folder(held, carrousel):
    runs = [*seeds(0.95), *(trained(s, 0.92 + JITTER[s], place=THERE, cell_digest="1") for s in range(8))]
    folder = held.write("both", runs)

    for part in (("aaaa", "bbbb"), (HERE.machine, "0000")):
        status, out, _ = carrousel(*(f"{folder}@{each}" for each in part))
        assert status == 1
        assert "**regression: score[digits, gru]. 2 series.**" in out
    status, _, error = carrousel(folder, folder)
    assert status == 2
    assert "several records of one run, digits, gru, seed" in error
    status, _, error = carrousel(f"{folder}@cccc", folder)
    assert (status, error.count("\n")) == (2, 1)
    assert "no record of" in error


def test_digits_that_begin_two_commits_or_machines_are_no_part(held):
    one, other = (HERE.model_copy(update={"commit": commit, "machine": "a0000007"}) for commit in ("ab" * 20, "a1" + "c" * 38))
    folder = held.write("both", [*seeds(0.95, place=one), *(trained(seed, 0.9, place=other) for seed in range(8, 12))])

    with pytest.raises(ValueError, match="commit a1cccccccccc, commit abababababab, machine a0000007; give more digits"):
        Place.of(f"{folder}@a")
    assert len(Place.of(f"{folder}@a1").runs) == 4
    assert len(Place.of(f"{folder}@a0000007").runs) == 12


def test_settings_tell_runs_of_one_cell_apart(held):
    found = held([*seeds(0.9), *seeds(0.95, units=64)], [*seeds(0.9), *seeds(0.9, 1.0, units=64)])

    assert {name: each.verdict for name, each in found.items() if name.startswith("score")} == {"score[digits, gru, units 32]": SAME, "score[digits, gru, units 64]": WORSE}


def test_the_engine_is_a_means_unless_one_place_has_two(held):
    assert held(seeds(0.9, engine="hoisted"), seeds(0.9, engine="scan"))["score[digits, gru]"].verdict == SAME
    both = [*seeds(0.9, cell="rnn"), *seeds(0.8, cell="rnn", engine="scan")]
    found = held(both, both)
    assert found["score[digits, rnn, engine scan]"].before == pytest.approx(0.2)


def test_without_a_catalogue_the_direction_is_unknown(held, carrousel):
    found = held(seeds(0.9), seeds(0.5), tasks=None)["score[digits, gru]"]

    assert found.verdict == OPEN
    assert "catalogue" in found.reason


def test_json_says_what_the_table_says(held, carrousel):
    before, after = held.write("before", [*seeds(0.95), timed()]), held.write("after", [*seeds(0.93, 1.0), timed()])
    status, out, _ = carrousel(before, after, "--json")
    data = json.loads(out)

    assert status == data["status"] == 1
    assert {entry["name"]: entry["verdict"] for entry in data["series"]}["score[digits, gru]"] == WORSE
    assert all(f"| {entry['name']} |" in carrousel(before, after)[1] for entry in data["series"])
    assert carrousel(before, before)[0] == 0


@pytest.mark.parametrize("arguments", [("nowhere", "nowhere"), ("one",), ("a@b", "c")])
def test_mistakes_are_one_sentence(carrousel, arguments):
    status, _, error = carrousel(*arguments)

    assert status == 2
    assert error.count("\n") == 1


def test_published_records_can_be_compared(root, carrousel):
    status, out, error = carrousel(str(root / "reports/published/quick"), str(root / "reports/published/quick"))

    assert (status, error) == (0, "")
    assert "No regression was found" in out
