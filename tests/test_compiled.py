"""The loop in chunks: right whatever the length, recorded once for a shape, refused in words. The compiler itself is tried on one cell."""

import pytest
import torch

from suite.cells import CELLS, Cell
from suite.engines import ENGINES, Refused, compiled, compiler, unroll
from suite.training.agreement import difference
from suite.training.check import inputs_of

CPU = torch.device("cpu")
COMPILED = ENGINES["compiled"]


@pytest.fixture
def plain(monkeypatch):
    """Chunks of three steps, recorded and not compiled; how many were recorded."""
    count = []
    monkeypatch.setattr(compiled, "STEPS", 3)
    monkeypatch.setattr(compiled, "_chunks", {})
    monkeypatch.setattr(compiled, "built", lambda graph: count.append(graph) or graph)
    return count


def results(cell, engine, length, mask=None, noise=None):
    generator = torch.Generator().manual_seed(length)

    def draw(*shape):
        return (torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5).requires_grad_()

    params = {name: draw(2, *shape) for name, shape in cell.shapes(inputs_of(cell)).items()}
    x = draw(length, 1, 2, inputs_of(cell))
    y, last = unroll(cell, params, x, engine=engine, mask=mask, noise=noise)
    loss = sum((value.sin() * k).sum() for k, value in enumerate((y, *last.values()), start=1))
    return [y.detach(), *(value.detach() for value in last.values()), *torch.autograd.grad(loss, [*params.values(), x], materialize_grads=True)]


def close(ours, theirs):
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["lstm-peephole", "lstm97", "gru", "gru-cho", "lstm-fgr", "min-lstm"])
def test_chunks_equal_the_reference(plain, name):
    cell = CELLS[name](4)
    assert difference(cell, COMPILED, inputs_of(cell), CPU) <= 1e-10
    assert len(plain) == 1


def test_one_chunk_serves_every_length_and_mask(plain):
    cell = CELLS["gru"](3)
    for length in (1, 2, 3, 4, 7):
        mask = torch.arange(length)[:, None, None] < torch.tensor([[length, 1]])
        for given in (None, mask):
            close(results(cell, COMPILED, length, given), results(cell, ENGINES["reference"], length, given))
    assert len(plain) == 1


def test_noise_and_the_raw_input_are_cut_into_chunks_too(plain):
    def step(a, s, p):
        return s._replace(h=torch.tanh(a.a * a.noise) + a.raw)

    cell = Cell("noisy", (({"a": "x h b", "noise": "=noise", "raw": "=x"}, step),), {"h": 3})
    for shape in ((5, 1, 2, 3), (1, 1, 2, 3)):
        noise = {"noise": torch.rand(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)}
        close(results(cell, COMPILED, 5, noise=noise), results(cell, ENGINES["reference"], 5, noise=noise))


def test_an_equation_that_looks_at_values_is_refused_in_words(plain):
    cell = Cell("looks", (({"a": "x h b"}, lambda a, s, p: s._replace(h=a.a if a.a.sum() > 0 else -a.a)),), {"h": 3})
    with pytest.raises(Refused, match="engine 'compiled' cannot compile 'looks': "):
        results(cell, COMPILED, 2)


def failing(error, calls=0):
    """In place of a compiler: chunks that run so many times and then raise."""
    left = [calls]

    def built(graph):
        def run(*given):
            left[0] -= 1
            if left[0] < 0:
                raise error
            return graph(*given)

        return run

    return built


def of_the_compiler(text):
    from torch._inductor.exc import CppCompileError

    return CppCompileError(["c++"], text)


def test_what_the_compiler_says_is_the_refusal(plain, monkeypatch):
    monkeypatch.setattr(compiled, "built", failing(of_the_compiler("no\n such header")))
    with pytest.raises(Refused, match=r"engine 'compiled' cannot run 'gru': .*no such header") as raised:
        results(CELLS["gru"](3), COMPILED, 2)
    assert "no\n such header" in str(raised.value.__cause__)


@pytest.mark.parametrize(("error", "calls"), [(RuntimeError("CUDA error: an illegal memory access"), 0), (RuntimeError("shapes"), 1), (of_the_compiler("late"), 1), (torch.OutOfMemoryError("full"), 0)])
def test_an_error_of_a_call_that_runs_is_no_refusal(plain, monkeypatch, error, calls):
    monkeypatch.setattr(compiled, "built", failing(error, calls))
    with pytest.raises(type(error)) as raised:
        results(CELLS["gru"](3), COMPILED, 5)
    assert raised.value is error


def test_chunks_used_longest_ago_are_given_up(plain, monkeypatch):
    monkeypatch.setattr(compiled, "KEPT", 2)
    cells = [CELLS["gru"](units) for units in (2, 3, 4)]
    for cell in (cells[0], cells[1], cells[0], cells[2], cells[0]):
        results(cell, COMPILED, 2)
    assert [key[0] for key in compiled._chunks] == [cells[2], cells[0]]
    assert len(plain) == 3


def test_steps_past_the_end_leave_gradients_finite(plain):
    cell = Cell("quotient", (({"a": "x h b", "n": "=noise"}, lambda a, s, p: s._replace(h=torch.tanh(a.a / a.n))),), {"h": 3})
    for length in (2, 4, 6):
        noise = {"n": torch.rand((length, 1, 2, 3), generator=torch.Generator().manual_seed(1), dtype=torch.float64) + 0.5}
        found = results(cell, COMPILED, length, noise=noise)
        assert all(value.isfinite().all() for value in found)
        close(found, results(cell, ENGINES["reference"], length, noise=noise))


def test_without_a_compiler_or_triton_it_refuses(monkeypatch):
    monkeypatch.setattr(compiler, "works", lambda: (_ for _ in ()).throw(Refused("there is none")))
    assert COMPILED.refuses(CELLS["gru"](3), CPU) == "engine 'compiled' cannot run 'gru': PyTorch's compiler needs a C++ compiler; there is none"
    monkeypatch.setattr(compiled.importlib.util, "find_spec", lambda name: None)
    assert "needs Triton, which is not installed" in COMPILED.refuses(CELLS["gru"](3), torch.device("cuda"))


def test_it_is_neither_chosen_nor_timed_unless_named():
    from suite.engines import BEST, BEST_ON, UNTIMED

    assert "compiled" not in {*BEST, *(name for names in BEST_ON.values() for name in names)}
    assert "compiled" in UNTIMED
    assert COMPILED.by_name
    assert COMPILED.prepare is not ENGINES["hoisted"].prepare


@pytest.mark.filterwarnings("ignore")  # of PyTorch's compiler, which may go on in the reverse
def test_the_compiler_gives_the_same(monkeypatch):
    if COMPILED.refuses(CELLS["rnn"](3), CPU):
        pytest.skip("PyTorch's compiler needs a C++ compiler")
    monkeypatch.setattr(compiled, "STEPS", 2)
    close(results(CELLS["rnn"](3), COMPILED, 3), results(CELLS["rnn"](3), ENGINES["reference"], 3))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", CELLS)
def test_every_cell_compiled_equals_the_reference(name, monkeypatch):
    monkeypatch.setattr(compiled, "STEPS", 4)
    cell = CELLS[name](5)
    assert difference(cell, COMPILED, inputs_of(cell), CPU) <= 1e-10
