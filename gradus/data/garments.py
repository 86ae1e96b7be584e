"""The stand-in for Fashion-MNIST: drawn garments, 28 x 28 grey, in its ten classes.

Each class is a silhouette with its own proportions, cut and cloth vary within it. As in the real
set the upper garments (T-shirt, pullover, coat, shirt) are the ones that are easily confused.
"""

import numpy as np
import torch

from . import drawing as d

CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
SIDE = 28
SIZES = {True: 4000, False: 1000}


def garments(train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, 1, 28, 28) uint8 and labels (N,) int64; 4,000 to train with, 1,000 to test."""
    rng = np.random.default_rng(20 if train else 21)
    count = SIZES[train]
    labels = rng.permutation(np.arange(count) % len(CLASSES))
    images = np.empty((count, 1, SIDE, SIDE), dtype=np.uint8)
    for kind, draw in enumerate(_DRAW):
        rows = np.flatnonzero(labels == kind)
        images[rows, 0] = _picture(draw, d.Dice(rng, len(rows)))
    return torch.from_numpy(images), torch.from_numpy(labels)


def _picture(draw, dice: d.Dice) -> np.ndarray:
    """Pictures (n, 28, 28) uint8 of one class: silhouette, cloth, folds, dark details."""
    u, v = d.grid(SIDE)
    u, v = u - dice.between(-0.14, 0.14), v - dice.between(-0.1, 0.1)
    turn = dice.between(-0.12, 0.12)
    u, v = u + turn * v, v - turn * u
    stretch = dice.between(0.9, 1.15)
    shape, details = draw(u / stretch, v * stretch, dice)
    stripes = np.sin((u * dice.chance(0.5) + v) * dice.between(8, 25) + dice.between(0, 6))
    cloth = dice.between(0.4, 0.95) + 0.2 * dice.chance(0.3) * np.sign(stripes)
    folds = np.cos(u * dice.between(3, 9) + v * dice.between(-3, 3) + dice.between(0, 6))
    tone = cloth + 0.08 * folds - 0.15 * np.abs(u)
    tone = tone + 0.05 * dice.rng.standard_normal(tone.shape, dtype=np.float32)
    tone = tone * (1 - dice.between(0.3, 0.6) * d.cover(details, SIDE))
    return (np.clip(tone, 0.05, 1) * d.cover(shape, SIDE) * 255).round().astype(np.uint8)


def _top(u, v, dice, bottom, reach, drop):
    """Body down to `bottom`, sleeves that end `reach` to the side and `drop` below the shoulder."""
    u = np.abs(u)
    width, shoulder = dice.between(0.36, 0.46), dice.between(-0.72, -0.64)
    flare = dice.between(-0.04, 0.08)
    body = np.maximum(u - width - flare * v, np.maximum(v - bottom, shoulder - 0.1 + 0.25 * u - v))
    start = (width - 0.08, shoulder + 0.12)
    sleeve = d.capsule(u, v, start, (width + reach, shoulder + drop), dice.between(0.1, 0.14))
    neck = d.disc(u, (v - shoulder + 0.1) / dice.between(0.6, 1.3), dice.between(0.1, 0.17))
    return d.without(d.union(body, sleeve), neck), np.abs(neck) - 0.03


def _t_shirt(u, v, dice):
    bottom, short = dice.between(0.6, 0.78), dice.between(0.25, 0.5)
    return _top(u, v, dice, bottom, dice.between(0.15, 0.3), short)


def _pullover(u, v, dice):
    bottom, long = dice.between(0.55, 0.75), dice.between(1.0, 1.35)
    shape, collar = _top(u, v, dice, bottom, dice.between(0.15, 0.35), long)
    return shape, d.union(collar, np.abs(v - bottom + 0.1) - 0.02)


def _coat(u, v, dice):
    bottom, long = dice.between(0.78, 0.92), dice.between(1.05, 1.4)
    shape, _ = _top(u, v, dice, bottom, dice.between(0.12, 0.3), long)
    lapel = np.abs(np.abs(u) - 0.35 * np.clip(-0.2 - v, 0, 1)) - dice.between(0.02, 0.05)
    return shape, lapel


def _shirt(u, v, dice):
    bottom = dice.between(0.6, 0.85)
    drop = np.where(dice.chance(0.3) > 0, dice.between(0.35, 0.5), dice.between(1.0, 1.35))
    shape, collar = _top(u, v, dice, bottom, dice.between(0.15, 0.32), drop)
    step = dice.between(0.18, 0.28)
    buttons = d.disc(u, (v % step) - step / 2, 0.05)
    return shape, d.union(buttons, collar)


def _dress(u, v, dice):
    waist, hem = dice.between(0.12, 0.24), dice.between(0.2, 0.5)
    width = waist + np.where(v < -0.2, 0.2 * (-0.2 - v), hem * (v + 0.2) * 0.6)
    long = np.maximum(np.abs(u) - width, np.abs(v) - 0.88)
    neck = d.disc(u, v + 0.9, dice.between(0.1, 0.2))
    sleeve = d.capsule(np.abs(u), v, (0.2, -0.75), (0.36, -0.55), 0.09)
    sleeve = sleeve + 9 * (1 - dice.chance(0.4))
    return d.without(d.union(long, sleeve), neck), np.abs(v + 0.2) - 0.03


def _trouser(u, v, dice):
    u = np.abs(u)
    hip, ankle = dice.between(0.26, 0.38), dice.between(0.1, 0.17)
    spread = dice.between(0.16, 0.26)
    middle = spread * np.clip(v + 0.5, 0, 1.4)
    leg = np.abs(u - middle) - (hip + (ankle - hip) * np.clip((v + 0.9) / 1.2, 0, 1))
    gap = np.maximum(-0.2 - v, u - 0.03 - 0.05 * np.clip(v + 0.4, 0, 2))
    shape = d.without(np.maximum(leg, np.abs(v) - 0.9), gap)
    return shape, d.union(np.abs(v + 0.78) - 0.02, np.maximum(u - 0.015, v + 0.2))


def _sole(u, v, dice, height):
    """A foot seen from the side, toe to the left: its upper outline falls towards the toe."""
    base, thick = dice.between(0.35, 0.45), dice.between(0.05, 0.12)
    top = base - height * (1 / (1 + np.exp(-6 * (u + dice.between(-0.05, 0.15)))) * 0.75 + 0.25)
    upper = np.maximum(np.maximum(top - v, v - base), np.abs(u) - 0.85)
    sole = d.box(u, v - base, 0.88, thick)
    return upper, sole, base


def _sneaker(u, v, dice):
    upper, sole, base = _sole(u, v, dice, dice.between(0.6, 0.9))
    laces = np.maximum(np.abs(np.sin(14 * (u + v))) - 0.35, np.abs(u + 0.1) - 0.25)
    return d.union(upper, sole), d.union(laces * 0.1, np.abs(v - base + 0.1) - 0.02)


def _ankle_boot(u, v, dice):
    upper, sole, base = _sole(u, v, dice, dice.between(0.5, 0.7))
    top, front = dice.between(-0.85, -0.5), dice.between(-0.2, 0.05)
    shaft = np.maximum(np.maximum(front - u, u - 0.8), np.maximum(top - v, v - base))
    heel = d.box(u - 0.65, v - base - 0.12, 0.2, dice.between(0.05, 0.2))
    zipper = np.maximum(np.abs(u - 0.3) - 0.02, v - base)
    return d.union(upper, sole, shaft, heel), zipper


def _sandal(u, v, dice):
    base = dice.between(0.25, 0.5)
    lift = dice.between(0, 0.5) * dice.chance(0.6)
    rise = v - base + lift * np.clip(u + 0.1, 0, 1)
    sole = np.maximum(np.abs(rise) - dice.between(0.05, 0.1), np.abs(u) - 0.85)
    heel = np.maximum(np.maximum(-rise, v - base - 0.06), np.abs(u - 0.72) - 0.1)
    straps = [sole, heel]
    knots = [(-0.6, base), (-0.35, -0.3), (0.0, base), (0.3, -0.6), (0.75, base - 0.4 * lift)]
    for start, end in zip(knots, knots[1:], strict=False):
        end = (end[0] + dice.between(-0.1, 0.1), end[1] + dice.between(-0.2, 0.2))
        straps.append(d.capsule(u, v, start, end, dice.between(0.035, 0.07)))
    return d.union(*straps), np.abs(rise) - 0.02


def _bag(u, v, dice):
    width, height = dice.between(0.55, 0.85), dice.between(0.3, 0.5)
    low = v - dice.between(0.15, 0.35)
    body = np.maximum(np.abs(u) - width - dice.between(-0.1, 0.15) * low, np.abs(low) - height)
    handle = np.abs(
        d.disc(u / dice.between(0.8, 1.4), (low + height) / 1.3, dice.between(0.25, 0.4))
    )
    flap = np.abs(low + dice.between(-0.1, 0.15)) - 0.025
    clasp = d.disc(u, low, 0.08)
    return d.union(body, np.maximum(handle - 0.05, low)), d.union(flap, clasp)


_DRAW = (
    _t_shirt,
    _trouser,
    _pullover,
    _dress,
    _coat,
    _sandal,
    _shirt,
    _sneaker,
    _bag,
    _ankle_boot,
)
