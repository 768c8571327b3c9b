"""Runs on a GPU share a replica axis as far as its memory goes; elsewhere a group stays whole."""

import pytest

from suite.launch import filling
from suite.runs import TrainSpec
from suite.training.build import network

SPEC = TrainSpec(cell="gru", units=8, task="temporal-order(length=20)", device="cuda", batch=4, steps=10)


def group(count, **changes):
    return [SPEC.model_copy(update={"seed": seed, **changes}) for seed in range(count)]


@pytest.mark.parametrize(("count", "most"), [(10, 1), (10, 2), (10, 3), (10, 7), (10, 100), (21, 5)])
def test_a_group_is_cut_into_like_parts_none_larger_than_memory_holds(monkeypatch, count, most):
    bytes_ = replica()
    monkeypatch.setattr(filling, "memory", lambda device: int(most * bytes_ / filling.SHARE) + 10)
    parts = filling.filled([group(count)])
    sizes = [len(part) for part in parts]
    assert [spec for part in parts for spec in part] == group(count)
    assert max(sizes) <= most
    assert len(sizes) == -(-count // most)
    assert max(sizes) - min(sizes) <= 1


def replica():
    from suite.launch.estimate import at_hand, facts

    known = facts(SPEC.task, SPEC.batch)
    return filling.replica_bytes(at_hand().network(SPEC), SPEC.engine, SPEC.device, SPEC.dtype, [(round(known.length), SPEC.batch), *known.evaluation])


def test_a_model_too_large_for_the_card_is_still_tried_alone(monkeypatch):
    monkeypatch.setattr(filling, "memory", lambda device: 1)
    assert [len(part) for part in filling.filled([group(3)])] == [1, 1, 1]


def test_the_memory_of_this_machine_cuts_no_group_of_another(monkeypatch):
    monkeypatch.setattr(filling, "memory", lambda device: 1)
    assert [len(part) for part in filling.filled([group(3)], elsewhere=True)] == [3]


def test_a_group_is_tried_only_where_what_is_free_holds_it(monkeypatch):
    from suite.launch import worker

    free = 3 * replica() + 10
    monkeypatch.setattr(filling.torch.cuda, "mem_get_info", lambda device: (free, 100 * free))
    filling.admit(group(3))
    with pytest.raises(filling.torch.OutOfMemoryError) as raised:
        worker.JOBS["train"]({"specs": group(4)}, lambda done, steps: None)
    kind, sentence = worker._last_word(raised.value, 0)
    assert (kind, sentence) == ("memory", "the memory of the GPU did not hold it: 4 runs were to train as one model, and what is free holds 3")
    free = 0
    filling.admit(group(1))
    filling.admit(group(4, device="cpu"))


def test_groups_on_a_cpu_stay_whole():
    assert filling.memory("cpu") is None
    assert filling.filled([group(300, device="cpu"), group(2, device="cpu")]) == [group(300, device="cpu"), group(2, device="cpu")]


def test_the_rule_counts_parameters_and_values():
    net = network("rnn", 4, inputs=3, outputs=2)
    values, batch = 4 + 4, net.block  # a row and a state; a batch is filled up to whole blocks
    assert filling.replica_bytes(net, "hoisted", "cuda", "float32", [(5, 2), (1, 1)]) == 4 * (7 * net.parameters + 4 * 5 * batch * values)
    assert filling.replica_bytes(net, "hoisted", "cuda", "float64", [(5, 2)]) == 2 * filling.replica_bytes(net, "hoisted", "cuda", "float32", [(5, 2)])
