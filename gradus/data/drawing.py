"""Drawing with distances: a shape is the signed distance of each pixel to its edge, inside < 0.

All functions work on arrays that broadcast: coordinates (1, H, W), parameters (N, 1, 1).
u runs from -1 (left) to 1 (right), v from -1 (top) to 1 (bottom).
"""

import numpy as np


def grid(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates u and v, each (1, side, side), of the pixels' middles."""
    middle = (np.arange(side, dtype=np.float32) + 0.5) * (2 / side) - 1
    return middle[None, None, :], middle[None, :, None]


def disc(u, v, radius):
    """A circle around the origin."""
    return np.hypot(u, v) - radius


def box(u, v, half_width, half_height):
    """An upright rectangle around the origin."""
    return np.maximum(np.abs(u) - half_width, np.abs(v) - half_height)


def capsule(u, v, start, end, radius):
    """A line from `start` to `end`, each (u, v), thickened to `radius`, with round ends."""
    along_u, along_v = end[0] - start[0], end[1] - start[1]
    length = along_u**2 + along_v**2 + 1e-9
    share = np.clip(((u - start[0]) * along_u + (v - start[1]) * along_v) / length, 0, 1)
    return np.hypot(u - start[0] - share * along_u, v - start[1] - share * along_v) - radius


def union(*shapes):
    """What lies in any of the shapes."""
    result = shapes[0]
    for shape in shapes[1:]:
        result = np.minimum(result, shape)
    return result


def without(shape, hole):
    """What lies in `shape` and not in `hole`."""
    return np.maximum(shape, -hole)


def cover(shape, side: int) -> np.ndarray:
    """Share of each pixel that lies inside, from 0 to 1: a soft edge one pixel wide."""
    return np.clip(0.5 - shape * (side / 2), 0, 1)


class Dice:
    """Random parameters of `n` pictures, each (n, 1, 1) float32."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.rng, self.n = rng, n

    def between(self, low: float, high: float) -> np.ndarray:
        """Uniform numbers."""
        return self.rng.uniform(low, high, (self.n, 1, 1)).astype(np.float32)

    def chance(self, share: float) -> np.ndarray:
        """1 with this probability, else 0."""
        return (self.between(0, 1) < share).astype(np.float32)
