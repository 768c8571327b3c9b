"""What gradients do on their way back: the closed forms of the gates' limits, and the Jacobian taken whole."""

import math

import pytest
import torch

import suite
from suite.cells import ALIASES, CELLS, Cell
from suite.engines import ENGINES, unroll
from suite.tasks import Batch
from suite.training import initial
from suite.training.gates import watched
from suite.training.gradient_flow import AT_ONCE

F64 = torch.float64
T, B, UNITS = 9, 3, 4
NAMES = [name for name in CELLS if name not in ALIASES]


def network(cell, units=UNITS, **more):
    inputs = CELLS[cell](units).takes or 3 if cell in CELLS else 3
    return suite.network(cell, units, inputs=inputs, outputs=2, readout="every", **more)


def batch(net, x=None, lengths=None):
    x = torch.randn(T, B, net.inputs, generator=torch.Generator().manual_seed(3), dtype=F64) if x is None else x
    mask = torch.ones(x.shape[:2], dtype=torch.bool) if lengths is None else torch.arange(len(x))[:, None] < torch.tensor(lengths)
    return Batch(x, torch.zeros(x.shape[:2], dtype=torch.long), mask)


def doubled(net):
    return {name: value.double() for name, value in net.start(0).items()}


def zeros(net, **given):
    """All parameters zero but those given."""
    params = {name: 0 * value for name, value in doubled(net).items()}
    for name, value in given.items():
        key = "0." + name.replace("_", ".", 1) if "0." + name not in params else "0." + name
        params[key] = torch.as_tensor(value, dtype=F64).expand_as(params[key]).clone()
    return params


def flow(net, params, x=None, lengths=None):
    return suite.gradient_flow(net, batch(net, x, lengths), params)["0"]


def same(found, wanted):
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=F64).expand_as(found), atol=1e-12, rtol=1e-10)


def still(net, steps=T):
    return torch.zeros(steps, 1, net.inputs, dtype=F64)


W = torch.randn(1, UNITS, UNITS, generator=torch.Generator().manual_seed(8), dtype=F64) * 0.6
LAGS = torch.arange(T)


def sigma(value):
    return 1 / (1 + math.exp(-value))


@pytest.mark.parametrize("f", [-50.0, -1.0, 0.0, 2.0, 50.0])
def test_the_memory_of_an_lstm_decays_as_its_forget_gate_says(f):
    net = network("lstm")
    found = flow(net, zeros(net, f_b=f, o_b=0.3, z_b=0.2, i_b=-1.0), still(net))
    c, values = 0.0, []
    for _ in range(T):
        c = sigma(f) * c + sigma(-1.0) * math.tanh(0.2)
        values.append(c)
    same(found.norms["c"][1:, 0], sigma(0.3) * (1 - math.tanh(values[-1]) ** 2) * sigma(f) ** LAGS[1:].double())
    same(found.norms["c"][0], 0.0)  # at lag 0 h and c are two things
    same(found.norms["h"][:, 0], (LAGS == 0).double())  # no row hears h


@pytest.mark.parametrize("z", [-50.0, -1.0, 0.0, 2.0, 50.0])
@pytest.mark.parametrize(("name", "sign"), [("gru", 1), ("gru-cho", 1), ("gru1", -1), ("gru3", -1), ("mut3", -1)])
def test_the_state_of_a_gru_decays_as_its_update_gate_says_in_the_paper_s_sign(name, sign, z):
    net = network(name)
    same(flow(net, zeros(net, z_b=z), still(net)).norms["h"][:, 0], sigma(sign * z) ** LAGS.double())


@pytest.mark.parametrize("z", [-1.0, 0.5])
@pytest.mark.parametrize(("name", "weight"), [("gru", "m_h"), ("gru-cho", "n_h")])
def test_at_rest_a_gru_is_a_mixture_of_the_unit_matrix_and_its_candidate_s(name, weight, z):
    net = network(name)
    found = flow(net, zeros(net, z_b=z, r_b=0.7, **{weight: W}), still(net))
    jacobian = sigma(z) * torch.eye(UNITS, dtype=F64) + (1 - sigma(z)) * sigma(0.7) * W[0]
    same(found.norms["h"][:, 0], torch.stack([torch.linalg.matrix_norm(torch.linalg.matrix_power(jacobian, int(k)), 2) for k in LAGS]))


def test_at_rest_a_simple_network_is_a_power_of_its_matrix():
    net = network("rnn")
    found = flow(net, zeros(net, a_h=W), still(net))
    same(found.norms["h"][:, 0], torch.stack([torch.linalg.matrix_norm(torch.linalg.matrix_power(W[0], int(k)), 2) for k in LAGS]))


def test_independent_units_keep_the_power_of_the_largest():
    net = network("indrnn")
    u = torch.tensor([0.5, 0.9, 1.1, 0.2], dtype=F64)
    same(flow(net, zeros(net, u=u, a_b=1.0), still(net)).norms["h"][:, 0], 1.1 ** LAGS.double())


def test_the_error_carousel_of_1997_keeps_what_it_has_and_cuts_the_rest():
    net = network("lstm97")
    params = doubled(net)
    found = flow(net, params)
    same(found.norms["h"][1:], 0.0)
    same(found.norms["i"], 0.0)
    same(found.norms["c"][1:], found.norms["c"][1:2].expand(T - 1, B))
    assert (found.norms["c"][1:] > 0).all()
    whole = network("lstm97-full")
    assert (flow(whole, params).norms["h"][1:] > 0).all()


@pytest.mark.parametrize("name", ["lstm-peephole", "gru-cho", "lstm-fgr", "mut1", "lstm-use-gate", "rnn"])
def test_norms_are_those_of_the_whole_jacobian(name):
    net = network(name)
    params, cell = doubled(net), net.cells[0]
    own, x = {key[2:]: value for key, value in params.items() if key.startswith("0.")}, batch(net).x
    found = suite.gradient_flow(net, batch(net), params)["0"]
    states = [{}]
    for piece in x.unsqueeze(1).split(1):
        states.append(unroll(cell, own, piece, states[-1], engine=ENGINES["reference"])[1])
    for lag in (0, 1, 4, T - 1):
        for sequence in range(B):
            at = {key: value[:, sequence : sequence + 1] for key, value in states[T - lag].items()}

            def last(*values, at=at, lag=lag, sequence=sequence):
                start = dict(zip(at, (value.view(1, 1, -1) for value in values), strict=True))
                if not lag:
                    return start["h"].flatten()
                return unroll(cell, own, x[T - lag :, None, sequence : sequence + 1], start, engine=ENGINES["reference"])[1]["h"].flatten()

            jacobians = torch.autograd.functional.jacobian(last, tuple(value.flatten() for value in at.values()))
            for state, jacobian in zip(at, jacobians, strict=True):
                same(found.norms[state][lag, sequence], torch.linalg.matrix_norm(jacobian, 2))


def test_more_units_than_are_taken_at_once():
    net = network("gru", 2 * AT_ONCE + 3)
    same(flow(net, zeros(net, z_b=1.0), still(net)).norms["h"][:, 0], sigma(1.0) ** LAGS.double())


def test_a_lag_is_counted_from_a_sequence_s_own_end():
    net = network("lstm")
    params, lengths = doubled(net), [T, 2, 5]
    found = flow(net, params, lengths=lengths)
    for row, length in enumerate(lengths):
        alone = flow(net, params, batch(net).x[:length, row : row + 1])
        for state in ("h", "c"):
            same(found.norms[state][:length, row], alone.norms[state][:, 0])
            assert found.norms[state][length:, row].isnan().all()
        for gate in "ifo":
            same(found.gates[gate][:length, row], alone.gates[gate][:, 0])
            assert found.gates[gate][length:, row].isnan().all()


@pytest.mark.parametrize("name", NAMES)
def test_every_gate_of_the_table_is_found_and_says_what_its_bias_says(name):
    net = network(name)
    cell = net.cells[0]
    heard = dict(cell.gates)
    if name == "min-lstm":
        del heard["i"]  # its i stands in the one logistic of f' = f / (f + i)
    assert set(watched(cell).parts) == set(heard)
    found = flow(net, doubled(net))
    assert set(found.gates) == set(found.roles) == set(heard)
    for row in heard:
        bias = initial.bias_of(cell, row)
        assert found.gates[row].shape == (T, B, UNITS)
        if bias is None or name == "min-lstm":
            continue
        params = doubled(net) | {f"0.{bias}": torch.full((1, 1, UNITS), 60.0, dtype=F64)}
        moved = flow(net, params).gates
        same(moved[row], 1.0)
        assert not any(torch.equal(moved[other], torch.ones_like(moved[other])) for other in heard if other != row)


def test_carried_gates_are_what_was_seen():
    net = network("lstm-fgr")
    params = doubled(net)
    answer, found = net.run(params, batch(net).x), flow(net, params)
    for gate in "ifo":
        same(found.gates[gate][-1], answer.state[f"0.{gate}"][0])


def test_activity_saturation_and_time_constants():
    net = network("lstm")
    bias = torch.tensor([-5.0, 0.0, 1.0, 5.0], dtype=F64)
    found = flow(net, zeros(net, f_b=bias, i_b=0.5), still(net))
    assert found.active("f") == pytest.approx(float(torch.sigmoid(bias).mean()), rel=1e-12)
    assert found.saturated("f") == (0.25, 0.25)
    assert found.saturated("f", margin=0.3) == (0.25, 0.5)
    same(found.time_constants(), -1 / torch.sigmoid(bias).log())
    for name, sign in (("gru", 1), ("gru1", -1), ("lstm-cifg", -1)):
        net = network(name)
        kept = torch.sigmoid(sign * bias)
        same(flow(net, zeros(net, **{"i_b" if "lstm" in name else "z_b": bias}), still(net)).time_constants(), -1 / kept.log())
    with pytest.raises(ValueError, match="no gate keeps the memory; gates are none"):
        flow(network("rnn"), None).time_constants()


def test_a_gate_that_is_wide_open_never_forgets():
    net = network("lstm")
    assert (flow(net, zeros(net, f_b=60.0), still(net)).time_constants() == math.inf).all()
    with pytest.raises(ValueError, match="no gate 'q'; gates are i, f, o"):
        flow(net, zeros(net), still(net)).active("q")


def test_a_logistic_may_be_written_as_a_method():
    def step(a, s, p):
        z = a.z.sigmoid()
        return s._replace(h=z * s.h + (1 - z) * torch.tanh(a.n))

    net = suite.network(Cell("own", ((dict.fromkeys("zn", "x h b"), step),), {"h": UNITS}, gates={"z": "keep"}), inputs=3, outputs=2, readout="every")
    assert list(suite.gradient_flow(net, batch(net), doubled(net))["0"].gates) == ["z"]


def test_layers_and_directions_are_looked_at_apart():
    net = suite.network(["lstm", "gru(drop=0.5)"], [4, 6], inputs=3, outputs=2, readout="every", bidirectional=True, dropout=0.25)
    params = doubled(net)
    found = suite.gradient_flow(net, batch(net), params)
    assert list(found) == ["0", "0r", "1", "1r"]
    assert [sorted(layer.norms) for layer in found.values()] == [["c", "h"], ["c", "h"], ["h"], ["h"]]
    alone = suite.network("lstm", 4, inputs=3, outputs=2, readout="every")
    turned = {name.replace("0r.", "0."): value for name, value in params.items() if name.startswith("0r.")}
    readout = {name: value for name, value in doubled(alone).items() if name.startswith("readout")}
    same(flow(alone, turned | readout, batch(net).x.flip(0)).norms["c"], found["0r"].norms["c"])


def test_without_parameters_those_of_the_start_and_never_several_replicas():
    net = network("gru")
    found, drawn = suite.gradient_flow(net, batch(net)), suite.gradient_flow(net, batch(net), net.start(0))
    assert torch.equal(found["0"].norms["h"], drawn["0"].norms["h"])
    with pytest.raises(ValueError, match="one replica"):
        suite.gradient_flow(net, batch(net), {name: value.expand(2, -1, -1) for name, value in net.start(0).items()})
