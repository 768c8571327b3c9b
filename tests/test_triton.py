"""Emitted Triton: its text holds what the tape decided; in Triton's interpreter it equals the reference; a compiler takes it.

Where there is a GPU the same tests run on it, and not in the interpreter.
"""

import ast
import builtins
import copy
import importlib.util
import itertools
import os
import subprocess
import sys
import warnings

import pytest
import torch

from suite.cells import CELLS, Cell
from suite.engines import ENGINES, Refused, device_plan, precision, scan, scan_cuda, triton_source, unroll
from suite.engines.columns import columns
from suite.engines.expressions import translated
from suite.engines.operations import POINTWISE, POWERS
from suite.engines.tape import Kind
from suite.engines.triton_sequences import fits
from suite.training.agreement import TOLERANCE, difference
from suite.training.check import inputs_of, made

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "cpu")
F64, F32, F16, BF16 = torch.float64, torch.float32, torch.float16, torch.bfloat16
SCAN, REFERENCE = ENGINES["scan"], ENGINES["reference"]
TRITON = pytest.mark.skipif(importlib.util.find_spec("triton") is None, reason="Triton is not installed: `pip install triton`")


@pytest.fixture
def device(monkeypatch):
    """Where `scan` runs its generated Triton: a GPU, or the interpreter on CPU tensors."""
    if not GPU:
        from triton.runtime import interpreter

        class Numbers(type):
            def __call__(cls, value=0, *rest):
                return value.item() if hasattr(value, "item") else builtins.int(value, *rest)

            def __instancecheck__(cls, value):
                return isinstance(value, builtins.int)

        # Triton 3.6 makes a number of an array of one element, which NumPy does no more
        monkeypatch.setattr(interpreter, "int", Numbers("int", (), {}), raising=False)
        monkeypatch.setitem(scan.LOOPS, "cpu", scan.LOOPS["cuda"])
    return DEVICE


def planned(cell):
    return scan_cuda.planned(scan.taped(cell), cell.takes or 3, F64)


def counted(kernel):
    """Loads and stores of a kernel outside its branches for masks and halves, by buffer."""
    found = {"load": [], "store": []}

    def walk(node):
        if isinstance(node, ast.If):
            return
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in found:
            found[node.func.attr].append(next(name.id for name in ast.walk(node.args[0]) if isinstance(name, ast.Name) and name.id in kernel.buffers))
        for child in ast.iter_child_nodes(node):
            walk(child)

    walk(ast.parse(kernel.text))
    return {kind: sorted(names) for kind, names in found.items()}


# the text


@pytest.mark.parametrize("name", CELLS)
def test_kernels_read_and_write_what_the_tape_decided(name):
    cell = made(CELLS[name])
    plan = planned(cell)
    tape, last = plan.tape, len(cell.table) - 1
    for stage, (step, back) in enumerate(zip(plan.steps, plan.backs, strict=True)):
        rows = {tape.graph.inputs["row", row] for row in tape.rows}
        stored = [n for n in tape.slots if tape.made(n) == stage and n not in rows] + [value for value in tape.values if tape.value_stage(value) == stage]
        stores = ["tape"] * len(stored) + [f"s{k}" for k in range(len(cell.state))] * (stage == last)
        assert counted(step)["store"] == sorted(stores)
        derived = [{Kind.D_ROW: f"q{stage}", Kind.D_OLD: "d", Kind.D_EXTRA: "g", Kind.D_X: "dx"}[at[0]] + (str(at[1]) if at[0] in (Kind.D_OLD, Kind.D_EXTRA) else "") for _, at, *_ in tape.reverse_outputs(stage)]
        assert counted(back)["store"] == sorted(derived)
        assert len(set(counted(step)["load"])) <= len(step.buffers)
    if plan.on_chip:
        forwards, backwards = (counted(kernel) for kernel in plan.on_chip)
        tiles = sum(len(product.weights) for product in plan.columns.recurrent)
        assert sum(buffer[0] == "w" for buffer in forwards["load"]) == tiles == plan.on_chip[0].text.count("tl.dot(")
        assert {f"s{k}" for k in range(len(cell.state))} <= set(forwards["store"])
        assert {f"d{k}" for k in range(len(cell.state))} <= set(backwards["store"])


@pytest.mark.parametrize("name", CELLS)
def test_every_name_of_a_kernel_is_known(name):
    known = {"tl", "triton", "range", "float", *(node.name for node in ast.walk(ast.parse(triton_source.PRELUDE.read_text())) if isinstance(node, ast.FunctionDef))}
    for function in ast.parse(planned(made(CELLS[name])).text).body:
        names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
        bound = {node.id for node in names if isinstance(node.ctx, ast.Store)} | {argument.arg for argument in function.args.args}
        assert {node.id for node in names} <= known | bound
        unused = {argument.arg for argument in function.args.args} - {node.id for node in names} - {f"{b}_{axis}" for b in bound for axis in "rtb"}
        assert unused <= {"batch", "count", "HALVED", "MASKED", "H", "T", "ROWS", "COLS", "PRECISION", "t"}


@pytest.mark.parametrize("name", CELLS)
def test_products_of_a_cell_hold_each_weight_once_in_neighbouring_columns(name):
    cell = made(CELLS[name])
    found = columns(cell, inputs_of(cell))
    weights = [name for name in cell.shapes(inputs_of(cell)) if name not in cell.extra and not name.endswith(".b")]
    assert sorted(found.weights) == sorted(weights)
    assert sorted(name for name, *_ in found.biases) == sorted(name for name in cell.shapes(inputs_of(cell)) if name.endswith(".b"))
    for product in found.products:
        assert all(one[1] + one[2] == other[1] for one, other in itertools.pairwise(product.weights))


def test_the_common_cells_take_one_product_a_step():
    assert all(len(columns(CELLS[name](8), 3).recurrent) == 1 for name in ("rnn", "lstm", "lstm-peephole", "lstm-cifg", "gru"))
    assert [product.source for product in columns(CELLS["gru-cho"](8), 3).recurrent] == ["h", "rh"]


@pytest.mark.parametrize("text", [text for forms in (*POINTWISE.values(), tuple(POWERS.values())) for text in forms])
def test_every_operator_translates(text):
    words = dict.fromkeys(("self", "other", "condition", "mask", "grad_output", "output", "self_or_result", "exponent"), "v1")
    words |= dict.fromkeys(("alpha", "beta", "min", "max", "min_val", "max_val", "threshold", "value", "scale", "input_scale", "negative_slope"), "T(0.5)")
    ast.parse(translated(text.format(**words)))


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        ("T(2.0) * v1 + v2 / T(4.0) - -v1", (3.0, 8.0), 11.0),
        ("v1 < T(0) ? T(0.0) : v1 > T(2.0) ? T(2.0) : v1", (1.5, 0.0), 1.5),
        ("v1 < T(0) ? T(0.0) : v1 > T(2.0) ? T(2.0) : v1", (5.0, 0.0), 2.0),
        ("v1 - (v2 - v1)", (1.0, 5.0), -3.0),
        ("v1 != v1 || v1 > v2 ? v1 : v2", (float("nan"), 1.0), float("nan")),
        ("!(v1 > v2) && v1 <= v2 ? T(1.0) : T(0.0)", (1.0, 1.0), 1.0),
    ],
)
def test_an_expression_keeps_its_value(text, values, expected):
    class tl:
        where = staticmethod(lambda condition, one, other: one if condition else other)
        full = staticmethod(lambda shape, value, dtype: value)

    found = eval(translated(text), {"tl": tl, "T": float, "v1": values[0], "v2": values[1]})
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("text", ["v1 +", "v1 v2", "v1 @ v2", "(v1", "v1 ? v2"])
def test_what_is_no_expression_is_an_error(text):
    with pytest.raises(ValueError, match=r"expression|stands where"):
        translated(text)


# refusals


def test_without_triton_the_refusal_says_so(monkeypatch):
    monkeypatch.setattr(triton_source.importlib.util, "find_spec", lambda name: None)
    sentence = SCAN.refuses(CELLS["lstm"](4), torch.device("cuda"))
    assert sentence.startswith("engine 'scan' cannot run 'lstm' on CUDA: Triton is not installed")


def test_an_unknown_dtype_is_refused_by_name():
    with pytest.raises(Refused, match=r"engine 'scan' computes in float32, float64, bfloat16, float16 on CUDA, not in torch\.int8: 'rnn'"):
        scan_cuda.planned(scan.taped(CELLS["rnn"](4)), 3, torch.int8)


@pytest.mark.parametrize(("units", "dtype", "expected"), [(16, F32, (4, 4)), (64, F32, (8, 8)), (65, F32, (0, 0)), (128, BF16, (8, 0)), (129, BF16, (0, 0)), (16, F64, (0, 0))])
def test_the_way_of_an_lstm_follows_from_its_shape(units, dtype, expected):
    plan = planned(CELLS["lstm"](units))
    form = device_plan.Form(4, 1, 2, 3, 1, 0, (), dtype, torch.device("cpu"), True, "ieee")
    assert tuple(plan.warps(form, kernel.name) for kernel in plan.on_chip) == expected


# against the reference

SOME = ("rnn-relu", "lstm-peephole", "lstm-fgr", "lstm97", "gru", "gru-cho", "mut3", "indrnn", "gru-ln", "gf-rnn")


def agrees(cell, device, dtype):
    assert difference(cell, SCAN, inputs_of(cell), device, dtype) <= TOLERANCE[dtype]


@TRITON
@pytest.mark.parametrize("dtype", [F64, F32], ids=str)
@pytest.mark.parametrize("name", SOME)
def test_generated_kernels_equal_the_reference(device, name, dtype):
    agrees(CELLS[name](5), device, dtype)


@TRITON
@pytest.mark.parametrize("name", ["lstm", "gru-cho"])
def test_halves_round_the_operands_of_products_and_nothing_else(device, name, monkeypatch):
    cell = CELLS[name](5)
    assert 1e-5 < difference(cell, SCAN, 3, device, F16) <= 2.0**-8
    if not GPU:
        monkeypatch.setattr(device_plan, "ON_CHIP", ())  # the interpreter multiplies no bfloat16
    scan_cuda.SESSIONS.clear()
    assert 1e-4 < difference(cell, SCAN, 3, device, BF16) <= TOLERANCE[BF16]
    scan_cuda.SESSIONS.clear()


class Case:
    """A cell with parameters, x, states, mask and noise drawn for it."""

    def __init__(self, cell, device, dtype=F64, kind="padded", replicas=2, shared=True, length=5, batch=3):
        generator = torch.Generator().manual_seed(3)

        def draw(*shape):
            return (torch.rand(*shape, generator=generator, dtype=F64) - 0.5).to(device, dtype)

        self.cell, inputs = cell, inputs_of(cell)
        self.params = {name: draw(replicas, *shape).requires_grad_() for name, shape in cell.shapes(inputs).items()}
        self.state = {name: draw(replicas, batch, width).requires_grad_() for name, width in cell.state.items()}
        self.x = draw(length, 1 if shared else replicas, batch, inputs).requires_grad_()
        self.noise = {row.name: draw(length, 1, batch, row.width) for stage in cell.table for row in stage.rows if row.raw == "noise"}
        gaps = draw(length, replicas, batch) < 0.2
        lengths = torch.tensor([length, 1, 3], device=device).repeat(-(-batch // 3))[:batch]
        padded = (torch.arange(length, device=device)[:, None, None] < lengths).expand(length, 1, batch)
        self.mask = {"whole": None, "padded": padded, "gaps": gaps}[kind]

    def forward(self, engine=SCAN):
        return unroll(self.cell, self.params, self.x, self.state, engine=engine, mask=self.mask, noise=self.noise)

    def gradients(self, y, last, **more):
        loss = sum((value * torch.arange(1, value.numel() + 1, device=value.device).view_as(value).sin()).sum() for value in (y, *last.values()))
        return torch.autograd.grad(loss, [*self.params.values(), *self.state.values(), self.x], materialize_grads=True, **more)

    def results(self, engine=SCAN):
        y, last = self.forward(engine)
        return [y.detach(), *(value.detach() for value in last.values()), *self.gradients(y, last)]


def close(ours, theirs, bound=1e-10):
    for one, other in zip(ours, theirs, strict=True):
        assert one.shape == other.shape
        assert (one - other).abs().max() <= bound * other.abs().max().clamp(min=1e-3)


@TRITON
@pytest.mark.parametrize(("dtype", "bound"), [(F64, 1e-10), (F32, 1e-4)], ids=["by steps", "on chip"])
@pytest.mark.parametrize("kind", ["padded", "gaps"])
@pytest.mark.parametrize("name", ["lstm-peephole", "mut3", "lstm(drop=0.5)"])
def test_masks_keep_the_state_and_noise_is_heard(device, name, kind, dtype, bound):
    import suite

    case = Case(suite.cell(name, 4), device, dtype, kind, shared=kind == "padded")
    close(case.results(), case.results(REFERENCE), bound)


def in_doubles(case):
    """The reference in float64 on the very values of a case."""
    exact = copy.copy(case)
    for name in ("params", "state"):
        setattr(exact, name, {key: value.detach().double().requires_grad_() for key, value in getattr(case, name).items()})
    exact.x, exact.noise = case.x.detach().double().requires_grad_(), {key: value.double() for key, value in case.noise.items()}
    return exact.results(REFERENCE)


WAYS = {"forwards": {"forwards": (1, 0), "backwards": (1, 1 << 40)}, "backwards": {"forwards": (1, 1 << 40), "backwards": (1, 0)}}  # what lies on chip: so much memory that one way has, and the other has not


@TRITON
@pytest.mark.parametrize("kind", ["whole", "gaps"])
@pytest.mark.parametrize("dtype", [F32, F16], ids=str)
@pytest.mark.parametrize("on_chip", WAYS)
@pytest.mark.parametrize("name", ["lstm-peephole", "gru-cho"])
def test_one_way_on_chip_and_the_other_by_steps(device, name, on_chip, dtype, kind, monkeypatch):
    monkeypatch.setattr(device_plan, "SHARED", WAYS[on_chip])
    scan_cuda.SESSIONS.clear()
    case = Case(CELLS[name](5), device, dtype, kind)
    form = device_plan.Form(5, 2, 3, 3, 1, 0, (), dtype, device, True, "ieee")
    assert [way for way in WAYS if planned(case.cell).warps(form, way)] == [on_chip]
    close(case.results(), in_doubles(case), TOLERANCE[dtype])
    scan_cuda.SESSIONS.clear()


@TRITON
@pytest.mark.skipif(not GPU, reason="tensor cores of a GPU are what this is about, and there is none")
@pytest.mark.parametrize("batch", [1, 17])
@pytest.mark.parametrize(("dtype", "way"), [(BF16, "ieee"), (F16, "ieee"), (F32, "tf32"), (F32, "ieee")], ids=["bfloat16", "float16", "tf32", "float32"])
@pytest.mark.parametrize("units", [64, 128])
@pytest.mark.parametrize("name", ["lstm", "gru", "rnn", "gru-cho"])
def test_sequences_on_chip_equal_the_reference_at_the_widths_that_they_are_made_for(device, name, units, dtype, way, batch):
    case = Case(CELLS[name](units), device, dtype, "whole", batch=batch)
    form = device_plan.Form(5, 2, batch, 3, 1, 0, (), dtype, device, True, way)
    if torch.cuda.get_device_capability(device) >= (9, 0) and (units == 64 or dtype in precision.HALVES):
        assert planned(case.cell).warps(form, "forwards")
    with precision.alike(way):
        for _ in range(2):  # recorded, and replayed
            close(case.results(), in_doubles(case), TOLERANCE[F16] if way == "tf32" else TOLERANCE[dtype])  # TF32 has the digits of float16


@TRITON
@pytest.mark.parametrize("dtype", [F64, F32], ids=["by steps", "on chip"])
def test_two_passes_before_either_is_derived_do_not_meet(device, dtype):
    one, other = Case(CELLS["gru"](4), device, dtype, "whole"), Case(CELLS["gru"](4), device, dtype, "whole")
    with torch.no_grad():
        other.x += 1.0
    alone = [case.results() for case in (one, other)]
    passes = [case.forward() for case in (one, other)]
    found = [[y.detach(), *(v.detach() for v in last.values()), *case.gradients(y, last)] for case, (y, last) in zip((one, other), passes, strict=True)]
    for ours, theirs in zip(found, alone, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@TRITON
def test_a_second_gradient_of_one_pass_is_the_same(device):
    case = Case(CELLS["lstm"](4), device)
    y, last = case.forward()
    first = case.gradients(y, last, retain_graph=True)
    other = Case(CELLS["lstm"](4), device)
    with torch.no_grad():
        other.x *= 2.0
    other.results()  # takes the buffers over
    close(case.gradients(y, last), first)


@TRITON
@pytest.mark.parametrize("kind", ["whole", "padded"])
def test_a_pass_without_gradients_gives_the_same_values(device, kind):
    case = Case(CELLS["gru-cho"](4), device, kind=kind)
    y, last = case.forward()
    with torch.no_grad():
        bare, end = case.forward()
    close([bare, *end.values()], [y.detach(), *(value.detach() for value in last.values())], 1e-14)
    assert not bare.requires_grad


@TRITON
def test_a_stream_on_the_device_steps_as_the_sequence_does(device):
    from suite.engines.stream import Stream

    case = Case(CELLS["lstm"](4), device, kind="whole", shared=False)
    step, state = Stream(case.cell, case.params, SCAN), {name: value.detach() for name, value in case.state.items()}
    outputs = []
    for x in case.x.detach():
        y, state = step(x, state)
        outputs.append(y)
    y, last = case.forward()
    close([torch.stack(outputs), *state.values()], [y.detach(), *(value.detach() for value in last.values())])


FUNCTIONS = {"sigmoid": torch.sigmoid, "hyperbolic_tangent": torch.tanh, "exponential_minus_1": torch.expm1, "log_sigmoid": torch.nn.functional.logsigmoid}


@TRITON
@pytest.mark.parametrize("dtype", [F32, F64], ids=str)
def test_functions_are_near_those_of_torch_and_end_where_they_should(device, dtype):
    text = "@triton.jit\ndef apply(x, y, N: tl.constexpr, NAME: tl.constexpr):\n    i = tl.arange(0, N)\n    v = tl.load(x + i)\n"
    text += "".join(f"    {'if' if k == 0 else 'elif'} NAME == {k}:\n        tl.store(y + i, {name}(v))\n" for k, name in enumerate(FUNCTIONS))
    apply = triton_source.loaded(text)["apply"]
    x = torch.cat([torch.linspace(-20, 20, 120), torch.tensor([0.0, 1e-6, -1e-6, 1e4, -1e4, float("nan"), 0.35, -0.35])]).to(device, dtype)
    for k, function in enumerate(FUNCTIONS.values()):
        y = torch.empty_like(x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of NumPy, at infinity
            apply[(1,)](x, y, N=128, NAME=k)
        truth = function(x.double()).to(dtype)
        off = (y - truth).abs() / truth.abs().clamp(min=1e-4)
        assert (y.isnan() == truth.isnan()).all()
        assert off[truth.isfinite()].max() <= (1e-5 if dtype == F32 else 1e-11)


def blocks(units):
    """Gates of one value for two neighbouring units, and a sum over them: rows narrower than the output."""

    def step(a, s, p):
        gate = torch.sigmoid(a.g).repeat_interleave(2, -1)
        mean = s.h.view(*s.h.shape[:-1], -1, 2).sum(-1).repeat_interleave(2, -1)
        return s._replace(h=torch.tanh(a.a) * gate + 0.5 * mean)

    return Cell("blocks", (({"a": "x h b", "g": "x h b"}, step),), {"h": units}, width={"g": units // 2})


@TRITON
def test_narrow_rows_and_sums_of_neighbours(device):
    assert not fits(scan.taped(blocks(6)), columns(blocks(6), 3))
    agrees(blocks(6), device, F64)
    agrees(blocks(6), device, F32)


# long forms


@TRITON
@pytest.mark.exhaustive
@pytest.mark.parametrize("units", [1, 7, 16, 33])
@pytest.mark.parametrize("name", CELLS)
def test_every_cell_at_many_widths(device, name, units):
    import suite

    cell = suite.cell(name, units)
    for dtype in (F64, F32) if not (units <= 2 and "-ln" in name) else (F64,):
        agrees(cell, device, dtype)


COMPILE = """
import sys, torch, triton, triton.language as tl
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from suite.cells import CELLS
from suite.engines import scan, scan_cuda, triton_source
plan = scan_cuda.planned(scan.taped(CELLS[sys.argv[1]](32)), 8, torch.float32)
given = {"MASKED": True, "T": tl.float32, "ROWS": 16, "COLS": 32, "PRECISION": "ieee"}
for kernel, halved in [(kernel, halved) for kernel in (*plan.steps, *plan.backs, *(plan.on_chip or ())) for halved in (False, True)]:
    function = triton_source.loaded(plan.text)[kernel.name]
    options = given | {"HALVED": halved, "H": tl.bfloat16 if halved else tl.float32}
    kinds = {n: "constexpr" if n in options else "*i8" if n == "mask" else "*fp32" if n in kernel.buffers else "i32" for n in function.arg_names}
    source = ASTSource(function, kinds, {(k,): options[n] for k, n in enumerate(function.arg_names) if n in options})
    made = triton.compile(source, target=GPUTarget("cuda", int(sys.argv[2]), 32))
    print(kernel.name, halved, len(made.asm["cubin"]), made.metadata.shared)
"""


@TRITON
@pytest.mark.exhaustive
@pytest.mark.parametrize("capability", ["80", "90"])
@pytest.mark.parametrize("name", ["lstm-peephole", "gru-cho", "gru-ln", "gf-lstm"])
def test_the_compiler_takes_every_kernel_without_a_gpu(name, capability, root, tmp_path):
    place = os.environ | {"TRITON_CACHE_DIR": str(tmp_path), "TRITON_INTERPRET": "0"}
    done = subprocess.run([sys.executable, "-c", COMPILE, name, capability], check=False, capture_output=True, text=True, cwd=root, env=place)
    assert done.returncode == 0, done.stderr[-2000:]
    sizes = [line.split() for line in done.stdout.splitlines()]
    assert sizes
    assert all(int(size) > 0 and int(shared) <= device_plan.HOPPER for _, _, size, shared in sizes)
