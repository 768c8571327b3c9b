"""The workflows call nox sessions that exist, and nothing that could not run at home."""

import ast
import re

import pytest

FILES = ("tests", "regress", "nightly")


@pytest.fixture(scope="module")
def sessions(root):
    tree = ast.parse((root / "noxfile.py").read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and any("session" in ast.unparse(each) for each in node.decorator_list)}


@pytest.mark.parametrize("name", FILES)
def test_every_session_named_exists(root, sessions, name):
    text = (root / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
    named = set(re.findall(r"nox -s ([a-z]+)", text)) | {each.strip() for group in re.findall(r"session: \[(.*)\]", text) for each in group.split(",")}

    assert named
    assert named - {"publish"} <= sessions
    assert "permissions:\n  contents: read" in text
    assert "secrets." not in text


def test_history_sees_the_whole_history(root):
    for name in ("regress", "nightly"):
        assert "fetch-depth: 0" in (root / ".github" / "workflows" / f"{name}.yml").read_text(encoding="utf-8")
