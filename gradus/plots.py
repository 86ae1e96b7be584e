"""Pictures in the course's one style. Each function returns a closed figure.

Closed means: write the call as the last line of a cell, and Jupyter shows the picture once.
Nothing is told by colour alone: lines differ in dash and marker too, cells carry numbers, and the
colours stay apart for colour-blind eyes (Okabe and Ito, "Color Universal Design", 2008).
"""

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .training import History

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)), (0, (1, 1)))
_STYLE = {
    "figure.dpi": 100,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "lines.markersize": 5,
    "axes.prop_cycle": cycler(color=PALETTE) + cycler(linestyle=_DASHES) + cycler(marker="os^DvPX"),
}
_styled = plt.rc_context(_STYLE)  # as a decorator


@_styled
def figure(width: float = 6.0, height: float = 3.5) -> tuple[Figure, Axes]:
    """An empty figure in the course style, `width` x `height` inches, and its axes."""
    return plt.subplots(figsize=(width, height), layout="constrained")


def close(fig: Figure) -> Figure:
    """Close `fig`, so that it is shown once, and hand it back. Close it when it is finished."""
    plt.close(fig)
    return fig


@_styled
def curves(
    values: Mapping[str, Sequence[float]] | History,
    *,
    x: Sequence[float] | None = None,
    title: str = "",
    xlabel: str = "epoch",
    ylabel: str = "",
    log: bool = False,
) -> Figure:
    """Lines over a common axis: `values` maps each line's name to its numbers.

    A History gives one panel a quantity, training and validation together.
    x: where the points lie; without it 1, 2, 3, …   log: logarithmic upward axis.
    """
    panels = _by_quantity(values) if isinstance(values, History) else {ylabel: values}
    count = max(1, len(panels))
    size = (6.0 if count == 1 else 4.5 * count, 3.5)
    fig, grid = plt.subplots(1, count, figsize=size, squeeze=False, layout="constrained")
    for axes, (label, lines) in zip(grid[0], panels.items(), strict=False):
        for name, numbers in lines.items():
            y = _array(numbers)
            every = math.ceil(len(y) / 12)
            axes.plot(range(1, len(y) + 1) if x is None else x, y, label=name, markevery=every)
        axes.set(xlabel=xlabel, ylabel=ylabel or label, yscale="log" if log else "linear")
        if x is None:
            axes.xaxis.get_major_locator().set_params(integer=True)
        if len(lines) > 4:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
        elif lines:
            axes.legend()
    grid[0, 0].set_title(title)
    return close(fig)


@_styled
def image_grid(
    images: torch.Tensor, titles: Sequence[object] | None = None, columns: int = 8
) -> Figure:
    """Images (N, H, W), (N, 1, H, W) or (N, 3, H, W) in rows of `columns`, `titles` above.

    uint8 spans 0 to 255. Other numbers are stretched from the least to the greatest of all
    images together, so that brightness can be compared between them.
    """
    pixels = _array(images)
    if pixels.ndim == 3:
        pixels = pixels[:, None]
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3):
        raise ValueError(f"expected images (N, H, W) or (N, 1 or 3, H, W), got {pixels.shape}")
    low, high = (0, 255) if pixels.dtype == np.uint8 else (pixels.min(), pixels.max())
    pixels = (pixels.transpose(0, 2, 3, 1) - float(low)) / max(float(high) - float(low), 1e-12)
    columns = min(columns, len(pixels))
    rows = math.ceil(len(pixels) / columns)
    height = 0.85 if titles is None else 1.1
    size = (0.85 * columns, height * rows)
    fig, grid = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for axes in grid.flat:
        axes.set_axis_off()
    for index, (axes, image) in enumerate(zip(grid.flat, pixels, strict=False)):
        axes.imshow(image.squeeze(-1) if image.shape[-1] == 1 else image, "gray", vmin=0, vmax=1)
        if titles is not None:
            axes.set_title(str(titles[index]), fontsize=8, loc="center")
    return close(fig)


@_styled
def confusion(matrix: torch.Tensor, classes: Sequence[str]) -> Figure:
    """A confusion matrix (C, C) of counts: row = true class, column = predicted class.

    Each cell holds its count; its shade is the share of its row.
    """
    counts = _array(matrix)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = max(3.5, 0.5 * len(counts) + 1.5)
    fig, axes = figure(side, side)
    _cells(axes, shares, 0.0, 1.0, "Blues", [[f"{count:g}" for count in row] for row in counts])
    places = range(len(counts))
    rotation = 45 if max(len(str(name)) for name in classes) > 2 else 0
    axes.set_xticks(places, classes, rotation=rotation, ha="right" if rotation else "center")
    axes.set_yticks(places, classes)
    axes.set(xlabel="predicted class", ylabel="true class")
    return close(fig)


@_styled
def heat(
    matrix: torch.Tensor,
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    annotate: bool = False,
) -> Figure:
    """A matrix (rows, columns) as shades, with a scale; `annotate` writes the numbers in too.

    Numbers of both signs get a scale that is white at 0.
    """
    numbers = _array(matrix).astype(float)
    low, high, colours = np.nanmin(numbers), np.nanmax(numbers), "cividis"
    if low < 0 < high:
        high = max(-low, high)
        low, colours = -high, "PuOr_r"
    rows, columns = numbers.shape
    scale = min(0.5, 5.0 / max(rows, columns))
    fig, axes = figure(max(3.6, scale * columns + 1.8), max(2.4, scale * rows + 1.0))
    texts = [[f"{number:.2g}" for number in row] for row in numbers] if annotate else None
    picture = _cells(axes, numbers, low, high, colours, texts)
    fig.colorbar(picture, ax=axes)
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    for axis in (axes.xaxis, axes.yaxis):  # rows and columns have no halves
        axis.set_major_locator(MaxNLocator(integer=True))
    return close(fig)


def _array(values) -> np.ndarray:
    return values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)


def _by_quantity(history: History) -> dict[str, dict[str, list[float]]]:
    panels: dict[str, dict[str, list[float]]] = {}
    for name, numbers in history.values.items():
        line = "validation" if name.startswith("val_") else "training"
        panels.setdefault(name.removeprefix("val_"), {})[line] = numbers
    return panels


def _cells(axes: Axes, numbers: np.ndarray, low: float, high: float, colours: str, texts):
    picture = axes.imshow(numbers, cmap=colours, vmin=low, vmax=high)
    axes.grid(False)
    for row, column in np.ndindex(numbers.shape) if texts else ():
        red, green, blue, _ = picture.cmap(picture.norm(numbers[row, column]))
        ink = "black" if 0.299 * red + 0.587 * green + 0.114 * blue > 0.5 else "white"
        axes.text(column, row, texts[row][column], ha="center", va="center", color=ink, fontsize=8)
    return picture
