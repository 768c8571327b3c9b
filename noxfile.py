"""What contributors, CI and users run. `nox -s bench` is the main job, `nox -s tests` proves the installation."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.default_venv_backend = "virtualenv"  # uv does not see a local build of torch
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["lint", "types", "tests"]

PROJECT = nox.project.load_toml("pyproject.toml")
PINNED = ("-c", "constraints.txt")
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def group(name: str) -> list[str]:
    """A dependency group of pyproject.toml."""
    return nox.project.dependency_groups(PROJECT, name)


def install(session: nox.Session, *groups: str) -> None:
    """Torch first, at its pin, so that nothing else draws in another build; then the package and its groups."""
    session.install("torch", *PINNED)
    session.install("-e", ".", *(requirement for name in groups for requirement in group(name)), *PINNED)


def carried_out(session: nox.Session, module: str) -> None:
    """Run a module whose exit status means something: nox would make 1 of every failure."""
    python = Path(session.bin, "python") if session.bin_paths else sys.executable
    status = subprocess.run([str(python), "-m", module, *session.posargs], env=os.environ | ONE_THREAD, check=False).returncode  # noqa: S603
    if status:
        sys.exit(status)


@nox.session
def bench(session: nox.Session) -> None:
    """The main job: train, time, write the page, print its path. Arguments go to `carrousel run`."""
    install(session)
    session.run("carrousel", "run", *(session.posargs or ["quick"]))


@nox.session
def tests(session: nox.Session) -> None:
    """The tests, doctests and documentation examples, two workers with one thread each."""
    install(session, "test", "docs")
    workers = str(min(os.cpu_count() or 1, 4))
    session.run("pytest", "-q", "-n", workers, "--dist", "worksteal", *session.posargs, env=ONE_THREAD)


@nox.session
def exhaustive(session: nox.Session) -> None:
    """The long forms of the tests, and the one that needs another implementation to compare with."""
    install(session, "test", "exhaustive")
    session.run("pytest", "-q", "-m", "exhaustive", *session.posargs, env=ONE_THREAD)
    session.run("pytest", "-q", "tests/test_importance.py", env=ONE_THREAD)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff and typos."""
    session.install(*group("lint"), *PINNED)
    session.run("ruff", "check", ".")
    session.run("typos")


@nox.session
def types(session: nox.Session) -> None:
    """Strict mypy over the package."""
    install(session, "types")
    session.run("mypy")


@nox.session
def report(session: nox.Session) -> None:
    """Draw the published sites again, and fail if what they show differs from what is committed."""
    install(session)
    for folder in sorted(Path("reports/published").glob("*/catalogue.json")):
        session.run("carrousel", "report", str(folder.parent), "--no-downloads", "--assets", "../assets", silent=True)
    if session.run("git", "status", "--porcelain", "--untracked-files=all", "--", "reports/published", external=True, silent=True):  # `git diff` sees no new page
        session.run("git", "status", "--short", "--untracked-files=all", "--", "reports/published", external=True)
        session.error("published sites differ from what is committed: look at them, and commit what is right")


@nox.session
def publish(session: nox.Session) -> None:
    """Everything a group puts on a server, in one folder: the published sites with all downloads, the documentation, asv's pages if there are any. `-- FOLDER` says where."""
    install(session, "docs", "asv")
    out = Path(session.posargs[0] if session.posargs else "reports/local/public").resolve()
    history = ["--history", ".asv/results"] if Path(".asv/results").is_dir() else []
    folders = sorted(path.parent for path in Path("reports/published").glob("*/catalogue.json"))
    for folder in folders:
        session.run("carrousel", "report", str(folder), "--out", str(out / folder.name), "--assets", "../assets", *history)
    session.run("sphinx-build", "-W", "-q", "-b", "html", "docs", str(out / "docs"))
    asv = Path(".asv/html")
    if asv.is_dir():
        shutil.copytree(asv, out / "asv", dirs_exist_ok=True)
    session.run("python", "-m", "suite.report.front", str(out))
    session.log(f"site: {out / 'index.html'}")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, warnings as errors, into docs/_build."""
    install(session, "docs")
    session.run("sphinx-build", "-W", "-q", "-b", "html", "docs", "docs/_build/html")
    session.log(f"docs: {Path('docs/_build/html/index.html').resolve()}")


@nox.session(venv_backend="none")
def changelog(session: nox.Session) -> None:
    """Print what the next release holds; `-- VERSION` writes it into CHANGELOG.md and removes the fragments."""
    session.run(sys.executable, "docs/changes.py", *session.posargs, external=True)


@nox.session
def speed(session: nox.Session) -> None:
    """Is A faster than B here and now? pytest-benchmark, one thread, kept under .benchmarks by machine."""
    install(session, "test")
    storage = f"--benchmark-storage=file://.benchmarks/{platform.machine()}-{os.cpu_count()}"
    session.run("pytest", "tests/speed", "-q", "-s", "--benchmark-enable", "--benchmark-only", storage, *session.posargs, env=ONE_THREAD)


@nox.session
def regress(session: nox.Session) -> None:
    """Has it become slower, bigger or less accurate than at the merge base? `-- A B` compares two commits; status 1 for a regression, 3 where the data cannot tell."""
    install(session)
    carried_out(session, "suite.regress")


@nox.session
def history(session: nox.Session) -> None:
    """Benchmarks over commits with asv: `-- HEAD~8..HEAD` measures them, says which commit made which step, and writes asv's pages to .asv/html."""
    install(session, "asv")
    carried_out(session, "suite.regress.history")


@nox.session
def constraints(session: nox.Session) -> None:
    """Write constraints.txt again: every dependency at the version that was tried, no host and no hash."""
    session.install("pip-tools")
    Path(session.create_tmp(), "all.in").write_text("\n".join(r for name in PROJECT["dependency-groups"] for r in group(name)) + "\ntorch==2.13.0\n")
    session.run(
        "pip-compile", "--quiet", "--strip-extras", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links", "--no-emit-options",
        "-o", "constraints.txt", "pyproject.toml", str(Path(session.create_tmp(), "all.in")),
    )  # fmt: skip
    lines = Path("constraints.txt").read_text().splitlines()  # a local build's tag is nothing that others can install
    Path("constraints.txt").write_text("".join(f"{line.partition('+')[0]}\n" for line in lines))
