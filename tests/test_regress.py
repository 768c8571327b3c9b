"""Two trees measured in turn: what is planted is called in its own series, what is the same is not, and what fails is said to have failed."""

import json
import math
import subprocess
import sys

import numpy as np
import pytest

from suite.regress import table, trees
from suite.regress.__main__ import chosen, main
from suite.regress.judge import BETTER, FAILED, NEW, OPEN, REFUSED, SAME, WORSE, judge, status
from suite.regress.pairs import PROCESSES, Measured
from suite.regress.rounds import ROUNDS, Plan, listed, measure
from suite.regress.series import Series
from suite.regress.sides import Side
from suite.stats import signed_rank_interval

FAKE = """
import json, random, sys, time
from pathlib import Path

tree = json.loads(Path(sys.argv[1], "tree.json").read_text())
noise, count = random.Random(), 0
SERIES = [
    {"name": "step[a]", "unit": "seconds"}, {"name": "forward[a]", "unit": "seconds"},
    {"name": "memory[a]", "unit": "bytes", "way": "alone"}, {"name": "error[a]", "unit": "error", "way": "alone", "seeds": True, "exact": True},
]
for line in sys.stdin:
    asked = json.loads(line)
    name = asked.get("series")
    planted = tree.get(name, 1.0)
    if asked["do"] == "list":
        found = {"series": [{"way": "turn", "seeds": False, "exact": False, "place": "cpu 1", **each} for each in SERIES], "suite": str(Path(sys.argv[1], "suite"))}
    elif planted == "refuses":
        found = {"refused": "no kernel for it"}
    elif planted == "raises":
        found = {"failed": "RuntimeError: no"}
    elif planted == "dies":
        print("out of breath", file=sys.stderr)
        sys.exit(7)
    elif planted == "hangs":
        time.sleep(60)
    elif asked["do"] == "make":
        found = {"ready": True}
    elif asked["do"] == "time":
        found = {"value": 0.01 * planted * noise.lognormvariate(0.0, 0.01)}
    elif name == "memory[a]":
        found = {"values": [1e7 * planted * noise.lognormvariate(0.0, 0.001)]}
    else:
        seeds = random.Random(asked["round"])
        found = {"values": [seeds.gauss(0.05, 0.01) + (planted - 1.0) + (seeds.gauss(0, 0.004) if planted != 1.0 else 0.0) for _ in range(16)]}
    print(json.dumps(found), flush=True)
"""
QUICK = Plan(seconds=60, timeout=3, repeats=3, block=0)


@pytest.fixture
def compared(tmp_path):
    (tmp_path / "fake.py").write_text(FAKE)

    def side(name, planted):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "tree.json").write_text(json.dumps(planted))
        return Side(name, (folder,), sys.executable, ("-S", str(tmp_path / "fake.py"), str(folder)))

    def compare(before, after, plan=QUICK):
        sides = side("before", before), side("after", after)
        found = measure(*sides, [series for series, _ in listed(sides[1], 5)], plan, cores=2)
        return {each.series.name: each for each in found}

    return compare


@pytest.mark.parametrize(("series", "factor"), [("step[a]", 1.1), ("memory[a]", 1.2), ("error[a]", 1.02)])
def test_what_is_planted_is_called_in_its_own_series(compared, series, factor):
    worse = compared({}, {series: factor})

    assert {name: each.verdict for name, each in worse.items() if name != series} == dict.fromkeys(set(worse) - {series}, SAME)
    assert worse[series].verdict == WORSE
    assert worse[series].change.low > 0
    assert status(list(worse.values())) == 1


def test_a_gain_is_an_improvement_and_no_failure(compared):
    found = compared({"step[a]": 1.2, "error[a]": 1.02}, {})

    assert [each.verdict for each in found.values()] == [BETTER, SAME, SAME, BETTER]
    assert status(list(found.values())) == 0


@pytest.mark.parametrize(("planted", "said"), [("raises", "RuntimeError: no"), ("dies", "its process ended with status 7: out of breath"), ("hangs", "timed out after 1 s")])
@pytest.mark.parametrize("series", ["step[a]", "memory[a]"])
def test_what_fails_is_never_no_change(compared, planted, said, series):
    found = compared({}, {series: planted}, Plan(seconds=60, timeout=1, repeats=3, block=0))

    assert found[series].verdict == FAILED
    assert said in found[series].reason
    assert {each.verdict for name, each in found.items() if name != series} == {SAME}
    assert status(list(found.values())) == 1


def test_refusals_and_what_has_no_baseline_are_said(compared):
    both = compared({"step[a]": "refuses", "memory[a]": "raises", "error[a]": "raises"}, {"step[a]": "refuses", "error[a]": "raises", "forward[a]": "refuses"})

    assert [each.verdict for each in both.values()] == [REFUSED, FAILED, NEW, FAILED]
    assert both["step[a]"].reason == "before: no kernel for it; after: no kernel for it"
    assert status([both["step[a]"], both["memory[a]"]]) == 0


def test_without_time_nothing_can_be_told(compared):
    found = compared({}, {}, Plan(seconds=0, timeout=3, repeats=3, block=0))

    assert {each.verdict for each in found.values()} == {OPEN}
    assert {each.reason for each in found.values()} == {"there was no time to measure it"}
    assert status(list(found.values())) == 3


def test_a_round_is_too_few(compared, monkeypatch):
    monkeypatch.setattr("suite.regress.rounds.ROUNDS", 1)
    found = compared({}, {})

    assert [each.verdict for each in found.values()] == [OPEN, OPEN, OPEN, SAME]  # equal bits need one round
    assert found["step[a]"].reason == "2 pairs are too few"


def drawn(generator, n, shift, noise):
    return list(shift + noise * generator.standard_normal(n))


def test_false_alarms_are_rare_and_what_is_detectable_is_detected():
    generator, series = np.random.default_rng(0), Series("step", "seconds")
    ones = [1.0] * 12
    for noise in (0.005, 0.03, 0.1):
        verdicts = [judge(series, ones, ones, drawn(generator, 12, 0.0, noise), drawn(generator, 12, 0.0, noise)) for _ in range(400)]
        assert sum(each.verdict in (WORSE, BETTER) for each in verdicts) <= 1, noise
        usual = float(np.median([each.detectable for each in verdicts]))
        called = [judge(series, ones, ones, drawn(generator, 12, usual, noise), drawn(generator, 12, 0.0, noise)).verdict for _ in range(400)]
        assert called.count(WORSE) >= 0.75 * 400, noise


def simulated(generator, draw, noise, shift):
    """A whole comparison of one series, with all its looks."""
    measured = Measured(Series("step", "seconds"))
    for _ in range(ROUNDS):
        measured.rounds.append({name: [math.exp(noise / math.sqrt(2) * draw(generator) + shift * name.startswith("after"))] for name in PROCESSES})
        if measured.due:
            measured.look()
        if measured.decided:
            break
    return measured.look().verdict


@pytest.mark.exhaustive
@pytest.mark.parametrize("noise", [0.01, 0.03, 0.06, 0.15])
@pytest.mark.parametrize("draw", [lambda generator: generator.normal(), lambda generator: generator.standard_t(2)], ids=["normal", "t2"])
def test_a_comparison_with_all_its_looks_raises_no_false_alarm(noise, draw):
    generator = np.random.default_rng(0)
    same, slower = ([simulated(generator, draw, noise, shift) for _ in range(250)] for shift in (0.0, math.log(1.1)))

    assert set(same) <= {SAME, OPEN}
    assert set(slower) <= {WORSE, OPEN}


def test_the_floor_of_a_tree_with_itself_holds_a_change_back():
    series, quiet, loud = Series("step", "seconds"), [0.001, -0.001] * 6, [0.2, -0.25] * 6
    changes = [0.1 + 0.001 * k for k in range(12)]

    assert judge(series, [1.0], [1.1], changes, quiet).verdict == WORSE
    assert judge(series, [1.0], [1.1], changes, loud).verdict == OPEN


def test_no_change_needs_proof():
    series = Series("step", "seconds")
    wide = [0.08, -0.08] * 6

    assert judge(series, [1.0], [1.0], wide, wide).verdict == OPEN
    assert judge(series, [1.0], [1.0], [0.0] * 7, [0.0] * 7).verdict == OPEN  # seven pairs have no interval at 99 %
    assert judge(series, [1.0], [1.0], [math.nan] * 8, [0.0] * 8).verdict == FAILED


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        ([0.0] + [0.010] * 9, [1.0] * 10, WORSE),
        ([1.0] * 10, [0.0] + [0.010] * 9, BETTER),
        ([0.0] * 10, [1e-3] * 10, WORSE),
        ([0.0] + [0.010] * 9, [0.0] + [0.010] * 9, SAME),
        ([0.0] + [0.010] * 9, [0.010] * 9 + [0.0], OPEN),
        ([0.0] + [0.010] * 9, [math.nan] * 10, FAILED),
        ([0.010] * 10, [math.inf] * 10, FAILED),
        ([math.inf] * 10, [math.inf] * 10, FAILED),
        ([-0.5] * 10, [-0.5] * 10, SAME),
        ([-0.5] * 10, [-0.4] * 10, FAILED),
    ],
)
def test_a_figure_of_zero_bars_no_verdict(before, after, verdict):
    series = Series("loss", "loss", seeds=True, exact=True)
    found = judge(series, before, after, series.changes(np.array(before), np.array(after)), [0.0] * 10)

    assert found.verdict == verdict
    json.loads(table.written([found]))
    assert verdict == FAILED or "nan" not in "".join(table.row(found))


def test_signed_rank_interval_is_exact_and_needs_enough_pairs():
    assert next(n for n in range(1, 12) if signed_rank_interval(range(n), 0.99)) == 8
    assert next(n for n in range(1, 12) if signed_rank_interval(range(n), 0.95)) == 6
    generator = np.random.default_rng(1)
    held = sum(i.low <= 0 <= i.high for i in (signed_rank_interval(generator.standard_t(2, 8), 0.99) for _ in range(2000)))
    assert 0.985 <= held / 2000 <= 0.997
    shifted = signed_rank_interval([3.0, 1.0, 4.0, 1.5, 9.0, 2.6, 5.3, 5.8], 0.95)
    assert signed_rank_interval([13.0, 11.0, 14.0, 11.5, 19.0, 12.6, 15.3, 15.8], 0.95).low == pytest.approx(shifted.low + 10)


def test_table_and_json_say_the_same(compared):
    found = list(compared({}, {"step[a]": 1.2, "forward[a]": "refuses", "memory[a]": "raises"}).values())
    text, data = table.markdown(found, "a against b"), json.loads(table.written(found, before="a"))

    assert data["status"] == status(found) == 1
    assert [entry["verdict"] for entry in data["series"]] == [WORSE, FAILED, FAILED, SAME]
    assert data["series"][0]["change"]["low"] > 1.1 > data["series"][0]["floor"] > 1
    assert data["series"][3]["scale"] == "difference"
    assert "**regression: step[a]; failed: forward[a], memory[a]. 4 series.**" in text
    assert text.count("\n| ") == 2 + len(found)
    assert len({line.count(" | ") for line in text.splitlines() if line.startswith("|")}) == 1


def test_series_are_chosen_by_name():
    known = [(Series(name, "seconds"), place) for name in ("step[lstm, scan, cpu 1]", "step[gru, scan, cpu 1]", "import[cpu 1]") for place in ("cpu 1",)]

    assert [s.name for s in chosen(known, ["step"], "cpu 1")] == [s.name for s, _ in known[:2]]
    assert [s.name for s in chosen(known, ["step[gru*", "imp*"], "cpu 1")] == [s.name for s, _ in known[1:]]
    assert len(chosen(known, [], "cpu 1")) == 3
    for only, place, said in ((["stop"], "cpu 1", "no series is called 'stop'"), ([], "tpu", "there is no series at 'tpu'")):
        with pytest.raises(ValueError, match=said):
            chosen(known, only, place)


@pytest.fixture
def repository(tmp_path):
    def git(*command):
        subprocess.run(["git", "-C", str(tmp_path), "-c", "user.name=n", "-c", "user.email=e", *command], check=True, capture_output=True)

    git("init", "-q", "-b", "main")
    (tmp_path / "suite").mkdir()
    (tmp_path / ".gitignore").write_text("*.log\n.regress/\n")
    for number in range(2):
        (tmp_path / "suite" / "__init__.py").write_text(f"n = {number}\n")
        git("add", ".")
        git("commit", "-q", "-m", str(number))
    return tmp_path, git


def test_trees_are_a_commit_and_the_working_tree(repository):
    folder, git = repository
    out = folder / ".regress"
    out.mkdir()
    assert trees.merge_base(folder) == trees.commit(folder, "HEAD^")  # on the main branch, with nothing changed
    (folder / "suite" / "__init__.py").write_text("n = 2\n")
    (folder / "suite" / "new.py").write_text("")
    (folder / "suite" / "old.log").write_text("")
    assert trees.merge_base(folder) == trees.commit(folder, "HEAD")
    first, second = trees.exported(folder, "HEAD^", out), trees.working(folder, out)

    assert (first.folder / "suite" / "__init__.py").read_text() == "n = 0\n"
    assert sorted(path.name for path in (second.folder / "suite").iterdir()) == ["__init__.py", "new.py"]
    assert (second.folder / "suite" / "__init__.py").read_text() == "n = 2\n"
    assert "with changes" in second.name
    git("checkout", "-q", "-b", "topic")
    git("commit", "-q", "-a", "-m", "topic")
    assert trees.merge_base(folder) == trees.commit(folder, "main")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "regress: 'nowhere' is no commit of"),
        (["HEAD", "HEAD^^^^"], "regress: 'HEAD^^^^' is no commit of"),
        (["HEAD"], "has no benchmarks/worker.py"),
        (["--minutes", "0"], "Invalid value for '--minutes'"),
        (["HEAD", "--python", "nopython"], "has no benchmarks/worker.py"),
    ],
)
def test_mistakes_are_one_sentence_and_status_two(repository, monkeypatch, capsys, arguments, sentence):
    monkeypatch.chdir(repository[0])
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    error = capsys.readouterr().err

    assert ended.value.code == 2
    assert sentence in error
    assert error.count("\n") == 1
