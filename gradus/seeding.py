"""Random numbers that come out the same each time."""

import random

import numpy as np
import torch


def seed_everything(n: int) -> None:
    """Seed the global generators of Python, NumPy and PyTorch (every device) with `n`.

    `n` lies between 0 and 2**32 - 1, the range that NumPy accepts; ValueError otherwise.
    """
    if not 0 <= n < 2**32:
        raise ValueError(f"a seed lies between 0 and 2**32 - 1, got {n}")
    random.seed(n)
    np.random.seed(n)
    torch.manual_seed(n)


def seeded(n: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own, seeded with `n`, for ``torch.randn(..., generator=seeded(0))``.

    Two calls with the same `n` draw the same numbers, and neither disturbs the global generator.
    """
    return torch.Generator(device=device).manual_seed(n)
