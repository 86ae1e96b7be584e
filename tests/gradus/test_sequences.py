"""The made-up tasks on sequences: what they hold, and that the generator decides all of it."""

import pytest
import torch

from gradus import seeded, sequences


@pytest.mark.parametrize(
    "draw",
    [
        lambda source: sequences.waves(5, "square", source),
        lambda source: (sequences.tones(5, source),),
        lambda source: sequences.recall(5, source),
        lambda source: sequences.adding(5, source),
    ],
)
def test_the_generator_decides_everything(draw):
    state = torch.get_rng_state()
    first, again, other = draw(seeded(1)), draw(seeded(1)), draw(seeded(2))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], other[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_a_square_wave_is_flat_and_a_sine_is_not():
    x, label = sequences.waves(400, "square", seeded(0))
    assert x.shape == (400, 30, 1) and x.dtype == torch.float32
    assert 150 < label.sum() < 250
    near_one = ((x.abs() - 1).abs() < 0.4).float().mean(dim=(1, 2))
    assert near_one[label == 1].min() > 0.95 > 0.8 > near_one[label == 0].mean()


def test_sine_and_cosine_have_the_same_moments_at_each_step():
    x, label = sequences.waves(20000, "cosine", seeded(0))
    for moment in (1, 2, 3):
        classes = [(x[label == k] ** moment).mean(dim=0) for k in (0, 1)]
        assert (classes[0] - classes[1]).abs().max() < 0.05


def test_tones_are_clean_and_bounded():
    x = sequences.tones(50, seeded(0), steps=20)
    assert x.shape == (50, 20, 1) and x.abs().max() <= 1


def test_recall_asks_for_the_first_symbol():
    x, first = sequences.recall(6, seeded(0), steps=9, symbols=3)
    assert x.shape == (6, 9, 3) and torch.equal(x[:, 0].argmax(dim=1), first)
    assert torch.equal(x.sum(dim=2), torch.ones(6, 9))


def test_adding_marks_one_number_in_each_half():
    x, total = sequences.adding(30, seeded(0), steps=11)
    marks = x[..., 1]
    assert x.shape == (30, 11, 2) and total.shape == (30, 1)
    assert torch.equal(marks[:, :5].sum(1), torch.ones(30))
    assert torch.equal(marks[:, 5:].sum(1), torch.ones(30))
    assert torch.allclose((x[..., 0] * marks).sum(1, keepdim=True), total)
