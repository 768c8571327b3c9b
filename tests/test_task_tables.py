"""The tables of docs/reference/tasks.md hold every task with its arguments, and every published figure with its mark."""

import re

import pytest

import suite
from suite.launch import tables
from suite.tasks import TASKS
from suite.tasks.published import CONFIDENCE, published


def rows(text):
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines()]


def test_every_task_has_a_whole_row():
    heads, rule, *found = rows(tables.tasks())
    assert [row[0].strip("`") for row in found] == list(TASKS)
    assert {len(row) for row in (heads, rule, *found)} == {9}
    for row in found:
        assert all(row[k] for k in (0, 2, 3, 4, 5, 6, 7, 8)), row


@pytest.mark.parametrize("name", TASKS)
def test_the_arguments_of_a_row_make_the_task(name):
    assert suite.task(f"{name}({tables.arguments(name).replace('`', '')})").name == suite.task(name).name


def test_every_figure_stands_there_with_its_mark():
    _, _, *found = rows(tables.figures())
    assert len(found) == len(published())
    assert all(row[-1] in CONFIDENCE and row[-2] for row in found)
    assert all(mark in tables.marks() for mark in CONFIDENCE)


def test_the_page_asks_for_the_tables(root):
    page = (root / "docs" / "reference" / "tasks.md").read_text(encoding="utf-8")
    assert all(page.count(mark) == 1 for mark in ("{{tasks}}", "{{figures}}", "{{marks}}"))
