"""Two trees measured in turn: what is planted is called in its own series, what is the same is not, and what fails is said to have failed."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from suite.regress import table, trees
from suite.regress.__main__ import chosen, main
from suite.regress.judge import BETTER, FAILED, LOOKS, NEW, OPEN, REFUSED, SAME, WORSE, judge, status
from suite.regress.pairs import PROCESSES, Measured
from suite.regress.rounds import ROUNDS, Plan, listed, measure, rounds, verdicts
from suite.regress.series import Series
from suite.regress.sides import Side
from suite.runs.writable import held
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
    assert status([both["step[a]"], both["memory[a]"]]) == 3  # nothing was compared
    assert status([both["memory[a]"], both["step[a]"]._replace(verdict=SAME)]) == 0


@pytest.mark.parametrize(("planted", "verdict"), [("raises", NEW), ("dies", OPEN), ("hangs", OPEN)])
def test_an_earlier_tree_that_ends_is_no_pass(compared, planted, verdict):
    found = compared(dict.fromkeys(("step[a]", "forward[a]", "memory[a]", "error[a]"), planted), {}, Plan(seconds=60, timeout=1, repeats=3, block=0))

    assert {each.verdict for each in found.values()} == {verdict}
    assert status(list(found.values())) == 3


def test_what_was_measured_stays_where_the_earlier_tree_is_lost():
    measured = filled(Measured(Series("step", "seconds")), np.random.default_rng(0).normal, 0.01, math.log(1.5), 6)
    measured.reasons.append(("before", "lost", "timed out after 120 s"))
    found = measured.look()

    assert (found.verdict, found.reason) == (WORSE, "before failed: timed out after 120 s")
    measured.reasons.append(("after", "failed", "RuntimeError: no"))
    assert measured.look().verdict == FAILED


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


def filled(measured, draw, noise, shift, count):
    for _ in range(count):
        measured.rounds.append({name: [math.exp(noise / math.sqrt(2) * draw() + shift * name.startswith("after"))] for name in PROCESSES})
    return measured


def simulated(generator, draw, noise, shift, monkeypatch):
    """A whole comparison of one series, by the code that carries one out, but for the processes."""
    measured = Measured(Series("step", "seconds"))
    monkeypatch.setattr("suite.regress.rounds._round", lambda sides, left, *rest: filled(left[0], partial(draw, generator), noise, shift, 1))
    rounds(None, None, [measured])
    return measured


def test_every_look_is_taken_and_what_was_measured_counts(monkeypatch):
    for series, seeds in (Series("step", "seconds"), 1), (Series("loss", "loss", "alone", seeds=True), 4):
        measured, generator = Measured(series), np.random.default_rng(0)

        def one(sides, left, *rest, generator=generator, seeds=seeds):
            left[0].rounds.append({name: list(np.exp(generator.normal(size=seeds))) for name in PROCESSES})

        monkeypatch.setattr("suite.regress.rounds._round", one)
        rounds(None, None, [measured])
        ((found,), looked) = verdicts([measured]), measured.looked

        assert looked == LOOKS
        assert found.change is None or found.change.n == len(measured.changes()) == len(measured.rounds) * max(2, seeds)
        assert len(measured.rounds) == (LOOKS if series.seeds else ROUNDS)


def test_trainings_with_other_bits_are_held_against_other_seeds():
    generator, series = np.random.default_rng(0), Series("digits", "error", "alone", seeds=True, exact=True)
    called = 0
    for _ in range(200):
        draws = {side: [list(0.05 + 0.02 * generator.standard_normal(16)) for _ in range(LOOKS)] for side in ("before", "after")}
        measured = Measured(series)
        for k in range(LOOKS):
            measured.rounds.append({name: draws[name.partition(" ")[0]][k] for name in PROCESSES})
            if measured.look().decided:
                break
        called += measured.judged.verdict in (WORSE, BETTER)
        assert measured.judged.floor > 0
    assert called <= 1  # of 200


@pytest.mark.exhaustive
@pytest.mark.parametrize("noise", [0.01, 0.03, 0.06, 0.15])
@pytest.mark.parametrize("draw", [lambda generator: generator.normal(), lambda generator: generator.standard_t(2)], ids=["normal", "t2"])
def test_a_comparison_with_all_its_looks_raises_no_false_alarm(noise, draw, monkeypatch):
    generator = np.random.default_rng(0)
    same, slower = ([verdicts([simulated(generator, draw, noise, shift, monkeypatch)])[0].verdict for _ in range(250)] for shift in (0.0, math.log(1.1)))
    alarms = len([each for each in same if each in (WORSE, BETTER)])
    print(f"noise {noise}, of 250: {alarms} false alarms, {slower.count(WORSE)} found")

    assert alarms <= (1 if noise == 0.15 and draw(np.random.default_rng(0)) == np.random.default_rng(0).standard_t(2) else 0)  # heavy tails at 15 %: the one that docs tell of
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


@pytest.fixture
def asked(repository):
    """The same, with benchmarks that answer after a while, beside the package that the comparison itself needs."""
    folder, _ = repository
    (folder / "benchmarks").mkdir()
    (folder / "benchmarks" / "__init__.py").write_text("")
    (folder / "benchmarks" / "worker.py").write_text(
        FAKE.replace('tree = json.loads(Path(sys.argv[1], "tree.json").read_text())', "tree = {}").replace('str(Path(sys.argv[1], "suite"))', "SUITE").replace(
            "noise, count", "import suite\nSUITE = str(Path(suite.__file__).parent)\nnoise, count"
        )
    )
    return folder


def begun(folder, *arguments):
    return subprocess.Popen([sys.executable, "-P", "-m", "suite.regress", *arguments], cwd=folder, env=os.environ | {"PYTHONPATH": str(Path(table.__file__).parents[2])}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip


def test_a_comparison_from_the_command_line(asked):
    """An interpreter may be named by a path from here; trees of earlier comparisons are removed; one folder has one comparison."""
    out = asked / ".regress"
    (out / "0123456789ab" / "suite").mkdir(parents=True)
    (asked / "old").mkdir()
    (asked / "old" / "python").symlink_to(sys.executable)
    ended = begun(asked, "--only", "step*", "--python", "old/python")
    said, error = ended.communicate(timeout=120)

    assert ended.returncode in (0, 3), error
    assert "| step[a] | " in said
    assert sorted(each.name for each in out.iterdir() if each.is_dir()) == sorted(["asked", "working", trees.commit(asked, "HEAD^")[:12]])
    with held(out, "comparison"):
        second = begun(asked)
        assert second.communicate(timeout=60)[1].startswith("regress: another comparison is writing to")
        assert second.returncode == 2
    third = begun(asked, "--python", "nopython")
    assert third.communicate(timeout=60)[1] == "regress: there is no interpreter 'nopython'\n"


def test_what_was_measured_until_an_interruption_is_told(asked):
    (asked / ".regress").mkdir()
    (asked / ".regress" / "regress.md").write_text("of another comparison")
    running = begun(asked, "--only", "step*", "--only", "error*", "--minutes", "5")
    for line in running.stderr:
        if "round 3" in line:
            break
    running.send_signal(signal.SIGTERM)
    said, _ = running.communicate(timeout=60)
    kept = json.loads((asked / ".regress" / "regress.json").read_text())

    assert running.returncode == 130
    assert "interrupted" in said
    assert kept["interrupted"] is True
    assert {entry["name"]: entry["verdict"] for entry in kept["series"]} == {"step[a]": OPEN, "error[a]": SAME}


def test_the_ratio_is_that_of_the_pairs():
    before, after = [1.0, 2.0, 3.0] * 3, [1.1, 2.2, 3.3] * 3
    found = judge(Series("step", "seconds"), [2.0], [1.9], list(np.log(np.array(after) / before)), [0.001, -0.001] * 5)

    assert table.row(found)[1:4] == ["2 s", "1.9 s", "1.100"]


def test_what_a_worker_started_ends_with_it(tmp_path):
    with Side("x", (), sys.executable, ("-c", "import subprocess, sys; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); p.wait()")).start() as process:
        child = process.answer(5)
    for _ in range(50):
        if not Path(f"/proc/{child}").exists() or Path(f"/proc/{child}/stat").read_text().split()[2] == "Z":
            break
        time.sleep(0.1)
    else:
        pytest.fail("it goes on")
