"""Sine, airline and ARFIMA are what they say; what a network or a baseline says is fed back where the task asks for it; AR is least squares."""

import csv
import hashlib
import io
import math
import threading
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import torch
from scipy.integrate import quad

import suite
import suite.tasks.baselines as baselines_of
from suite.data import DataError, NotAvailable, columns, manifest, repository, tensors
from suite.launch.completion import complete
from suite.runs import TrainSpec
from suite.tasks import scores
from suite.tasks.airline import ENDS, SEASONAL
from suite.tasks.arfima import arfima, autocovariance, law_of
from suite.tasks.baselines import AUTOREGRESSIVE, baselines, seers
from suite.tasks.conformance import check
from suite.tasks.sine import half_given
from suite.tasks.streams import drawn, stream_seed
from suite.tasks.task import Batch, asked
from suite.training.fit import fit
from suite.training.free_running import free_running

PINNED = {
    "sine(length=40, mode='next')": "9bccaf4df2830e54",
    "sine(length=40, mode='free')": "9bccaf4df2830e54",
    "airline(length=24)": "8fc4948b35d40a86",
    "arfima(ar=(), d=0.4, length=30, ma=())": "7364d2e417c3eb72",
    "arfima(ar=(0.7, -0.4), d=0.3, length=30, ma=(-0.2,))": "586d0594a80134be",
}
SPLITS = ("train", "validation", "test")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def first(task, size=200, split="train", seed=0):
    return next((suite.task(task) if isinstance(task, str) else task).batches(split, size, seeded(seed)))


@pytest.mark.parametrize("name", PINNED)
def test_first_training_examples_are_pinned(name, data):
    task, hashed, left = suite.task(name), hashlib.sha256(), 1000
    if task.data:
        data(task.data.name)
    for batch in task.batches("train", 200, seeded()):
        for tensor in batch:
            hashed.update(tensor.numpy().tobytes())
        left -= batch.mask.shape[1]
        if left <= 0:
            break
    assert (task.name, task.version, hashed.hexdigest()[:16]) == (name, 1, PINNED[name])


# sine


@pytest.mark.parametrize("mode", ["next", "free"])
def test_waves_are_sines_of_the_periods_that_are_said(mode):
    batch = first(f"sine(length=80, mode='{mode}')", 500)
    assert torch.equal(batch.x[10:, :, 0], batch.y[9:-1])
    assert batch.y[:9].isnan().all()
    assert not batch.y[9:].isnan().any()
    x = batch.x[..., 0].double()
    doubled = ((x[2:] + x[:-2]) * x[1:-1]).sum(0) / x[1:-1].square().sum(0)
    period = 2 * math.pi / (doubled / 2).acos()
    assert float(period.min()) == pytest.approx(10, abs=0.5)
    assert float(period.max()) == pytest.approx(40, abs=0.5)
    assert float(period.mean()) == pytest.approx(25, abs=5 * 30 / math.sqrt(12 * 500))
    step = torch.arange(80)[:, None]
    phase = torch.atan2(x[0], (x[1] - x[0] * (2 * math.pi / period).cos()) / (2 * math.pi / period).sin())
    torch.testing.assert_close((2 * math.pi * step / period + phase).sin(), x, atol=1e-4, rtol=0)
    counts = torch.histc(phase, bins=8, min=-math.pi, max=math.pi)
    assert float((counts - 500 / 8).abs().max()) < 5 * math.sqrt(500 / 8)


def test_of_a_free_wave_the_first_half_is_given():
    task, next_one = suite.task("sine(length=60, mode='free')"), suite.task("sine(length=60)")
    assert (task.feedback, next_one.feedback) == (30, 0)
    for split in SPLITS:
        given, whole = first(task, split=split), first(next_one, split=split)
        assert torch.equal(given.x[:30], whole.x[:30])
        assert torch.equal(given.y[29:], whole.y[29:])
        if split == "train":
            assert torch.equal(given.x, whole.x)
            assert torch.equal(given.y.nan_to_num(), whole.y.nan_to_num())
        else:
            assert not given.x[30:].any()
            assert given.y[:29].isnan().all()


@pytest.mark.parametrize("mode", ["next", "free"])
def test_the_oracle_goes_on_from_what_is_given(mode):
    task = suite.task(f"sine(length=100, mode='{mode}')")
    for split in SPLITS:
        batch = first(task, split=split)
        assert float(task.metric(task.oracle(batch), batch)) < 1e-9
        spoilt = batch._replace(x=torch.cat([batch.x[:60], torch.full_like(batch.x[60:], 0.3)]))
        wrong = float(task.metric(task.oracle(spoilt), batch))
        assert (wrong < 1e-9) == (mode == "free"), "what comes after the half that is given is not looked at"


# what is said is fed back


def small(cell="gru", **more):
    return suite.network(cell, 6, **{"inputs": 1, "outputs": 1, "readout": "every"} | more)


@pytest.mark.parametrize("engine", ["reference", "hoisted", "scan", "rtrl"])
def test_a_network_runs_free_as_if_asked_again_for_every_step(engine):
    """The whole sequence so far, and then what was said of it, for each replica its own."""
    network = small(["lstm", "gru-cho"])
    params = {name: torch.cat([network.start(seed)[name] for seed in (0, 1)]).double() for name in network.shapes()}
    x = torch.randn(9, 3, 1, generator=seeded(), dtype=torch.float64)
    found = free_running(network, params, x, 5, engine)
    for replica in range(2):
        own, fed = {name: value[replica : replica + 1] for name, value in params.items()}, x[:5]
        for _ in range(4):
            fed = torch.cat([fed, network(own, fed)[-1:, 0]])
        torch.testing.assert_close(found.output[:, replica : replica + 1], network(own, fed), atol=1e-12, rtol=1e-10)
        for name, value in network.run(own, fed).state.items():
            torch.testing.assert_close(found.state[name][replica : replica + 1], value, atol=1e-12, rtol=1e-10)
    assert not torch.allclose(found.output[5:, 0], found.output[5:, 1])
    assert not torch.allclose(found.output, network(params, x))


def test_replicas_may_see_different_inputs():
    network = small()
    params = {name: torch.cat([network.start(seed)[name] for seed in (0, 1)]).double() for name in network.shapes()}
    x = torch.randn(7, 2, 3, 1, generator=seeded(), dtype=torch.float64)
    mask = torch.arange(7)[:, None] < torch.tensor([7, 3, 5])
    together = network(params, x, mask)
    for replica in range(2):
        own = {name: value[replica : replica + 1] for name, value in params.items()}
        torch.testing.assert_close(together[:, replica : replica + 1], network(own, x[:, replica], mask))
    with pytest.raises(ValueError, match=r"mask must be bool of shape \(7, 3\)"):
        network(params, x, mask[:, :2])


def test_fit_judges_by_what_is_fed_back_and_trains_by_what_is_given():
    task = suite.task("sine(length=40, mode='free')")
    network = small()
    runs = fit(network, task, [0, 1], suite.Optimiser(lr=1e-2), batch=32, steps=40, evaluate_every=40)
    (alone,) = fit(network, task, [1], suite.Optimiser(lr=1e-2), batch=32, steps=40, evaluate_every=40)
    assert runs[1].curve[0] == pytest.approx(alone.curve[0], rel=1e-6)
    assert runs[0].curve[0] != pytest.approx(alone.curve[0], rel=1e-2)
    plain = replace(task, feedback=0)
    (misled,) = fit(network, plain, [1], suite.Optimiser(lr=1e-2), batch=32, steps=40, evaluate_every=40)
    assert all(torch.equal(misled.weights[name], value) for name, value in alone.weights.items()), "training is the same"
    assert misled.validation != alone.validation, "zeros were read in place of what was said"
    totals, n = 0.0, 0
    for batch in task.batches("test", 256, seeded(stream_seed("test", task.version))):
        x = batch.x.clone()
        for step in range(task.feedback, len(x)):
            x[step] = network(alone.weights, x[:step])[-1, 0]
        totals += float((network(alone.weights, x)[task.feedback - 1 :, 0, :, 0] - batch.y[task.feedback - 1 :]).square().mean()) * batch.mask.shape[1]
        n += batch.mask.shape[1]
    assert alone.test == pytest.approx(totals / n, rel=1e-4)


@pytest.mark.parametrize(("more", "sentence"), [({"bidirectional": True}, "reads every sequence from its end too"), ({"decoder": True}, "read a source that is there|is asked at the first step")])
def test_networks_that_cannot_go_on_from_their_outputs_are_refused(more, sentence):
    task = suite.task("sine(length=40, mode='free')")
    with pytest.raises(ValueError, match=sentence):
        fit(small(**more), task, [0], steps=1)
    with pytest.raises(ValueError, match=sentence):
        complete(TrainSpec(task=task.name, cell="rnn", units=4, **more))


@pytest.mark.parametrize(("network", "given"), [(small(outputs=2), 5), (small(readout="last"), 5), (small(), 0), (small(), 10)])
def test_what_cannot_be_fed_back_is_told(network, given):
    with pytest.raises(ValueError, match="outputs can be fed back that are as wide as the inputs, 1, after 1 to 9 steps that are given"):
        free_running(network, network.start(0), torch.zeros(9, 2, 1), given)


def broken(change):
    task = suite.task("sine(length=20, mode='free')")

    def batches(split, size, generator):
        yield from (change(batch) for batch in task.batches(split, size, generator))

    return replace(task, batches=batches)


@pytest.mark.parametrize(("task", "sentence"), [
    (broken(lambda b: b._replace(x=torch.ones_like(b.x))), "x is given after step 10, from which on outputs are fed back"),
    (broken(lambda b: b._replace(y=torch.where(torch.arange(20)[:, None] == 12, torch.nan, b.y))), "outputs are fed back that are not asked"),
    (replace(suite.task("sine(length=20)"), feedback=20), "and nothing is fed back"),
    (replace(suite.task("adding", length=6), feedback=3), "outputs that are fed back must be as wide as the inputs"),
])  # fmt: skip
def test_a_task_that_feeds_back_what_it_should_not_is_told(task, sentence):
    found = {finding.name: finding for finding in check(task)}["shapes, types and padding"]
    assert not found.holds
    assert sentence in found.detail


# autoregression by least squares


def filtered(n, generator, weights=(1.2, -0.5), length=60):
    """x(t) = 1.2 x(t - 1) - 0.5 x(t - 2) + 2 + noise."""
    noise = torch.randn(length + 51, n, generator=generator)
    x = [torch.zeros(n), torch.zeros(n)]
    for shock in noise:
        x.append(weights[0] * x[-1] + weights[1] * x[-2] + 2 + shock)
    whole = torch.stack(x[-length - 1 :])
    return Batch(whole[:-1, :, None], whole[1:], torch.ones(length, n, dtype=torch.bool))


SERIES = replace(suite.task("sine"), name="filtered", batches=drawn(filtered), chance=9.0, solved=1.5, best=1.0)


@pytest.fixture
def lagged_alone(monkeypatch):
    """No baselines but those of autoregression, for the others take their time."""
    whole = baselines_of.seers
    monkeypatch.setattr(baselines_of, "seers", lambda task, longest: [seer for seer in whole(task, longest) if seer.name.startswith("AR(")])


@pytest.mark.usefixtures("lagged_alone")
def test_autoregression_finds_the_filter_that_made_a_series():
    scored = {b.name: b for b in baselines(SERIES)}
    assert {f"AR({n})" for n in AUTOREGRESSIVE} <= set(scored)
    for name in ("AR(5)", "AR(10)"):
        assert scored[name].score == pytest.approx(1.0, abs=0.03)
    variance, first_lag = 1.5 / (0.5 * (1.5**2 - 1.2**2)), 1.2 / 1.5  # (1 - φ2) / ((1 + φ2) ((1 - φ2)² - φ1²)) and φ1 / (1 - φ2), φ2 = -0.5
    assert scored["AR(1)"].score == pytest.approx(variance * (1 - first_lag**2), rel=0.05)


def test_what_lies_before_the_beginning_is_neither_fitted_nor_needed():
    (seer,) = [s for s in seers(SERIES, 60) if s.name == "AR(5)"]
    batch = first(SERIES, 4)
    seen = seer.sees(batch)
    assert seen.shape == (240, 5)
    assert seen.isnan().sum(1)[:20].tolist() == [4] * 4 + [3] * 4 + [2] * 4 + [1] * 4 + [0] * 4
    assert seen[-1].tolist() == batch.x[-5:, -1, 0].tolist()
    model = seer.fit(SERIES, seen.numpy(), batch.y.flatten().numpy())
    whole = ~seen.isnan().any(1)
    by_hand = np.linalg.lstsq(np.column_stack([seen[whole].numpy(), np.ones(int(whole.sum()))]), batch.y.flatten()[whole].numpy(), rcond=None)[0]
    np.testing.assert_allclose(model(seen[whole].numpy()).numpy(), seen[whole].numpy() @ by_hand[:-1] + by_hand[-1], rtol=1e-4)
    assert model(seen.numpy()).isfinite().all()


def test_autoregression_goes_on_from_what_it_said():
    """Of a wave of one period AR(5) knows the rule, and goes on for ever; AR(1) loses it."""

    def draw(n, generator):
        wave = torch.sin(torch.arange(41)[:, None] * 0.5 + 6.28 * torch.rand(n, generator=generator))
        return Batch(wave[:-1, :, None], wave[1:], torch.ones(40, n, dtype=torch.bool))

    task = replace(suite.task("sine(length=40, mode='free')"), batches=half_given(drawn(draw), 20))
    scored = {b.name: b.score for b in baselines(task)}
    assert list(scored) == ["best constant", "AR(1)", "AR(5)", "AR(10)"], "what hears zeros is left out"
    assert scored["AR(5)"] < 1e-6
    assert scored["AR(10)"] < 1e-6
    assert scored["AR(1)"] > 0.1


def test_who_gets_autoregression():
    names = {task: [s.name for s in seers(suite.task(task), 50)] for task in ("adding(length=6)", "two-sequence", "sine(length=40)", "arfima(length=30)")}
    assert [any(name.startswith("AR(") for name in found) for found in names.values()] == [False, False, True, True]
    assert suite.task("sine").metric is scores.squared_error


# ARFIMA

LAWS = [(0.4, (), ()), (0.2, (), ()), (0.3, (0.5,), ()), (0.4, (0.7, -0.4), (-0.2,)), (0.25, (), (0.6, 0.3))]


@pytest.mark.parametrize(("d", "ar", "ma"), LAWS)
def test_the_autocovariance_is_that_of_the_spectrum(d, ar, ma):
    """γ(k) = 1/π ∫ |θ|² / |φ|² (2 sin λ/2)^-2d cos kλ dλ, the singularity at 0 taken as a weight."""
    found = autocovariance(d, ar, ma, 60)

    def smooth(angle):
        z = np.exp(-1j * angle)
        short = abs(1 + sum(m * z ** (k + 1) for k, m in enumerate(ma))) ** 2 / abs(1 - sum(a * z ** (k + 1) for k, a in enumerate(ar))) ** 2
        return short * (np.sinc(angle / 2 / np.pi) ** (-2 * d))

    for lag in (0, 1, 2, 7, 60):
        value, _ = quad(lambda angle, lag=lag: smooth(angle) * math.cos(lag * angle), 0, math.pi, weight="alg", wvar=(-2 * d, 0), limit=500)
        assert found[lag] == pytest.approx(value / math.pi, rel=1e-6, abs=1e-9)


def test_memory_is_long():
    """The closed form of Hosking (1981); its sum grows like n^2d for ever, where that of an AR(1) of the same first lag ends."""
    for d in (0.2, 0.4):
        found = autocovariance(d, (), (), 4000)
        closed = [math.exp(math.lgamma(1 - 2 * d) + math.lgamma(k + d) - math.lgamma(k - d + 1) - math.lgamma(1 - d) - math.lgamma(d)) for k in (1, 10, 100, 1000)]
        np.testing.assert_allclose(found[[1, 10, 100, 1000]], closed, rtol=1e-9)
        sums = found.cumsum()
        assert sums[4000] / sums[1000] == pytest.approx(4 ** (2 * d), rel=0.12)
        assert found[2000] / found[1000] == pytest.approx(2 ** (2 * d - 1), rel=1e-3)
    short = 2.0 * 0.667 ** np.arange(4001)
    assert short.cumsum()[4000] == pytest.approx(short.cumsum()[1000])


@pytest.mark.parametrize(("d", "ar", "ma"), [(0.4, (), ()), (0.3, (0.5,), (0.4,))])
def test_what_is_drawn_has_that_autocovariance(d, ar, ma):
    """At lags up to 100, within 5 standard errors over independent sequences, at the beginning as at the end."""
    n = 20_000
    batch = first(arfima(120, d=d, ar=ar, ma=ma), n)
    x, wanted = batch.x[..., 0].double(), autocovariance(d, ar, ma, 119)
    for start in (0, 19):
        for lag in (0, 1, 2, 5, 20, 50, 100):
            products = x[start] * x[start + lag]
            assert float(products.mean()) == pytest.approx(wanted[lag], abs=5 * float(products.std()) / math.sqrt(n))
    assert float(x.mean(1).abs().max()) < 5 * math.sqrt(wanted[0] / n)
    assert torch.equal(batch.x[1:, :, 0], batch.y[:-1])


@pytest.mark.parametrize(("d", "ar", "ma"), [(0.4, (), ()), (0.3, (0.7, -0.4), (-0.2,))])
def test_what_is_drawn_satisfies_its_definition(d, ar, ma):
    """φ(L) (1 - L)^d x = θ(L) ε: the left side has the autocovariance of a moving average, which ends after as many lags as there are coefficients."""
    n, length = 4000, 600
    x = first(arfima(length, d=d, ar=ar, ma=ma), n).x[..., 0].double()
    differencing = np.cumprod(np.concatenate([[1.0], (np.arange(length - 1) - d) / (np.arange(length - 1) + 1)]))
    whole = np.convolve(differencing, [1.0, *(-a for a in ar)])[:length]
    left = torch.stack([torch.from_numpy(whole[: t + 1][::-1].copy()) @ x[: t + 1] for t in range(length - 6, length)])
    response = np.array([1.0, *ma])
    wanted = [float(response[: len(response) - k] @ response[k:]) if k < len(response) else 0.0 for k in range(6)]
    for lag in range(6):
        products = left[0] * left[lag]
        assert float(products.mean()) == pytest.approx(wanted[lag], abs=5 * float(products.std()) / math.sqrt(n) + 0.02)  # what came before the first value is cut off


def test_errors_of_prediction_in_closed_form():
    """Of fractional noise the partial autocorrelation at lag k is d / (k - d); ten values and the whole past differ by what `solved` leaves."""
    law, variance = law_of(50, 0.4, (), ()), math.gamma(0.2) / math.gamma(0.6) ** 2
    for known in range(51):
        assert float(law.errors[known]) == pytest.approx(variance, rel=1e-9)
        variance *= 1 - (0.4 / (known + 1 - 0.4)) ** 2
    task = suite.task("arfima(length=50)")
    assert (task.chance, task.best) == pytest.approx((float(law.errors[0]), float(law.errors[1:].mean())))
    assert task.solved == pytest.approx(float((law.errors[1:11].sum() + 40 * law.errors[10]) / 50))
    assert law.weights.triu(1).abs().max() == 0, "nothing is predicted from what comes later"


def test_the_oracle_is_the_regression_on_the_whole_past():
    task = suite.task("arfima(length=12)")
    batch = first(task, 12_800)
    past = batch.x[:8, :, 0].double().T.numpy()
    fitted = np.linalg.lstsq(past, batch.y[7].double().numpy(), rcond=None)[0]
    np.testing.assert_allclose(fitted, law_of(12, 0.4, (), ()).weights[7, :8].numpy(), atol=0.05)
    assert float(task.metric(task.oracle(batch), batch)) == pytest.approx(task.best, abs=0.02)


@pytest.mark.usefixtures("lagged_alone")
def test_autoregression_beside_arfima_scores_what_its_lags_can_tell():
    task = suite.task("arfima(length=60)")
    scored = {b.name: b for b in baselines(task)}
    errors = law_of(60, 0.4, (), ()).errors
    for lags in AUTOREGRESSIVE:
        wanted = float(errors[torch.arange(1, 61).clamp(max=lags)].mean())
        found = scored[f"AR({lags})"]
        assert found.score == pytest.approx(wanted, abs=4 * found.deviation / math.sqrt(found.n) + 0.02)
    assert scored["AR(10)"].score < scored["AR(5)"].score < scored["AR(1)"].score


@pytest.mark.parametrize(("arguments", "sentence"), [
    ({"length": 1}, "arfima needs a length from 11 to 2,000, not 1"),
    ({"d": 0.5}, "arfima needs d between 0 and 0.5: at 0 there is no long memory, and at 0.5 no variance; not 0.5"),
    ({"d": 0.0}, "arfima needs d between 0 and 0.5: at 0 there is no long memory, and at 0.5 no variance; not 0.0"),
    ({"ar": ("a",)}, "arfima needs ar as numbers, (0.7, -0.4), not ('a',)"),
    ({"ar": (1.0,)}, "arfima needs ar under which a shock is forgotten within 10,000 steps: the series of (1.0,) is not stationary, or nearly not"),
    ({"ar": (1.5,)}, "arfima needs ar under which a shock is forgotten within 10,000 steps: the series of (1.5,) is not stationary, or nearly not"),
])
def test_mistakes_are_told_in_a_sentence(arguments, sentence):
    with pytest.raises(ValueError) as raised:
        suite.task("arfima", **arguments)
    assert str(raised.value) == sentence


@pytest.mark.parametrize(("name", "arguments", "sentence"), [
    ("sine", {"length": 19}, "sine needs a length from 20 to 1,000,000, not 19"),
    ("sine", {"mode": "closed"}, "sine needs mode 'next' or 'free', not 'closed'"),
    ("airline", {"length": 96}, "airline needs a length from 1 to 95 months, not 96"),
])
def test_mistakes_of_the_others_too(name, arguments, sentence):
    with pytest.raises(ValueError) as raised:
        suite.task(name, **arguments)
    assert str(raised.value) == sentence


# the airline series


def passengers():
    return columns("airline", "train")["passengers"].double().numpy()


def test_windows_are_the_months_before(data):
    data("airline")
    logs = np.log(passengers())
    scaled = (logs - logs[:96].mean()) / logs[:96].std()
    for length in (1, 24, 36):
        task = suite.task("airline", length=length)
        found = {split: list(task.batches(split, 7, seeded())) for split in SPLITS}
        months = {split: [int(np.argmin(np.abs(scaled - float(y)))) for batch in found[split] for y in batch.y] for split in ("validation", "test")}
        whole = {split: torch.cat([batch.x[..., 0] for batch in found[split]], 1) for split in SPLITS}
        assert [whole[split].shape for split in ("validation", "test")] == [(length, 24)] * 2
        for split, start in (("validation", 96), ("test", 120)):
            for k in range(24):
                np.testing.assert_allclose(whole[split][:, k].numpy(), scaled[start + k - length : start + k], rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(torch.cat([batch.y for batch in found[split]]).numpy(), scaled[start : start + 24], rtol=1e-5)
        assert len(months["test"]) == 24
        asked_for = torch.cat([batch.y for batch in task.batches("train", 1, seeded())])
        np.testing.assert_allclose(np.sort(asked_for.numpy()), np.sort(scaled[length:96]), rtol=1e-4, atol=1e-6)
    assert ENDS["test"] == len(logs)


def test_chance_and_solved_come_out_of_the_file(data):
    data("airline")
    logs = np.log(passengers())
    scaled = (logs - logs[:96].mean()) / logs[:96].std()
    month = np.arange(120, 144)
    assert suite.task("airline").chance == pytest.approx(scaled[month].var(), rel=1e-6)
    assert pytest.approx(np.mean((scaled[month] - scaled[month - 12] - scaled[month - 1] + scaled[month - 13]) ** 2), rel=1e-5) == SEASONAL


def test_autoregression_beside_the_airline_is_that_of_numpy(data):
    data("airline")
    logs = np.log(passengers())
    scaled = (logs - logs[:96].mean()) / logs[:96].std()
    scored = {b.name: b.score for b in baselines(suite.task("airline"))}
    for lags in AUTOREGRESSIVE:
        train, test = (np.array([[1, *scaled[t - lags : t]] for t in months]) for months in (range(24, 96), range(120, 144)))
        weights = np.linalg.lstsq(train, scaled[24:96], rcond=None)[0]
        assert scored[f"AR({lags})"] == pytest.approx(np.mean((test @ weights - scaled[120:]) ** 2), rel=0.05)  # an incomplete batch is dropped


class Quiet(SimpleHTTPRequestHandler):
    """Files of a folder."""

    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path, monkeypatch):
    """What writes the file of the airline series on a server that stands for the public repositories; nothing is cached and CARROUSEL_DATA names nothing."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    monkeypatch.setattr(repository, "ADDRESS", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.delenv("CARROUSEL_DATA", raising=False)
    monkeypatch.setenv("CARROUSEL_CACHE", str(tmp_path / "cache"))
    about = manifest("airline")

    def put(content):
        path = tmp_path / about.repository / about.commit / about.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        columns.cache_clear()

    columns.cache_clear()
    yield put
    server.shutdown()
    server.server_close()
    columns.cache_clear()


def test_a_copy_of_the_published_table_passes_for_the_file(data, request):
    data("airline")
    found = columns("airline", "train")
    months, counts = list(tensors.texts(found, "month")), found["passengers"].tolist()
    put = request.getfixturevalue("served")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([["Date", "Passengers"], *zip(months, counts, strict=True)])
    whole = text.getvalue().encode()
    assert hashlib.md5(whole).hexdigest() == "bdd6a95533afb45557d16f9fc940b592", "the file as sktime 1.2.0 ships it"
    put(whole)
    assert columns("airline", "train")["passengers"].tolist() == counts
    assert list(tensors.texts(columns("airline", "train"), "month")) == months
    assert first("airline", 4).x.shape == (24, 4, 1)


@pytest.mark.parametrize(("spoil", "sentence"), [
    (lambda whole: whole.replace(b"1949-01,112", b"1949-01,113"), "airline, train: the content of 'passengers' is not the published one"),
    (lambda whole: whole.replace(b"1949-01", b"1949-1"), "airline, train: the content of 'month' is not the published one"),
    (lambda whole: whole[:800], "airline(:|, train:)"),
    (lambda whole: b"", "airline: cannot read http"),
    (lambda whole: b"<html>moved</html>\n" * 9, "airline: cannot read http"),
    (lambda whole: whole.replace(b",112", b",many"), "airline: cannot read http"),
])
def test_a_file_that_is_another_is_told(data, request, spoil, sentence):
    data("airline")
    found = columns("airline", "train")
    rows = [f"{month},{count}" for month, count in zip(tensors.texts(found, "month"), found["passengers"].tolist(), strict=True)]
    request.getfixturevalue("served")(spoil("\n".join(["Date,Passengers", *rows, ""]).encode()))
    with pytest.raises(DataError, match=sentence) as raised:
        columns("airline", "train")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_nowhere_is_not_available(served):
    with pytest.raises(NotAvailable, match=r"airline is not here: CARROUSEL_DATA is not set, and the download of http.* failed"):
        columns("airline", "train")


def test_the_file_is_the_one_of_the_table(data):
    data("airline")
    assert asked(first("airline", 4)).all()
    assert manifest("airline").splits["train"].rows == len(passengers()) == 144
    assert (passengers().min(), passengers().max()) == (104, 622)
    months = list(tensors.texts(columns("airline", "train"), "month"))
    assert months == [f"{year}-{month:02d}" for year in range(1949, 1961) for month in range(1, 13)]
