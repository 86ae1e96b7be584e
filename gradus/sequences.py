"""Small made-up tasks on sequences, (samples, steps, features), each solved in seconds.

Every function draws from the generator that it is given, and from nothing else.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def waves(n: int, other: str, generator: torch.Generator, steps: int = 30) -> tuple[Tensor, Tensor]:
    """Noisy waves (n, steps, 1), each begun at any place, and classes: 0 sine, 1 the `other`.

    other: "square" or "cosine".
    """
    angle = 0.25 * torch.arange(steps) + 2 * math.pi * torch.rand(n, 1, generator=generator)
    sine, label = torch.sin(angle), torch.randint(2, (n,), generator=generator)
    shape = {"square": sine.sign(), "cosine": torch.cos(angle)}[other]
    wave = torch.where(label[:, None] == 1, shape, sine)
    return (wave + 0.1 * torch.randn(wave.shape, generator=generator))[..., None], label


def tones(n: int, generator: torch.Generator, steps: int = 60) -> Tensor:
    """Clean sine waves (n, steps, 1), each with a pitch and a beginning of its own."""
    speed = 0.5 + torch.rand(n, 1, generator=generator)
    shift = 2 * math.pi * torch.rand(n, 1, generator=generator)
    return torch.sin(0.25 * speed * torch.arange(steps) + shift)[..., None]


def recall(
    n: int, generator: torch.Generator, steps: int = 40, symbols: int = 4
) -> tuple[Tensor, Tensor]:
    """Random symbols, one-hot (n, steps, symbols), and the first of each sequence, (n,)."""
    drawn = torch.randint(symbols, (n, steps), generator=generator)
    return F.one_hot(drawn, symbols).float(), drawn[:, 0]


def adding(n: int, generator: torch.Generator, steps: int = 120) -> tuple[Tensor, Tensor]:
    """Numbers in [0, 1) and markers, (n, steps, 2), and the sum of the two marked, (n, 1).

    One marker stands in each half (Hochreiter and Schmidhuber, 1997).
    """
    numbers, half = torch.rand(n, steps, generator=generator), steps // 2
    first = torch.randint(half, (n,), generator=generator)
    second = half + torch.randint(steps - half, (n,), generator=generator)
    marks = F.one_hot(first, steps) + F.one_hot(second, steps)
    return torch.stack([numbers, marks], dim=2), (numbers * marks).sum(dim=1, keepdim=True)
