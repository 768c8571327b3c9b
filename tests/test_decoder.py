"""Encoders and decoders are two networks, the second of which goes on where the first one ends; on every engine, padded, by replicas, saved and planned."""

from dataclasses import replace

import pytest
import torch

import suite
from suite.engines import ENGINES, unroll
from suite.launch.completion import complete
from suite.report.ways import built
from suite.runs import TrainSpec
from suite.tasks.task import asked
from suite.training.decoding import order, parts, put_back, taken
from suite.training.fit import fit
from suite.training.group import costs_of, network_of

TASK = suite.task("reverse", length=4, symbols=3)
CELLS = ["rnn", "lstm-peephole", "gru-cho", "lstm97", "indrnn", "lstm-ln"]


def made(cells="lstm", units=6, **more):
    return suite.network(cells, units, **{"inputs": TASK.inputs, "outputs": TASK.outputs, "readout": "every", "decoder": True} | more)


def drawn(size=5, seed=0, task=TASK):
    batch = next(task.batches("train", size, torch.Generator().manual_seed(seed)))
    return batch if task.tokens else batch._replace(x=batch.x.double())


def double(network, seed=0):
    return {name: value.double() for name, value in network.start(seed).items()}


def close(one, other):
    torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-10)


def own(params, prefix):
    return {name.removeprefix(prefix): value for name, value in params.items() if name.startswith(prefix)}


def by_hand(network, params, x, sources):
    """Every sequence alone: the encoder's cells over its source, the decoder's over the rest, from their states. (T, R, B, O), not a number elsewhere."""
    replicas = len(next(iter(params.values())))
    said = x.new_full((len(x), replicas, x.shape[1], network.outputs), torch.nan)
    for row, (source, end) in enumerate(sources):
        y, states = x[:source, None, row : row + 1], []
        for number, cell in enumerate(network.cells):
            out, state = unroll(cell, own(params, f"{number}."), y, engine=ENGINES["reference"])
            y = out + y if network.residual and number else out
            states.append(state)
        y = x[source:end, None, row : row + 1]
        for number, cell in enumerate(network.cells):
            out, _ = unroll(cell, own(params, f"{number}d."), y, states[number], engine=ENGINES["reference"])
            y = out + y if network.residual and number else out
        said[source:end, :, row : row + 1] = y @ params["readout.w"].mT + params["readout.b"]
    return said


def sources(batch):
    """Where each source and each sequence ends."""
    return list(zip((asked(batch).to(torch.uint8).argmax(0)).tolist(), batch.mask.sum(0).tolist(), strict=True))


@pytest.mark.parametrize("engine", ["reference", "hoisted", "scan", "rtrl"])
@pytest.mark.parametrize("cell", CELLS)
def test_it_is_two_networks_run_by_hand(cell, engine):
    network, batch = made([cell, "gru"], units=4), drawn()
    params = {name: torch.cat([double(network, seed)[name] for seed in (0, 1)]) for name in network.shapes()}
    wanted = by_hand(network, params, batch.x, sources(batch))
    found = network(params, batch.x, batch.mask, engine, asked=asked(batch))
    there = ~wanted.isnan()
    assert bool((there[:, 0, :, 0] == asked(batch)).all())
    close(found[there], wanted[there])
    elsewhere = params["readout.b"].transpose(0, 1).unsqueeze(0).permute(0, 2, 1, 3).expand_as(found)
    close(found[~there], elsewhere[~there])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_torch_kernels_run_it_too(cell):
    network, batch = made([cell, cell]), drawn()
    params = double(network)
    close(*(network(params, batch.x, batch.mask, engine, asked=asked(batch)) for engine in ("vendor", "reference")))


@pytest.mark.parametrize("more", [{"residual": True}, {"linear": False}, {"init": "orthogonal+keep"}])
def test_what_else_a_network_may_have(more):
    network, batch = made(["lstm", "lstm"], **more), drawn()
    params = double(network)
    found = network(params, batch.x, batch.mask, asked=asked(batch))
    whole = params if network.linear else params | {"readout.w": torch.eye(6, dtype=torch.float64)[None, : TASK.outputs], "readout.b": torch.zeros(1, 1, TASK.outputs).double()}
    wanted = by_hand(network, whole, batch.x, sources(batch))
    close(found[~wanted.isnan()], wanted[~wanted.isnan()])


def test_gradients_go_through_the_bridge():
    """Those of the encoder are the ones of the two networks run by hand, and come from what the decoder says alone."""
    network, batch = made(["gru", "lstm"], units=3), drawn()
    params = {name: value.requires_grad_() for name, value in double(network).items()}
    wanted = by_hand(network, params, batch.x, sources(batch))
    weights = torch.randn(wanted.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    expected = torch.autograd.grad(wanted.nan_to_num(0.0).mul(weights * ~wanted.isnan()).sum(), list(params.values()))
    for engine in ("hoisted", "scan", "rtrl"):
        found = network(params, batch.x, batch.mask, engine, asked=asked(batch))
        got = torch.autograd.grad((found * weights * ~wanted.isnan()).sum(), list(params.values()))
        for name, one, other in zip(params, got, expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-7, msg=name)
            assert bool(one.abs().sum() > 0) or name.endswith("0.r.b"), name


@pytest.mark.parametrize("engine", ["hoisted", "scan"])
def test_a_sequence_in_a_padded_batch_gives_what_it_gives_alone(engine):
    network, batch = made(["lstm", "gru-cho"]), drawn(size=9)
    params = double(network)
    whole = network.run(params, torch.where(batch.mask[..., None], batch.x, 1e6), batch.mask, engine, asked=asked(batch))
    for row, end in enumerate(batch.mask.sum(0).tolist()):
        part = slice(row, row + 1)
        alone = network.run(params, batch.x[:end, part], None, engine, asked=asked(batch)[:end, part])
        close(whole.output[:end, :, part], alone.output)
        assert sorted(alone.state) == ["0.c", "0.h", "0d.c", "0d.h", "1.h", "1d.h"]
        for name, value in whole.state.items():
            close(value[:, part], alone.state[name])


def test_nothing_is_heard_before_it_comes():
    """A step of the target changes no answer before it, and every later one; a step of the source changes all."""
    network, batch = made(), drawn(size=1, seed=3)
    ((source, end),) = sources(batch)
    assert end - source > 2
    params, wanted = double(network), asked(batch)
    before = network(params, batch.x, batch.mask, asked=wanted)
    for step in range(end):
        x = batch.x.clone()
        x[step] += 0.5
        moved = (network(params, x, batch.mask, asked=wanted) - before).abs().sum((1, 2, 3)) > 1e-9
        assert moved.tolist() == [t >= max(step, source) for t in range(end)]


def test_a_step_that_is_not_asked_is_of_the_target_once_it_has_begun():
    wanted = torch.tensor([[0, 0], [1, 0], [0, 1], [1, 0]]).bool()
    source, target = parts(torch.tensor([[1, 1], [1, 1], [1, 1], [1, 0]]).bool(), wanted)
    assert target.T.tolist() == [[False, True, True, True], [False, False, True, False]]
    assert source.T.tolist() == [[True, False, False, False], [True, True, False, False]]
    y = torch.arange(4.0)[:, None, None, None].expand(4, 1, 2, 1)
    places, valid = order(target)
    assert torch.where(valid, taken(y, places)[:, 0, :, 0], torch.nan).T[0].tolist() == [1.0, 2.0, 3.0]
    back = put_back(taken(y, places), places, valid, 4)
    assert torch.equal(back[:, 0, :, 0], torch.where(target, y[:, 0, :, 0], 0.0))


@pytest.mark.parametrize("engine", ["hoisted", "scan"])
def test_replicas_together_are_the_same_runs_alone(engine):
    network = made(["lstm(drop=0.25, on='memory')", "gru"], 8, dropout=0.25)
    settings = {"batch": 16, "steps": 30, "evaluate_every": 15, "engine": engine}
    runs = fit(network, TASK, [0, 1], suite.Optimiser(lr=1e-2), **settings)
    (alone,) = fit(network, TASK, [1], suite.Optimiser(lr=1e-2), **settings)
    assert runs[1].curve == alone.curve != runs[0].curve
    assert all(torch.equal(runs[1].weights[name], alone.weights[name]) for name in alone.weights)
    start = network.start(1)
    assert all(not torch.equal(alone.weights[name], start[name]) for name in start)


def test_dropout_has_masks_of_its_own_in_the_decoder():
    network, batch = made(["lstm(drop=0.5)", "gru"], 4, dropout=0.5), drawn()
    masks = network.masks()
    assert {name: (m.width, m.scaled) for name, m in masks.items()} == {"0.d_g": (4, False), "below.1": (4, True), "0d.d_g": (4, False), "below.1d": (4, True)}
    params, noise = double(network), {name: torch.ones(len(batch.x), 1, 5, m.width, dtype=torch.float64) for name, m in masks.items()}
    whole = network.run(params, batch.x, batch.mask, asked=asked(batch), noise=noise).output
    for name in masks:
        changed = network.run(params, batch.x, batch.mask, asked=asked(batch), noise={**noise, name: 0 * noise[name]}).output
        assert not torch.allclose(whole, changed)


def test_tokens_are_embedded_once_for_both():
    task = suite.task("translation")
    network = suite.network("gru", 5, inputs=task.inputs, outputs=task.outputs, embedding=7, readout="every", decoder=True)
    assert [name for name in network.shapes() if name.startswith("embedding")] == ["embedding.w"]
    assert network.shapes()["0.n.x"] == network.shapes()["0d.n.x"] == (5, 7)
    batch, params = drawn(task=task), double(network)
    wanted = by_hand(replace(network, embedding=0), params, params["embedding.w"][0][batch.x], sources(batch))
    found = network(params, batch.x, batch.mask, asked=asked(batch))
    close(found[~wanted.isnan()], wanted[~wanted.isnan()])


def test_parameters_and_costs():
    network, plain = made(["lstm", "gru"]), made(["lstm", "gru"], decoder=False)
    shapes, once = network.shapes(), plain.shapes()
    assert {name: shape for name, shape in shapes.items() if "d." not in name} == once
    assert {name.replace("d.", "."): shape for name, shape in shapes.items() if "d." in name} == {name: shape for name, shape in once.items() if "readout" not in name}
    start = network.start(0)
    assert not torch.equal(start["0.i.x"], start["0d.i.x"])
    assert torch.equal(start["0.i.x"], plain.start(0)["0.i.x"])
    costs, of_plain = costs_of(network, "float32"), costs_of(plain, "float32")
    assert (costs.multiply_adds, costs.state_bytes) == (of_plain.multiply_adds, of_plain.state_bytes), "a step goes through one of the two"
    assert costs.parameters == network.parameters > of_plain.parameters


@pytest.mark.parametrize(("more", "sentence"), [
    ({"bidirectional": True}, "neither can be bidirectional"),
    ({"readout": "last"}, "a decoder answers at every step of a target: readout must be 'every', not 'last'"),
])
def test_networks_that_make_no_sense_are_refused(more, sentence):
    with pytest.raises(ValueError, match=sentence):
        made(**more)


@pytest.mark.parametrize(("task", "sentence"), [
    ("adding(length=5)", "asked once a sequence"),
    ("parity(length=5, supervision='every')", r"task 'parity\(.*\)' is asked at the first step of a sequence: a decoder answers after a source, and there is none"),
    ("copy(delay=3)", "is asked at the first step of a sequence"),
    ("tiny-shakespeare", "one long sequence whose rows go on"),
])
def test_tasks_without_a_source_are_refused(data, task, sentence):
    if task == "tiny-shakespeare":
        data(task)
    spec = TrainSpec(task=task, cell="rnn", units=4, decoder=True, readout="every" if "adding" not in task else "last")
    with pytest.raises(ValueError, match=f"{sentence}|readout must be 'every'"):
        complete(spec)
    made = suite.task(task)
    network = suite.network("rnn", 4, inputs=made.inputs, outputs=made.outputs, embedding=4 * made.tokens, readout="every", decoder=True)
    with pytest.raises(ValueError, match=f"{sentence}|is asked at last step"):
        fit(network, made, [0], steps=1)


@pytest.mark.parametrize(("change", "sentence"), [
    (lambda b: None, r"a decoder needs asked, where an answer is asked: bool of shape \(9, 5\), \(time, batch\) as x is, not none"),
    (lambda b: asked(b).float(), "not torch.float32"),
    (lambda b: asked(b)[1:], r"not torch.bool \(8, 5\)"),
    (lambda b: torch.ones_like(b.mask), "an answer is asked at the first step"),
    (lambda b: torch.zeros_like(b.mask), "a sequence asks for no answer"),
])
def test_what_is_asked_must_fit(change, sentence):
    network, batch = made(), drawn(seed=1)
    with pytest.raises(ValueError, match=sentence):
        network(double(network), batch.x, batch.mask, asked=change(batch))


def test_states_are_given_to_the_encoder_alone():
    network, batch = made("gru"), drawn()
    given = {"0.h": torch.randn(1, 5, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)}
    params = double(network)
    assert not torch.allclose(network.run(params, batch.x, batch.mask, asked=asked(batch), state=given).output, network(params, batch.x, batch.mask, asked=asked(batch)))
    with pytest.raises(ValueError, match=r"unknown state '0d\.h'; did you mean '0\.h'"):
        network.run(params, batch.x, batch.mask, asked=asked(batch), state={"0d.h": given["0.h"]})


def test_it_is_saved_loaded_planned_and_told_apart(tmp_path):
    network = made(["lstm", "gru"], frozen=("0d.*.b",))
    (run,) = fit(network, TASK, [0], batch=8, steps=4, evaluate_every=2)
    assert all(torch.equal(value, network.start(0)[name]) for name, value in run.weights.items() if name.startswith("0d.") and name.endswith(".b"))
    suite.save(tmp_path / "net.safetensors", network, run.weights)
    again, params = suite.load(tmp_path / "net.safetensors")
    assert again == network
    batch = next(TASK.batches("test", 4, torch.Generator().manual_seed(0)))
    assert torch.equal(again(params, batch.x, batch.mask, asked=asked(batch)), network(run.weights, batch.x, batch.mask, asked=asked(batch)))
    spec = TrainSpec(task=TASK.name, cell="lstm", units=6, decoder=True)
    whole, sentence = complete(spec)
    assert (sentence, whole.readout) == (None, "every")
    assert network_of(whole, TASK.inputs, TASK.outputs) == made("lstm")
    assert built(whole) == ["encoder and decoder"]
    assert whole.id != complete(spec.model_copy(update={"decoder": False}))[0].id


def test_how_far_gradients_reach_in_both():
    network, batch = made("lstm", 4), drawn(size=3)._replace(x=drawn(size=3).x.float())
    flow = suite.gradient_flow(network, batch)
    assert list(flow) == ["0", "0d"]
    ends = [end - source for source, end in sources(batch)]
    assert (flow["0d"].norms["h"].isfinite().sum(0)).tolist() == ends
    assert (flow["0"].norms["h"].isfinite().sum(0)).tolist() == [source for source, _ in sources(batch)]
    frozen = {name: (0 * value if name.startswith("0.") else value) for name, value in network.start(0).items()}
    unfed = suite.gradient_flow(network, batch, frozen)["0d"]
    assert not torch.allclose(unfed.gates["f"].nan_to_num(), flow["0d"].gates["f"].nan_to_num()), "the decoder begins with the encoder's state"
