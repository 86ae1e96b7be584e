"""Probes: small objects that turn a hidden behaviour into a number.

A spy that reports "I was in eval mode" can be made to lie. A probe spoils the number instead: who
forgot ``model.eval()`` gets a loss that is wrong by a known amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import nn


class Tattle(nn.Module):
    """Identity that adds 10 in train mode and 100 while gradients are recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spoiled = x + 10.0 * self.training + 100.0 * torch.is_grad_enabled()
        return self.scale * spoiled


class OncePerRun:
    """Batches that may be walked through once: on each further pass all values are 1000 larger.

    ``batches`` is a list of tuples of tensors; ``passes`` counts how often a walk began.
    """

    def __init__(self, batches: Iterable[tuple[torch.Tensor, ...]]) -> None:
        self.batches = list(batches)
        self.passes = 0

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[torch.Tensor, ...]]:
        extra = 1000 * self.passes
        self.passes += 1
        for batch in self.batches:
            yield tuple(part + extra if extra else part.clone() for part in batch)


class FakeClock:
    """A clock that only moves when told: ``clock()`` gives seconds, ``clock.advance(s)`` moves it.

    ``ticks``: seconds that every reading itself takes (0 by default). ``readings`` counts calls.
    """

    def __init__(self, start: float = 0.0, ticks: float = 0.0) -> None:
        self.now = start
        self.ticks = ticks
        self.readings = 0

    def __call__(self) -> float:
        self.readings += 1
        now = self.now
        self.now += self.ticks
        return now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
