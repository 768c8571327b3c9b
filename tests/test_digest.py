"""The digest of a cell changes with its table and its equations, and with nothing else."""

import importlib.util
from dataclasses import replace

import pytest

from suite.cells import ALIASES, CELLS, digest
from suite.cells.digest import Fixed

SOURCE = '''"""A module."""
from dataclasses import dataclass
from torch import sigmoid, tanh
from suite.cells import Cell

GAIN = 2.0


def squash(value):
    return tanh(value)


@dataclass(frozen=True)
class Family:
    name: str
    bounded: bool = True
    paper: str = "someone2020"

    def gate(self, pre):
        return sigmoid(pre)

    def step(self, a, s, p):
        """The equation."""
        i = self.gate(a.i)
        new = squash(a.n) if self.bounded else a.n
        return s._replace(h=i * s.h + GAIN * (1 - i) * new)

    def __call__(self, units):
        rows = {"i": "x h b", "n": "x h b"}
        return Cell(self.name, ((rows, self.step),), {"h": units}, paper=self.paper)


cell = Family("own")
'''


@pytest.fixture
def digested(tmp_path):
    """`digested(old, new)`: the digest of the cell above with a piece of its source replaced."""
    made = []

    def changed(old="", new="", units=4):
        assert old in SOURCE
        path = tmp_path / f"own{len(made)}.py"
        path.write_text(SOURCE.replace(old, new) if old else SOURCE)
        spec = importlib.util.spec_from_file_location("own", path)
        module = importlib.util.module_from_spec(spec)
        made.append(module)
        spec.loader.exec_module(module)
        return digest(module.cell(units))

    return changed


@pytest.mark.parametrize(("old", "new"), [
    ('        """The equation."""\n', ""),
    ('"""The equation."""', '"""Another text."""'),
    ("        i = self.gate(a.i)\n", "        # the gate\n        i = self.gate(a.i)  # opens\n\n"),
    ("i * s.h + GAIN * (1 - i) * new", "\n            i * s.h\n            + GAIN * (1 - i) * new\n        "),
    ("i * s.h", "i*s.h"),
    ('"someone2020"', '"someone2021"'),
    ('Family("own")', 'Family("renamed")'),
    ('"""A module."""', '"""Another."""'),
    ("from torch import sigmoid, tanh", "import torch\nfrom torch import sigmoid, tanh"),
], ids=["no docstring", "docstring", "comments", "lines", "spaces", "citation", "name", "module", "imports"])
def test_layout_does_not_count(digested, old, new):
    assert digested(old, new) == digested()


@pytest.mark.parametrize(("old", "new"), [
    ('"i": "x h b"', '"i": "x b"'),
    ('"i": "x h b"', '"i": "h x b"'),
    ('"n": "x h b"}', '"n": "x h b", "m": "b"}'),
    ('{"h": units}', '{"h": units, "c": units}'),
    ("paper=self.paper)", 'start={"h": 1.0})'),
    ("paper=self.paper)", 'truncated=("h",))'),
    ("(1 - i) * new", "(1 + i) * new"),
    ("return tanh(value)", "return sigmoid(value)"),
    ("return sigmoid(pre)", "return sigmoid(2 * pre)"),
    ("GAIN = 2.0", "GAIN = 3.0"),
    ("bounded: bool = True", "bounded: bool = False"),
], ids=["table", "order", "row", "state", "start", "truncated", "equation", "helper", "method", "constant", "ablation"])
def test_table_and_equations_count(digested, old, new):
    assert digested(old, new) != digested()


def test_width_does_not_count_and_proportions_do(digested):
    assert digested(units=4) == digested(units=40)
    wide = CELLS["lstm"](8)
    assert digest(wide) == digest(CELLS["lstm"](9))
    assert digest(wide) != digest(replace(wide, extra={"p": 4}))
    assert digest(replace(wide, extra={"p": 4})) != digest(replace(wide, extra={"p": 8}))


def test_a_fixed_width_counts_as_it_is():
    def one(units, width):
        return digest(replace(CELLS["lstm"](units), extra={"p": width}))

    assert one(1, Fixed(1)) == one(4, Fixed(1)) == one(8, Fixed(1))
    assert len({one(4, width) for width in (1, Fixed(1), Fixed(2), 8, Fixed(8))}) == 5


def test_every_cell_has_a_digest_of_its_own():
    found = {name: digest(CELLS[name](4)) for name in CELLS if name not in ALIASES}
    assert len(set(found.values())) == len(found)
    assert all(digest(CELLS[name](5)) == value for name, value in found.items())
