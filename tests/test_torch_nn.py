"""The cells that torch.nn has equal it, weights mapped both ways."""

import pytest
import torch
from torch import nn

import suite
from suite.engines import ENGINES, from_torch, to_torch, unroll

MODULES = {
    "rnn": lambda **options: nn.RNN(3, 5, **options),
    "rnn-relu": lambda **options: nn.RNN(3, 5, nonlinearity="relu", **options),
    "lstm": lambda **options: nn.LSTM(3, 5, **options),
    "gru": lambda **options: nn.GRU(3, 5, **options),
}
SHAPES = [{"num_layers": layers, "bidirectional": both, "bias": bias} for layers in (1, 3) for both in (False, True) for bias in (True, False)]


def made(name, options):
    torch.manual_seed(0)
    return MODULES[name](dtype=torch.float64, **options)


def ours(pairs, x, both, engine):
    """Layers as torch stacks them: (T, B, I) -> outputs, and the last states of every layer and direction."""
    last = []
    for layer in [pairs[k : k + 1 + both] for k in range(0, len(pairs), 1 + both)]:
        found = []
        for way, (cell, params) in enumerate(layer):
            given = x.flip(0) if way else x
            y, state = unroll(cell, params, given.unsqueeze(1), engine=ENGINES[engine])
            found.append(y[:, 0].flip(0) if way else y[:, 0])
            last.append(state)
        x = torch.cat(found, -1)
    return x, last


def equal(one, other):
    torch.testing.assert_close(one, other, atol=1e-10, rtol=1e-10)


@pytest.mark.parametrize("options", SHAPES, ids=str)
@pytest.mark.parametrize("engine", ["reference", "hoisted", "vendor"])
@pytest.mark.parametrize("name", MODULES)
def test_cells_equal_torch(name, engine, options):
    module, x = made(name, options), torch.randn(6, 4, 3, dtype=torch.float64)
    pairs = from_torch(module)
    assert {cell.name for cell, _ in pairs} == {name}
    y, last = ours(pairs, x, options["bidirectional"], engine)
    expected, final = module(x)
    equal(y, expected)
    for k, state in enumerate(last):
        for value, wanted in zip(state.values(), final if isinstance(final, tuple) else (final,), strict=True):
            equal(value[0], wanted[k])


@pytest.mark.parametrize("options", SHAPES, ids=str)
@pytest.mark.parametrize("name", MODULES)
def test_the_way_back_computes_the_same(name, options):
    module, x = made(name, options), torch.randn(6, 4, 3, dtype=torch.float64)
    pairs = from_torch(module)
    back = to_torch(pairs, bidirectional=options["bidirectional"])
    assert type(back) is type(module)
    equal(back(x)[0], module(x)[0])
    for (cell, params), (again, others) in zip(pairs, from_torch(back), strict=True):
        assert cell == again
        assert all(torch.equal(params[key], others[key]) for key in params)


@pytest.mark.parametrize("name", MODULES)
def test_gradients_equal_torch(name):
    module, x = made(name, {}), torch.randn(6, 4, 3, dtype=torch.float64)
    ((cell, params),) = from_torch(module)
    params = {key: value.requires_grad_() for key, value in params.items()}
    y, _ = suite.unroll(cell, params, x.unsqueeze(1))
    weights = torch.cos(torch.arange(y.numel(), dtype=torch.float64)).view_as(y)
    (y * weights).sum().backward()
    (module(x)[0] * weights[:, 0]).sum().backward()
    rows = {"rnn": "a", "rnn-relu": "a", "lstm": "ifzo", "gru": "rzn"}[name]
    equal(torch.cat([params[f"{row}.x"].grad[0] for row in rows]), module.weight_ih_l0.grad)
    equal(torch.cat([params[f"{row}.h"].grad[0] for row in rows.replace("n", "m")]), module.weight_hh_l0.grad)


def test_what_torch_has_not_is_told():
    with pytest.raises(ValueError, match="from_torch reads GRU, LSTM, RNN without projection, not Linear"):
        from_torch(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="without projection"):
        from_torch(nn.LSTM(3, 5, proj_size=2))
    cho = suite.cell("gru-cho", 4)
    params = {key: torch.zeros(1, *shape) for key, shape in cho.shapes(3).items()}
    with pytest.raises(ValueError, match="has no layer for 'gru-cho'"):
        to_torch([(cho, params)])
    gru = suite.cell("gru", 4)
    with pytest.raises(ValueError, match="one replica, not 2"):
        to_torch([(gru, {key: torch.zeros(2, *shape) for key, shape in gru.shapes(3).items()})])
    with pytest.raises(ValueError, match="layers of one cell and one width"):
        to_torch([])
