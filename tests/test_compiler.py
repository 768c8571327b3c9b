"""Compiled code: made once, found again, whole or not at all; a compiler that is missing, broken or hostile is one sentence."""

import ctypes
import hashlib
import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from suite import catalogue
from suite.cells import CELLS, Cell
from suite.engines import ENGINES, Refused, compiler, unroll
from suite.launch.plan import plan
from suite.runs import SpeedSpec, TrainSpec
from suite.runs.run import read

CPU = torch.device("cpu")


TEXT = 'extern "C" int answer() { return 42; }\n'

if not os.environ.get("CXX") and not any(map(shutil.which, ("g++", "clang++", "c++"))):
    pytest.skip("engine 'scan' needs a C++ compiler", allow_module_level=True)


@pytest.fixture
def kernels(tmp_path, monkeypatch):
    """The folder of entries, a new one."""
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "kernels"


def again(text=TEXT, *flags):
    """As another process would."""
    compiler._library.cache_clear()
    return compiler.library(text, *flags)


def entries(kernels):
    return sorted(kernels.iterdir())


def whole(entry):
    content = entry.read_bytes()
    return hashlib.sha256(entry.name.encode() + content[:-32]).digest() == content[-32:]


def script(path, text):
    path.write_text(f"#!/bin/sh\nfor out; do :; done\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_processes_that_compile_the_same_at_once_leave_one_whole_entry_that_the_next_finds(kernels, tmp_path):
    slow = script(tmp_path / "slow", f'echo . >> {tmp_path}/calls; sleep 0.7; exec {compiler._compiler("")[0]} "$@"')
    code = f"""
from suite.engines import compiler
from pathlib import Path
import time
Path(r"{tmp_path}", "ready").open("a").write(".")
while not Path(r"{tmp_path}", "go").exists(): time.sleep(0.01)
print(compiler.library({TEXT!r}).answer())
"""
    environment = os.environ | {"CXX": str(slow), "PYTHONPATH": str(Path(__file__).parents[1])}
    processes = [subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    ready = tmp_path / "ready"
    while not (ready.exists() and len(ready.read_text()) == 3) and all(process.poll() is None for process in processes):
        time.sleep(0.02)
    (tmp_path / "go").touch()
    assert [process.communicate(timeout=60) for process in processes] == [("42\n", "")] * 3
    assert len((tmp_path / "calls").read_text().split()) == 3, "they did not compile at once"
    (entry,) = entries(kernels)
    assert whole(entry)
    made = entry.stat()
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"
    assert (entry.stat().st_mtime_ns, entry.stat().st_ino) == (made.st_mtime_ns, made.st_ino)
    assert len((tmp_path / "calls").read_text().split()) == 3, "what is there was compiled again"


DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "a byte short": lambda content: content[:-1],
    "random": lambda content: bytes(torch.randint(256, (len(content),), generator=torch.Generator().manual_seed(0)).tolist()),
    "empty": lambda content: b"",
    "one bit": lambda content: content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
    "no hash": lambda content: content[:-32],
    "longer": lambda content: content + b"x",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_made_again(damage, kernels, tmp_path, monkeypatch):
    again()
    (entry,) = entries(kernels)
    content = entry.read_bytes()
    elsewhere = tmp_path / "elsewhere" / "kernels" / entry.name  # what a process has loaded it keeps, whatever becomes of the file
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_bytes(DAMAGES[damage](content))
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path / "elsewhere"))
    assert again().answer() == 42
    assert entries(elsewhere.parent) == [elsewhere]
    assert whole(elsewhere)


def test_an_entry_under_the_name_of_another_is_made_again(kernels, tmp_path, monkeypatch):
    again()
    (one,) = entries(kernels)
    again(TEXT.replace("42", "43"))
    (other,) = {*entries(kernels)} - {one}
    elsewhere = tmp_path / "elsewhere" / "kernels" / other.name
    elsewhere.parent.mkdir(parents=True)
    elsewhere.write_bytes(one.read_bytes())
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path / "elsewhere"))
    assert again(TEXT.replace("42", "43")).answer() == 43


def test_other_text_flags_and_compilers_have_entries_of_their_own(kernels, tmp_path, monkeypatch):
    again()
    again()
    assert len(entries(kernels)) == 1
    again(TEXT + "\n")
    again(TEXT, "-DREAL=float")
    again(TEXT, "-DREAL=double")
    assert len(entries(kernels)) == 4
    name = compiler._compiler("")[0]
    monkeypatch.setenv("CXX", str(script(tmp_path / "mine", f'exec {name} "$@"')))
    again()
    assert len(entries(kernels)) == 5
    script(tmp_path / "mine", f'exec {name}  "$@"')  # another version of it
    again()
    assert len(entries(kernels)) == 6
    monkeypatch.setenv("CXX", f"{name} -g0")
    again()
    assert len(entries(kernels)) == 7


def test_code_in_the_cache_needs_no_folder_that_can_be_written(kernels, monkeypatch):
    again()

    def unwritable(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(compiler.tempfile, "TemporaryDirectory", unwritable)
    assert again().answer() == 42
    with pytest.raises(Refused, match=r"cannot write compiled code to .*Permission denied.*CARROUSEL_CACHE"):
        again(TEXT + "\n")


# compilers that do not do as they should: what they are, what the sentence says

BROKEN = {
    "fails": ("exit 1", "failed with status 1: it gave no reason"),
    "complains": ("echo 'In file included' >&2; echo \"$out: fatal error: no space left\" >&2; exit 3", "failed with status 3: "),
    "complains at length": ("yes 'error: no end of it' | head -c 3000000; exit 1", "failed with status 1: error: no end of it"),
    "writes nothing": ("exit 0", "failed with status 0: it gave no reason"),
    "writes garbage": ("echo garbage > $out", "made cannot be loaded"),
    "writes an empty file": (": > $out", "made cannot be loaded"),
    "writes a folder": ("mkdir $out", "failed with status 0: it gave no reason"),
    "is killed": ("kill -9 $$", "failed with status -9: it gave no reason"),
    "hangs": ("exec sleep 60", "did not finish in 0.3 s"),
    "hangs in a child": ("sleep 5; exit 1", "did not finish in 0.3 s"),
    "writes control characters": ("printf '\\033[2J\\033]0;error\\007 \\000 \\377 error: \\b\\r'; exit 1", "failed with status 1: "),
    "says it in another language": ("echo 'Fehler: kein Platz' >&2; exit 1", "Fehler: kein Platz"),
}


def is_one_sentence(sentence, *parts):
    assert sentence.startswith("engine 'scan'")
    assert sentence.isprintable(), "one line, nothing that a terminal obeys"
    assert len(sentence) < 600
    for part in parts:
        assert part in sentence


def refused(*parts, kernels=None):
    """Library, engine, choice of the best and plan all know it."""
    with pytest.raises(Refused) as raised:
        compiler.library(TEXT)
    is_one_sentence(str(raised.value), *parts)
    for name, next_best in (("rnn", "vendor"), ("gru-cho", "hoisted")):
        is_one_sentence(ENGINES["scan"].refuses(CELLS[name](2), CPU), f"'{name}'", *parts)
        assert catalogue.engine("best", CELLS[name](2), CPU).name == next_best
    if kernels is not None and kernels.exists():
        assert all(path.suffix == ".so" for path in entries(kernels)), "something half made was left behind"


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_compiler_is_named_in_one_sentence(kind, kernels, tmp_path, monkeypatch):
    text, said = BROKEN[kind]
    path = script(tmp_path / "compiler", text)
    monkeypatch.setattr(compiler, "PATIENCE", 0.3 if "hangs" in kind else 60)
    monkeypatch.setenv("CXX", str(path))
    refused(str(path), said, kernels=kernels)


INSTALL = "install one (Debian: apt install g++;"
MISSING = {
    "CXX names nothing": ({"CXX": "no-such-compiler"}, "cannot run the C++ compiler 'no-such-compiler'", INSTALL),
    "CXX names a folder": ({"CXX": "/"}, "cannot run the C++ compiler '/'", INSTALL),
    "CXX names no program": ({"CXX": __file__}, "cannot run the C++ compiler", INSTALL),
    "CXX is a program that fails": ({"CXX": "false"}, "the C++ compiler 'false' failed with status 1"),
    "CXX is a program that does nothing": ({"CXX": "true"}, "the C++ compiler 'true' failed with status 0"),
    "no compiler in PATH": ({"CXX": None, "PATH": "/nowhere"}, "found no C++ compiler", INSTALL),
    "a folder that cannot be made": ({"CARROUSEL_CACHE": "/dev/null/cache"}, "cannot write compiled code to /dev/null/cache/kernels", "CARROUSEL_CACHE names another folder"),
}


@pytest.mark.parametrize("kind", MISSING)
def test_what_is_missing_is_told_in_one_sentence(kind, kernels, monkeypatch):
    changed, *said = MISSING[kind]
    for name, value in changed.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    refused(*said)


def test_an_empty_name_is_no_name(kernels, monkeypatch):
    monkeypatch.setenv("CXX", " ")
    assert compiler.library(TEXT).answer() == 42


def test_a_folder_of_which_one_entry_is_a_folder_is_told(kernels):
    again()
    (entry,) = entries(kernels)
    entry.unlink()
    entry.mkdir()
    with pytest.raises(Refused, match="cannot write compiled code to"):
        again()


def fresh():
    """A cell that nobody compiled."""
    return Cell("fresh", (({"a": "x h b"}, lambda a, s, p: s._replace(h=torch.tanh(a.a))),), {"h": 2})


def run(cell):
    params = {name: torch.ones(1, *shape) for name, shape in cell.shapes(2).items()}
    return unroll(cell, params, torch.ones(2, 1, 1, 2), engine=ENGINES["scan"])


def test_a_compiler_that_makes_something_else_is_named(kernels, tmp_path, monkeypatch):
    name = compiler._compiler("")[0]
    monkeypatch.setenv("CXX", str(script(tmp_path / "other", f"echo 'int other;' | {name} -x c++ -shared -fPIC - -o $out")))
    with pytest.raises(Refused) as raised:
        run(fresh())
    is_one_sentence(str(raised.value), str(tmp_path / "other"))


def test_a_compiler_without_openmp_is_refused_or_serves(kernels, tmp_path, monkeypatch):
    text = f'for a; do [ "$a" = -fopenmp ] && {{ echo "error: unsupported option -fopenmp" >&2; exit 1; }}; done; exec {compiler._compiler("")[0]} "$@"'
    monkeypatch.setenv("CXX", str(script(tmp_path / "plain", text)))
    cell = fresh()
    sentence = ENGINES["scan"].refuses(cell, CPU)
    if sentence:
        is_one_sentence(sentence, "-fopenmp")
    else:
        run(cell)


def test_a_compiler_that_failed_is_not_asked_again_and_again(kernels, tmp_path, monkeypatch):
    monkeypatch.setenv("CXX", str(script(tmp_path / "broken", f"echo . >> {tmp_path}/calls; exit 1")))
    for name in ("rnn", "gru", "lstm"):
        assert ENGINES["scan"].refuses(CELLS[name](2), CPU)
    assert len((tmp_path / "calls").read_text().split()) == 1


# what the record says


def test_a_plan_without_a_compiler_refuses_scan_and_takes_the_next_for_best(kernels, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    made = plan([SpeedSpec(cell="rnn", engine="scan"), TrainSpec(task="parity(length=4)", cell="gru", engine="scan"), SpeedSpec(cell="gru-cho", engine="best")], [], "here")
    assert [spec.engine for spec, _ in made.refused] == ["scan", "scan"]
    assert all("'no-such-compiler'" in sentence and INSTALL in sentence for _, sentence in made.refused)
    assert [[spec.engine for spec in group] for group in made.speed] == [["hoisted"]]


def test_a_run_without_a_compiler_leaves_a_refusal_and_status_0(tmp_path):
    environment = os.environ | {"CXX": "no-such-compiler", "PYTHONPATH": str(Path(__file__).parents[1])}  # in a process of its own: workers inherit it
    words = ["run", "quick", "--task", "parity", "--cell", "rnn", "--seeds", "1", "--engine", "scan", "--no-speed", "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-m", "suite", *words], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    records = [read(path.read_text()) for path in (tmp_path / "out" / "runs").glob("*.json")]
    assert records
    for record in records:
        assert record.spec.engine == "scan"
        assert record.status.startswith("refused: engine 'scan' cannot run the C++ compiler 'no-such-compiler' (No such file or directory)")


TEAM = """
#include <thread>
struct Scarce {  // a machine that grants so many threads and no more
  static inline long left = 0;
  std::thread one;
  template <class Work> explicit Scarce(Work work) {
    if (left-- <= 0) throw std::system_error(std::make_error_code(std::errc::resource_unavailable_try_again));
    one = std::thread(work);
  }
  Scarce(Scarce&&) = default;
  void join() { one.join(); }
};
TEAM
extern "C" long together(long asked, long granted) {  // how many came, if all of them met and each task was done once; else -1
  Scarce::left = granted;
  Team team(asked);
  std::atomic<long> came{0}, done{0}, wrong{0};
  team.run([&](long) {
    came += 1;
    team.meet();
    if (came != team.members) wrong += 1;
    team.share(0, 100, [&](long k) { done += k; });
    team.meet();
    if (done != 4950) wrong += 1;
  });
  return wrong ? -1 : long(came);
}
"""


@pytest.mark.parametrize("granted", [0, 1, 2, 7])
def test_without_openmp_a_team_makes_do_with_the_threads_that_there_are(kernels, granted):
    made = compiler.source("team.h").replace("std::thread", "Scarce")
    heads = "".join(f"{line}\n" for line in made.splitlines() if line.startswith("#include"))
    library = compiler.library(heads + TEAM.replace("TEAM\n", made))
    library.together.restype = ctypes.c_long
    assert library.together(ctypes.c_long(8), ctypes.c_long(granted)) == granted + 1
