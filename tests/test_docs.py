"""Every block of the documentation runs, or names nothing that is not there: commands, options, experiments, cells, tasks, sessions, files."""

import ast
import json
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

import suite
from suite import catalogue
from suite.cells import CELLS
from suite.cli import commands
from suite.engines import ENGINES
from suite.experiments import EXPERIMENTS
from suite.launch import tables
from suite.launch.describe import cited
from suite.runs.schema import FILE

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PAGES = [page for page in PAGES if "_build" not in page.parts]
NAMES = [page.relative_to(ROOT).as_posix() for page in PAGES]
FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.DOTALL | re.MULTILINE)
KNOWN = {"", "console", "python", "toml", "yaml", "sql", "diff"}  # and what begins with a brace is a directive
QUICK = ("list", "cite", "schema")  # commands that are run, not only read

CONTEXT = click.Context(commands)
COMMANDS = {name: commands.get_command(CONTEXT, name) for name in commands.list_commands(CONTEXT)}


def blocks(name, kind):
    text = (ROOT / name).read_text(encoding="utf-8")
    return [block[2] for block in FENCE.findall(text) if block[1] == kind]


def typed(text):
    """Every command of ours in a shell block, as words; comments, continuations and what stands before it left out."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"&&|\|| -- (?=carrousel)", line.partition("  #")[0]):
            words = part.strip().split(" > ")[0]
            words = words[words.index("carrousel ") :] if re.match(r"(kubectl.* -- )?carrousel ", words) else words
            if words.startswith(("carrousel ", "nox ", "pytest ")):
                yield shlex.split(re.sub(r"\$\{?(\w+)\}?", "1", words).replace("HOST:PORT", "10.0.0.1:6379"))


def shown():
    """(page, words) of every command in a block, or in an indented block of the README."""
    for name in NAMES:
        prompted = "\n".join(blocks(name, "console"))
        found = "\n".join([*blocks(name, ""), re.sub(r"^[$>] ?", "", prompted, flags=re.MULTILINE)])
        if name in ("README.md", "CONTRIBUTING.md"):
            found += "\n" + "\n".join(line[4:] for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if line.startswith("    "))
        for words in typed(found):
            yield name, words


SHOWN = sorted({(name, tuple(words)) for name, words in shown()})
SESSIONS = {node.name for node in ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef) and node.decorator_list}


@pytest.mark.parametrize("name", NAMES)
def test_blocks_say_what_they_are(name):
    kinds = {block[1] for block in FENCE.findall((ROOT / name).read_text(encoding="utf-8"))}
    assert {kind for kind in kinds if not kind.startswith("{")} <= KNOWN


@pytest.mark.parametrize("name", NAMES)
def test_python_without_a_prompt_runs_too(name):
    for text in blocks(name, "python"):
        if ">>>" not in text:
            exec(compile(text, name, "exec"), {"torch": __import__("torch"), "suite": suite, "__name__": "shown"})


@pytest.mark.parametrize("name", NAMES)
def test_yaml_can_be_read(name):
    assert all(yaml.safe_load(text) for text in blocks(name, "yaml"))


@pytest.mark.parametrize(("name", "words"), SHOWN, ids=lambda value: " ".join(value)[:60] if isinstance(value, tuple) else value)
def test_a_command_is_one_that_there_is(name, words):
    program, *rest = words
    if program == "nox":
        asked = rest[rest.index("-s") + 1 :]
        assert set(asked[: asked.index("--") if "--" in asked else None]) <= SESSIONS
    elif program == "pytest":
        assert all((ROOT / word.partition("::")[0]).exists() for word in rest if "/" in word)
    else:
        proved(rest)


def proved(words):
    """Parsed by the program itself; what it names is there, unless it is the reader's own."""
    head, *arguments = [word for word in words if word != "…"]
    if head in ("COMMAND", "--help"):
        return
    command = COMMANDS[head]
    given = command.make_context(head, arguments).params
    assert given.get("experiment") is None or own(given["experiment"]) or given["experiment"] in EXPERIMENTS
    for cell in given.get("cells") or ():
        assert own(cell) or catalogue.cell(cell, 8)
    for task in given.get("tasks") or ():
        assert own(task) or suite.task(task)
    for engine in filter(None, (given.get("engine"), *(given.get("engines") or ()))):
        assert engine in ENGINES
    for key in given.get("keys") or ():
        assert cited(key)


def own(name):
    return ":" in name or name.endswith(".toml") or name.isupper()


@pytest.mark.parametrize("words", sorted({words for _, words in SHOWN if words[0] == "carrousel" and words[1] in QUICK}), ids=" ".join)
def test_quick_commands_run(words):
    from click.testing import CliRunner

    done = CliRunner().invoke(commands, words[1:], standalone_mode=False)
    assert not done.exception, done.exception
    assert done.output


def test_something_that_is_not_there_is_seen():
    for words in (["run", "quik"], ["run", "quick", "--cell", "lstmm"], ["run", "quick", "--sedes", "3"], ["check"], ["cite", "nobody1999"]):
        with pytest.raises((AssertionError, ValueError, click.UsageError)):
            proved(words)
    with pytest.raises(KeyError):
        proved(["rnu", "quick"])


def test_every_command_and_option_is_told():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for name, command in COMMANDS.items():
        assert f"carrousel {name}" in text, name
        options = [(*parameter.opts, *parameter.secondary_opts) for parameter in command.params if isinstance(parameter, click.Option)]
        missing = [names for names in options if not any(option in text for option in names if option.startswith("--"))]
        assert not missing, f"carrousel {name}: {missing}"


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_to_something(name):
    text = FENCE.sub("", (ROOT / name).read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if not target.startswith(("http", "#", "mailto")):
            assert ((ROOT / name).parent / target.partition("#")[0]).exists(), target


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_tables_are_whole():
    assert [row.split("`")[1] for row in tables.engines().splitlines()[2:]] == list(ENGINES)
    assert [row.split("`")[1] for row in tables.experiments().splitlines()[2:]] == list(EXPERIMENTS)
    assert [row.split("`")[1] for row in tables.cells().splitlines()[2:]] == list(CELLS)
    statuses = [row.split(" | ")[0].strip("| ") for row in tables.statuses().splitlines()[2:]]
    assert {"0", "1", "2", "130"} <= set(statuses)
    schema = json.loads(FILE.read_text(encoding="utf-8"))
    assert tables.records().count("| `") == sum(len(part.get("properties", {})) for part in (schema, *schema["$defs"].values()))


def test_a_release_compiles_every_fragment_once(tmp_path):
    import importlib.util

    spec = importlib.util.spec_from_file_location("changes", ROOT / "docs" / "changes.py")
    changes = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(changes)
    (tmp_path / "b.md").write_text("Fixed b,\nas it was.\n")
    (tmp_path / "a.md").write_text("Added a.\n")
    bullets = changes.unreleased(tmp_path)
    assert bullets == "- Added a.\n- Fixed b,\n  as it was.\n"
    first = changes.released(f"# Changelog\n\n{changes.MARK}", "0.1.0", "2026-01-02", bullets)
    second = changes.released(first, "0.2.0", "2026-02-03", "- Changed c.\n")
    assert [line for line in second.splitlines() if line.startswith("## ")] == ["## 0.2.0 (2026-02-03)", "## 0.1.0 (2026-01-02)"]
    assert second.count("- Added a.") == 1
    for old, version, changed in ((second, "0.2.0", bullets), (second, "0.3.0", ""), ("# Changelog\n", "0.3.0", bullets)):
        with pytest.raises(ValueError, match=r"CHANGELOG|changelog"):
            changes.released(old, version, "2026-03-04", changed)
    assert (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").count(changes.MARK) == 1


def test_the_citation_is_that_of_the_package():
    about = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(about)
    assert about["version"] == suite.__version__
    assert about["license"] in (ROOT / "LICENSE").read_text(encoding="utf-8")
