"""Probes: each hidden behaviour spoils the number by a known amount."""

import pytest
import torch
from torch import nn

from gradus import probes

ONE = torch.ones(2)


@pytest.mark.parametrize("train, recorded, amount", [
    (False, False, 0), (True, False, 10), (False, True, 100), (True, True, 110),
])  # fmt: skip
def test_tattle_tells_mode_and_recording(train, recorded, amount):
    probe = nn.Sequential(probes.Tattle()).train(train)
    with torch.set_grad_enabled(recorded):
        assert torch.equal(probe(ONE), ONE + amount)


def test_tattle_in_inference_mode():
    with torch.inference_mode():
        assert torch.equal(probes.Tattle().eval()(ONE), ONE)


def test_tattle_can_be_trained():
    probe = probes.Tattle()
    probe(ONE).sum().backward()
    assert [name for name, _ in probe.named_parameters()] == ["scale"]
    assert probe.scale.grad == 222


def batches():
    return [(ONE, torch.tensor([0, 1])), (2 * ONE, torch.tensor([True, False]))]


def test_the_first_walk_is_true_and_the_second_worth_1000_more():
    probe = probes.OncePerRun(batches())
    first, second, third = list(probe), list(probe), list(probe)
    for came, meant in zip(first, batches(), strict=True):
        for mine, theirs in zip(came, meant, strict=True):
            assert mine.dtype == theirs.dtype and torch.equal(mine, theirs)
    assert torch.equal(second[0][0], ONE + 1000)
    assert torch.equal(second[0][1], torch.tensor([1000, 1001]))
    assert torch.equal(third[1][0], 2 * ONE + 2000)
    assert probe.passes == 3


def test_a_walk_counts_from_its_first_item_on():
    probe = probes.OncePerRun(batches())
    assert len(probe) == 2 and probe.passes == 0
    iter(probe)
    assert probe.passes == 0
    next(iter(probe))
    assert probe.passes == 1
    assert torch.equal(next(iter(probe))[0], ONE + 1000)


def test_what_is_done_to_a_batch_does_not_come_back():
    held = batches()
    probe = probes.OncePerRun(held)
    next(iter(probe))[0].zero_()
    assert torch.equal(held[0][0], ONE)


def test_batches_may_come_from_a_generator():
    assert len(list(probes.OncePerRun((ONE,) for _ in range(3)))) == 3


def test_the_clock_moves_when_told():
    clock = probes.FakeClock(start=5.0)
    assert (clock(), clock()) == (5.0, 5.0)
    clock.advance(2.5)
    assert clock() == 7.5
    assert clock.readings == 3


def test_a_reading_may_take_time():
    clock = probes.FakeClock(ticks=0.5)
    assert [clock() for _ in range(3)] == [0.0, 0.5, 1.0]
