"""How float32 is multiplied on CUDA: one way for everything that is compared, put back as it was said, and written down."""

import contextlib
import itertools
import threading
from functools import partial

import pytest
import torch

from suite import catalogue
from suite.engines import ENGINES, Engine, hoisted, precision
from suite.runs import SpeedSpec
from suite.training import speed
from suite.training.agreement import difference

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SPEC = SpeedSpec(cell="gru", units=4, length=3, batch=2, inputs=2, repeats=1)


@pytest.fixture
def settings():
    """The precision that PyTorch multiplies with on CUDA, as each level says it."""
    before = [precision.own(precision.MATMUL[level:]) for level in range(3)]
    yield precision.MATMUL
    for level, value in zip(precision.MATMUL, before, strict=True):
        level.fp32_precision = value


HALF = (torch.bfloat16, CUDA)


@pytest.mark.parametrize("said", list(itertools.product(["none", "ieee", "tf32"], repeat=3)))
def test_products_of_halves_leave_the_setting_as_it_was(settings, said):
    def shown():
        for level, value in zip(settings, said, strict=True):
            level.fp32_precision = value
        if changed:
            with precision.exact(*HALF):
                assert settings[0].fp32_precision == "tf32"
        found = [level.fp32_precision for level in settings]
        for level in (2, 1):  # what follows another level shows when that changes
            for value in ("ieee", "tf32", "none"):
                settings[level].fp32_precision = value
                found += [each.fp32_precision for each in settings]
        return found

    changed = False
    expected = shown()
    changed = True
    assert shown() == expected


def test_products_of_halves_keep_their_setting_while_another_thread_ends(settings):
    entered, leave, seen = threading.Event(), threading.Event(), []
    settings[0].fp32_precision = "ieee"

    def other():
        with precision.exact(*HALF):
            entered.set()
            leave.wait(10)
            seen.append(settings[0].fp32_precision)

    thread = threading.Thread(target=other)
    with precision.exact(*HALF):
        thread.start()
        assert not entered.wait(0.1)
    assert entered.wait(10)
    leave.set()
    thread.join()
    assert seen == ["tf32"]
    assert settings[0].fp32_precision == "ieee"


# everything that is compared

KINDS = (precision.MATMUL, precision.RNN)


def shown():
    return [kind.fp32_precision for kind, *_ in KINDS]


@pytest.fixture
def kinds(settings):
    """The settings of products and of cuDNN's recurrent layers, and above them that of all, each as it is when a program begins, or put back so."""
    before = torch.backends.cudnn.rnn.fp32_precision if precision.own(precision.RNN) != "none" else None
    yield settings
    if before or precision.own(precision.RNN) != "none":
        torch.backends.cudnn.rnn.fp32_precision = before or "tf32"


def test_cudnn_computes_in_another_way_than_products_unless_it_is_told():
    if shown() != ["none", "tf32"]:
        pytest.skip("this PyTorch has other defaults, or they have been changed")
    with precision.alike():
        assert shown() == ["ieee", "ieee"]
        assert (torch.backends.cuda.matmul.allow_tf32, torch.get_float32_matmul_precision()) == (False, "highest")  # the compiler asks so
    assert shown() == ["none", "tf32"]
    assert torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("said", list(itertools.product(["none", "ieee", "tf32"], repeat=4)))
def test_what_was_said_is_put_back_whatever_happens_meanwhile(kinds, said):
    levels = (torch.backends.cuda.matmul, torch.backends.cudnn.rnn, torch.backends.cudnn, torch.backends)

    def found():
        for level, value in zip(levels, said, strict=True):
            level.fp32_precision = value
        if changed:
            with contextlib.suppress(KeyError), precision.alike():
                assert shown() == ["ieee", "ieee"]
                raise KeyError
        values = [level.fp32_precision for level in levels]
        for level in levels[:1:-1]:  # what follows another level shows when that changes
            for value in ("ieee", "tf32", "none"):
                level.fp32_precision = value
                values += [each.fp32_precision for each in levels]
        return values

    changed = False
    expected = found()
    changed = True
    assert found() == expected


def test_a_timing_and_a_comparison_are_made_in_one_way(kinds, monkeypatch):
    seen = []

    def looking(*given):
        seen.append(shown())
        return hoisted.unroll(*given)

    monkeypatch.setitem(ENGINES, "looking", Engine("looking", looking))
    spec, before = SPEC.model_copy(update={"engine": "looking"}), shown()
    for work in (partial(speed.times, [spec]), partial(speed.peak, spec), partial(difference, catalogue.cell("gru", 4), ENGINES["looking"], 2, CPU)):
        work()
        assert seen
        assert all(each == ["ieee", "ieee"] for each in seen)
        assert shown() == before
        seen.clear()


@pytest.mark.parametrize("way", ["ieee", "tf32"])
def test_the_record_says_how_it_was_multiplied(kinds, way):
    for name, engine in ENGINES.items():
        with precision.alike(way):
            assert engine.instructions(torch.float32, CUDA) == ("" if name == "flashrnn" else way)
            assert engine.instructions(torch.float32, CPU) == engine.instructions(torch.float64, CUDA) == ""
    precision.MATMUL[0].fp32_precision, precision.RNN[0].fp32_precision = "ieee", "tf32"
    assert [ENGINES[name].instructions(torch.float32, CUDA) for name in ("hoisted", "scan", "vendor")] == ["ieee", "ieee", "tf32"]


def test_the_layers_of_torch_say_it_too(kinds, monkeypatch):
    found = {"torch.nn.LSTM step": [[1.0, 2.0]], "torch.nn.LSTM forward": [[0.5]], "torch.nn.GRU step": [[1.0, 2.0]], "torch.nn.GRU forward": [[0.5]], "0 step": [[0.5, 1.0]], "0 forward": [[1.0]]}
    for device, told in (("cuda", "ieee"), ("cpu", "")):
        with precision.alike():
            costs = speed.costs("0", SPEC.model_copy(update={"device": device}), catalogue.cell("gru", 4), found, {}, speed.Gate({}, None))
        assert [ratio.instructions for ratio in costs.ratios] == [told, told]
        assert costs.instructions == told


def test_two_comparisons_at_once_wait_for_each_other():
    seen, before = [], [kind.fp32_precision for kind in (precision.MATMUL[0], precision.RNN[0])]

    def other():
        with precision.alike():
            seen.append([kind.fp32_precision for kind in (precision.MATMUL[0], precision.RNN[0])])

    with precision.alike():
        with precision.alike():  # one in another, of one thread, goes on
            thread = threading.Thread(target=other)
            thread.start()
        thread.join(0.2)
        assert seen == []
    thread.join(10)
    assert seen == [["ieee", "ieee"]]
    assert [kind.fp32_precision for kind in (precision.MATMUL[0], precision.RNN[0])] == before
