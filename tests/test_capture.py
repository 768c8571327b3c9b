"""What is recorded once and replayed: sessions are lent to one pass at a time, copies go in and out, refusals are in words."""

import contextlib
import gc
import weakref

import pytest
import torch

from suite.cells import CELLS
from suite.engines import ENGINES, Refused, capture, device_exchange, graphed, scan, scan_cuda, unroll
from suite.engines.capture import Pool, Replayed
from suite.engines.device_plan import Form
from suite.engines.session import Session

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
GRU = CELLS["gru"](4)


def test_a_session_is_lent_once_and_lent_again_when_it_is_back():
    pool, made = Pool(), []
    first, second = (pool.take("a", lambda: made.append(len(made)) or len(made)) for _ in range(2))
    assert (first.session, second.session) == (1, 2)
    first.release()
    first.release()
    assert len(pool) == 1
    assert pool.take("b", lambda: 9).session == 9
    assert pool.take("a", lambda: 9).session == 1


def test_a_lease_that_nobody_holds_ends():
    pool = Pool()
    lease = pool.take("a", lambda: 1)
    assert len(pool) == 0
    del lease
    gc.collect()
    assert len(pool) == 1


def test_the_sessions_used_longest_ago_are_given_up():
    pool = Pool(kept=2)
    leases = [pool.take(name, lambda name=name: name) for name in "abc"]
    for lease in leases:
        lease.release()
    assert len(pool) == 2
    assert pool.take("a", lambda: "new").session == "new"
    assert pool.take("c", lambda: "new").session == "c"


def test_short_memory_gives_up_what_nobody_uses_and_tries_again():
    pool, tried = Pool(), []
    pool.take("a", lambda: 1).release()

    def make():
        tried.append(len(pool))
        if len(tried) == 1:
            raise torch.OutOfMemoryError
        return 2

    assert pool.take("b", make).session == 2
    assert tried == [1, 0]
    with pytest.raises(torch.OutOfMemoryError):
        pool.take("c", lambda: (_ for _ in ()).throw(torch.OutOfMemoryError()))


def test_what_a_failed_attempt_holds_is_gone_before_the_next():
    class Large:
        pass

    pool, held, alive = Pool(), [], []

    def make():
        alive.append([one() is not None for one in held])
        large = Large()
        held.append(weakref.ref(large))
        if len(held) == 1:
            raise torch.OutOfMemoryError
        return large

    with uncollected():
        pool.take("a", make)
    assert alive == [[], [False]]


@contextlib.contextmanager
def uncollected():
    """The cyclic collector is off, as while a call is timed."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def form(kept=True):
    return Form(3, 1, 2, 3, 1, 0, (), torch.float32, CPU, kept, "ieee")


def session(kept=True):
    return Session(scan_cuda.planned(scan.taped(GRU), 3, torch.float32), form(kept))


def test_a_session_given_up_is_gone_at_once():
    pool = Pool()
    with uncollected():
        lease = pool.take("a", session)
        lease.session.forwards  # noqa: B018  methods that are asked for are not kept either
        watched = [weakref.ref(lease.session), weakref.ref(lease.session.memory.at["a0"]), weakref.ref(lease.session.memory.gradients.whole)]
        lease.release()
        assert all(one() is not None for one in watched)
        pool.clear()
        assert [one() for one in watched] == [None] * 3


def test_what_the_way_back_needs_is_there_from_the_start():
    assert {"q0", "dy", "dx", "d0"} <= set(session().memory.at)
    assert "q0" not in session(kept=False).memory.at


def test_sessions_that_nobody_uses_hold_a_bounded_part_of_memory():
    pool = Pool(share={"a": 0.2, "b": 0.04, "c": 0.02, "d": 0.9}.get)
    for name in "abc":
        pool.take(name, lambda name=name: name).release()
    assert [name for _, name in pool._free] == ["b", "c"]
    pool.take("d", lambda: "d").release()
    assert [name for _, name in pool._free] == ["d"]


def test_a_session_made_in_inference_mode_serves_outside_of_it():
    pool = Pool()
    with torch.inference_mode():
        pool.take("a", session).release()
    lease = pool.take("a", lambda: None)
    tensors = [torch.ones(1, *GRU.shapes(3)[name]) for name in (*lease.session.memory.plan.weights, *lease.session.memory.plan.biases)] + [torch.ones(1, 2, 4)]
    with torch.no_grad():
        device_exchange.load(lease.session.memory, torch.ones(3, 1, 2, 3), tensors, None, ())
        device_exchange.load_gradients(lease.session.memory, None, [None])
    assert lease.session.memory.at["x"].eq(1).all()
    assert not lease.session.memory.gradients.whole.is_inference()


def test_a_lease_that_ends_while_another_is_taken_changes_nothing():
    pool = Pool(kept=2)
    leases = [pool.take(key, lambda key=key: key) for key in "abc"]
    leases[0].release()
    leases[1].release()

    class Key(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other):
            leases[2].release()  # as the collector may do in the middle of Python code
            return str.__eq__(self, other)

    assert pool.take(Key("b"), lambda: "new").session == "b"
    assert pool.take("c", lambda: "new").session == "c"


class Stream:
    def __init__(self, number):
        self.cuda_stream = number


def test_a_session_stays_with_its_stream(monkeypatch):
    pool, now = Pool(), [1]
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream(now[0]))
    pool.take("a", lambda: "one", CUDA).release()
    now[0] = 2
    pool.take("a", lambda: "two", CUDA).release()
    now[0] = 1
    assert pool.take("a", lambda: "new", CUDA).session == "one"


def test_a_session_inside_a_recording_is_that_recordings_alone(monkeypatch):
    pool, inside = Pool(), [False]
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: inside[0])
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: Stream(1))
    pool.take("a", lambda: "before", CUDA).release()
    inside[0] = True
    lease = pool.take("a", lambda: "its own", CUDA)
    assert lease.session == "its own"
    lease.release()
    inside[0] = False
    again = [pool.take("a", lambda: "new", CUDA) for _ in range(2)]
    assert [lease.session for lease in again] == ["before", "new"]


def test_a_body_is_recorded_once_and_replayed_after(monkeypatch):
    events = []

    class Graph:
        def replay(self):
            events.append("replay")

    monkeypatch.setattr(capture, "recorded", lambda body, device: events.append("record") or Graph())
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    run, body = Replayed(CUDA), lambda: events.append("body")
    run(body)
    run(body)
    assert events == ["record", "replay", "replay"]
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    run(body)
    assert events[3:] == ["body"]
    Replayed(CPU)(lambda: events.append("here"))
    assert events[4:] == ["here"]


# graphed


class Fake:
    """What `make_graphed_callables` returns, without a graph: fixed memory for what goes in and out, of which a second call makes use again."""

    made = 0

    def __init__(self, function, samples, allow_unused_input):
        assert allow_unused_input
        Fake.made += 1
        self.function, self.samples, self.out, self.back = function, samples, None, None

    def __call__(self, *given):
        fake = self
        with torch.no_grad():
            for sample, value in zip(fake.samples, given, strict=True):
                assert sample.shape == value.shape
                assert sample.requires_grad == (value.requires_grad and torch.is_grad_enabled()) or not torch.is_grad_enabled()
                sample.copy_(value)

        class Graphed(torch.autograd.Function):
            @staticmethod
            def forward(ctx, *given):
                with torch.inference_mode(False):  # what is fixed is made with the recording
                    fake.results = fake.function(*fake.samples)
                    fake.out = fake.out or [value.detach().clone() for value in fake.results]
                for fixed, value in zip(fake.out, fake.results, strict=True):
                    fixed.copy_(value.detach())
                return tuple(value.detach() for value in fake.out)

            @staticmethod
            def backward(ctx, *gradients):
                wanted = [sample for sample in fake.samples if sample.requires_grad]
                found = torch.autograd.grad(fake.results, wanted, gradients, allow_unused=True, retain_graph=True)
                found = [torch.zeros_like(sample) if g is None else g for g, sample in zip(found, wanted, strict=True)]
                fake.back = fake.back or [g.clone() for g in found]
                for fixed, value in zip(fake.back, found, strict=True):
                    fixed.copy_(value)
                left = iter(fake.back)
                return tuple(next(left).detach() if sample.requires_grad else None for sample in fake.samples)

        return Graphed.apply(*given)


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", Fake)
    graphed.RECORDINGS.clear()
    Fake.made = 0
    yield Fake
    graphed.RECORDINGS.clear()


class Case:
    def __init__(self, seed=0, cell=GRU, masked=False, learnt=True):
        generator = torch.Generator().manual_seed(seed)

        def draw(*shape):
            return torch.rand(*shape, generator=generator, dtype=torch.float64) - 0.5

        self.cell = cell
        self.params = {name: draw(2, *shape).requires_grad_(learnt) for name, shape in cell.shapes(3).items()}
        self.state = {name: draw(2, 3, width).requires_grad_(learnt) for name, width in cell.state.items()}
        self.x = draw(5, 1, 3, 3).requires_grad_(learnt)
        self.mask = draw(5, 1, 3) < 0.3 if masked else None

    @property
    def leaves(self):
        return [*self.params.values(), *self.state.values(), self.x]

    def run(self, unrolled=graphed.unroll):
        y, last = unrolled(self.cell, self.params, self.x, self.state, self.mask, {})
        return [y, *last.values()]

    def gradients(self, values, **more):
        return list(torch.autograd.grad(sum((value.sin() * k).sum() for k, value in enumerate(values, start=1)), self.leaves, **more))

    def plain(self):
        values = self.run(ENGINES["hoisted"].unroll)
        return [*(value.detach() for value in values), *self.gradients(values)]


def same(ours, theirs):
    assert all(torch.allclose(a, b, rtol=0, atol=1e-14) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("name", ["gru", "lstm-peephole"])
def test_a_recording_serves_every_call_of_its_shape(fake, name, masked):
    for seed in range(3):
        case = Case(seed, CELLS[name](4), masked)
        values = case.run()
        same([*(value.detach() for value in values), *case.gradients(values)], case.plain())
    assert fake.made == 1


def test_passes_before_a_gradient_have_recordings_of_their_own(fake):
    cases = [Case(seed) for seed in range(3)]
    passes = [case.run() for case in cases]
    assert fake.made == 3
    for case, values in zip(reversed(cases), reversed(passes), strict=True):
        same([*(value.detach() for value in values), *case.gradients(values)], case.plain())
    Case(4).run()
    assert fake.made == 3


def test_results_are_nobody_elses_memory(fake):
    one = Case(0)
    values = one.run()
    gradients = one.gradients(values)
    kept = [value.detach().clone() for value in (*values, *gradients)]
    other = Case(1)
    other.gradients(other.run())
    same([value.detach() for value in (*values, *gradients)], kept)
    assert fake.made == 1


def test_a_second_gradient_of_a_pass_is_an_error_in_words(fake):
    case = Case()
    values = case.run()
    case.gradients(values, retain_graph=True)
    with pytest.raises(RuntimeError, match="engine 'graphed' gives one gradient for each pass"):
        case.gradients(values)


def test_a_recording_is_for_a_shape_a_dtype_and_what_asks_for_gradients(fake):
    case, names = Case(), graphed.Names(("a",), ("h",), (), masked=False)
    base = [case.x, case.x]
    keys = [
        graphed.key(GRU, names, base, True),
        graphed.key(GRU, names, base, False),
        graphed.key(CELLS["mgu"](4), names, base, True),
        graphed.key(GRU, names, [case.x, case.x.float()], True),
        graphed.key(GRU, names, [case.x, case.x[1:]], True),
        graphed.key(GRU, names, [case.x, case.x.detach()], True),
        graphed.key(GRU, names._replace(masked=True), base, True),
    ]
    assert len(set(keys)) == len(keys)
    assert graphed.key(CELLS["gru"](4), names, [value.clone().detach().requires_grad_() for value in base], True) == keys[0]


def test_a_recording_is_for_how_pytorch_is_set():
    case, names = Case(), graphed.Names(("a",), ("h",), (), masked=False)

    def key():
        return graphed.key(GRU, names, [case.x], True)

    keys, matmul = [key()], torch.backends.cuda.matmul
    assert key() == keys[0]
    before = matmul.fp32_precision
    try:
        matmul.fp32_precision = "tf32"
        keys.append(key())
    finally:
        matmul.fp32_precision = before
    with torch.autocast("cpu", torch.bfloat16):
        keys.append(key())
    with torch.autocast("cpu", torch.float16):
        keys.append(key())
    try:
        torch.use_deterministic_algorithms(True)
        keys.append(key())
    finally:
        torch.use_deterministic_algorithms(False)
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]


def test_a_recording_made_in_inference_mode_serves_outside_of_it(fake):
    case = Case(learnt=False)
    with torch.inference_mode():
        case.run()
    same([value.detach() for value in case.run()], [value.detach() for value in case.run(ENGINES["hoisted"].unroll)])
    assert fake.made == 1


def test_inside_a_recording_the_loop_becomes_a_part_of_that(fake, monkeypatch):
    monkeypatch.setattr(graphed, "capturing", lambda device: True)
    case = Case()
    values = case.run()
    same([*(value.detach() for value in values), *case.gradients(values)], case.plain())
    assert fake.made == 0


def test_without_gradients_a_recording_is_given_back_at_once(fake):
    case = Case(learnt=False)
    same([value.detach() for value in case.run()], [value.detach() for value in case.run(ENGINES["hoisted"].unroll)])
    with torch.no_grad():
        case.run()
    assert fake.made == 1
    assert len(graphed.RECORDINGS) == 1


def test_a_cpu_is_refused_in_words():
    assert ENGINES["graphed"].refuses(GRU, CUDA) is None
    case = Case()
    with pytest.raises(Refused, match="engine 'graphed' records CUDA graphs and does not run on cpu: 'gru' is left to another engine"):
        unroll(GRU, case.params, case.x, case.state, engine=ENGINES["graphed"])


# on a GPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("engine", ["graphed", "compiled", "scan", "vendor"])
@pytest.mark.parametrize("name", ["lstm", "gru", "rnn"])
def test_engines_agree_with_the_reference_on_a_gpu(name, engine):
    from suite.training.agreement import TOLERANCE, difference

    cell = CELLS[name](6)
    sentence = ENGINES[engine].refuses(cell, CUDA)
    if sentence:
        pytest.skip(sentence)
    for dtype in (torch.float64, torch.float32):  # `difference` has all of them multiply as IEEE has it
        for _ in range(2):  # recorded, and replayed
            assert difference(cell, ENGINES[engine], 3, CUDA, dtype) <= TOLERANCE[dtype]
