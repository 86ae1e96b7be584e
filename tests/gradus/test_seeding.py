"""The same seed gives the same numbers, everywhere."""

import random

import numpy as np
import pytest
import torch

from gradus.seeding import seed_everything, seeded


def _draw():
    return random.random(), np.random.rand(), torch.rand(()).item()


def test_seed_everything_repeats_all_three():
    seed_everything(3)
    first = _draw()
    seed_everything(3)
    assert _draw() == first
    seed_everything(4)
    assert all(a != b for a, b in zip(_draw(), first, strict=True))


@pytest.mark.parametrize("n", [-1, 2**32])
def test_seed_out_of_range(n):
    with pytest.raises(ValueError, match="seed"):
        seed_everything(n)


def test_seeded_repeats_and_leaves_the_global_generator_alone():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first = torch.randn(5, generator=seeded(1))
    assert torch.equal(first, torch.randn(5, generator=seeded(1)))
    assert not torch.equal(first, torch.randn(5, generator=seeded(2)))
    assert torch.equal(torch.get_rng_state(), state)
