"""The stand-in for CIFAR-10: coloured shapes, 3 x 32 x 32, in ten classes.

Colours are drawn apart from the class, so colour alone tells nothing; place, size, tilt, lighting
and noise vary. A linear model stays far behind a small convolutional net.
"""

import numpy as np
import torch

from . import drawing as d

CLASSES = (
    "disc",
    "square",
    "triangle",
    "cross",
    "ring",
    "frame",
    "bars across",
    "bars upright",
    "checker",
    "diagonal stripes",
)
SIDE = 32
SIZES = {True: 3000, False: 1000}


def shapes(train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, 3, 32, 32) uint8 and labels (N,) int64; 3,000 to train with, 1,000 to test."""
    rng = np.random.default_rng(10 if train else 11)
    count = SIZES[train]
    labels = rng.permutation(np.arange(count) % len(CLASSES))
    cover = np.empty((count, SIDE, SIDE), dtype=np.float32)
    for kind in range(len(CLASSES)):
        rows = np.flatnonzero(labels == kind)
        cover[rows] = _cover(kind, d.Dice(rng, len(rows)))
    images = _paint(cover[:, None], rng)
    return torch.from_numpy(images), torch.from_numpy(labels)


def _cover(kind: int, dice: d.Dice) -> np.ndarray:
    """Masks (n, 32, 32), from 0 to 1, of one class."""
    u, v = d.grid(SIDE)
    u, v = u - dice.between(-0.3, 0.3), v - dice.between(-0.3, 0.3)
    tilt, size = dice.between(-0.3, 0.3), dice.between(0.45, 0.7)
    u, v = u * np.cos(tilt) + v * np.sin(tilt), v * np.cos(tilt) - u * np.sin(tilt)
    square = d.box(u, v, size * 0.9, size * 0.9)
    if kind == 0:
        shape = d.disc(u, v, size)
    elif kind == 1:
        shape = square
    elif kind == 2:
        shape = np.maximum(np.abs(u) * 0.87 - v * 0.5 - size * 0.5, v - size * 0.8)
    elif kind == 3:
        arm = size * dice.between(0.25, 0.35)
        shape = d.union(d.box(u, v, size, arm), d.box(u, v, arm, size))
    elif kind == 4:
        shape = d.without(d.disc(u, v, size), d.disc(u, v, size * dice.between(0.5, 0.65)))
    elif kind == 5:
        inner = size * dice.between(0.45, 0.6)
        shape = d.without(square, d.box(u, v, inner, inner))
    else:
        step = dice.between(0.28, 0.4)
        across, upright = np.sin(2 * np.pi * v / step), np.sin(2 * np.pi * u / step)
        diagonal = np.sin(2 * np.pi * (u + v) / (1.41 * step))
        wave = (across, upright, np.sin(np.pi * v / step) * np.sin(np.pi * u / step), diagonal)
        shape = np.maximum(square, -wave[kind - 6] * step / (2 * np.pi))
    return d.cover(shape, SIDE)


def _paint(cover: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Colour the masks (N, 1, H, W): two random colours, a slope of light and noise."""
    count = len(cover)
    u, v = d.grid(SIDE)
    back = rng.uniform(0.1, 0.9, (count, 3, 1, 1)).astype(np.float32)
    change = rng.uniform(0.2, 0.5, (count, 3, 1, 1)).astype(np.float32)
    front = back + np.where(back > 0.5, -change, change)
    slope = rng.uniform(-0.15, 0.15, (count, 2, 1, 1)).astype(np.float32)
    light = slope[:, :1] * u[None] + slope[:, 1:] * v[None]
    image = back + (front - back) * cover + light
    image += 0.06 * rng.standard_normal(image.shape, dtype=np.float32)
    return (image.clip(0, 1) * 255).round().astype(np.uint8)
