"""Data for the chapters: `load` gives the real set if it is on disk, else a stand-in.

    digits = gradus.load("mnist")
    digits.images, digits.labels, digits.classes, digits.source

The real set is looked for in the folders that the environment variable ``GRADUS_DATA`` names
(several are separated as in ``PATH``), then in the repository's ``data/``; in each of them also
in the sub-folder of `catalogue.FOLDERS`. ``GRADUS_DATA=embedded`` gives the stand-ins always.
Nothing is fetched unless ``download=True``. See ``data/README.md``.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from . import catalogue, disk
from .disk import DataError

__all__ = ["NAMES", "DataError", "Loaded", "load"]

NAMES = tuple(catalogue.FOLDERS)
REPOSITORY = Path(__file__).resolve().parents[2]
TEXT_SHARE, SERIES_SHARE = 0.9, 0.8  # of the beginning, to train with; the rest is to test


@dataclass(frozen=True, eq=False, repr=False)
class Loaded:
    """One part (train or test) of a data set.

    inputs: what `name` holds:
        mnist, fashion_mnist    images uint8 (N, 1, 28, 28), light on black
        cifar10                 images uint8 (N, 3, 32, 32), red, green, blue
        imdb                    list of N texts
        shakespeare             one str
        sunspots (monthly), temperatures (daily), airline (monthly), ett (hourly)
                                float32 (T, C), in order of time
    labels: class of each image or text, int64 (N,); None where there are no classes
    classes: name of each class; for a series the name of each of its C columns
    source: in words, which data these are and where they come from
    real: False for the embedded stand-in
    """

    name: str
    inputs: Tensor | str | list[str]
    labels: Tensor | None
    classes: tuple[str, ...]
    source: str
    real: bool

    @property
    def images(self) -> Tensor:
        """The images, uint8 (N, C, H, W). Raises TypeError for a set without images."""
        if isinstance(self.inputs, Tensor) and self.inputs.ndim == 4:
            return self.inputs
        raise TypeError(f"{self.name!r} holds no images; see .inputs")

    def dataset(self) -> TensorDataset:
        """Pairs (image, label) for a DataLoader: float32 (C, H, W) from 0 to 1, and int64 ()."""
        return TensorDataset(self.images.float() / 255, self.labels)

    def __repr__(self) -> str:
        shape = getattr(self.inputs, "shape", None)
        size = f"{tuple(shape)} {self.inputs.dtype}" if shape else f"length {len(self.inputs):,}"
        return f"Loaded({self.name!r}, {size}, {self.source!r})"


def load(name: str, *, train: bool = True, download: bool = False, quiet: bool = False) -> Loaded:
    """Part `train` or test of the set `name`, one of `NAMES`; says which data it gives.

    The real set when it is on disk; else, with `download`, fetched first (into the first folder
    of ``GRADUS_DATA``, or the repository's ``data/``); else the embedded stand-in, of the same
    types and image shapes but smaller. `quiet` leaves the printed line out.

    Raises ValueError for an unknown name, and DataError, naming the file and the cure, when
    the set on disk is damaged or incomplete, or the download fails.
    """
    if name not in NAMES:
        raise ValueError(f"unknown data set {name!r}; there are {', '.join(NAMES)}")
    loaded = None
    try:
        loaded = _from_disk(name, train)
    except DataError:
        if not download:
            raise
    roots = _roots()
    if loaded is None and download and roots:
        from .download import fetch

        fetch(name, roots[0])
        loaded = _from_disk(name, train)
    loaded = loaded or _stand_in(name, train)
    if not quiet:
        print(f"{name}, {'train' if train else 'test'}: {loaded.source}")
    return loaded


def _roots() -> list[Path]:
    """Folders to look in. Raises DataError when GRADUS_DATA names one that is not there."""
    setting = os.environ.get("GRADUS_DATA", "")
    if setting == "embedded":
        return []
    named = [Path(part).expanduser() for part in setting.split(os.pathsep) if part]
    for folder in named:
        if not folder.is_dir():
            raise DataError(f"GRADUS_DATA names {folder}, which is no folder")
    return [*named, REPOSITORY / "data"]


def _from_disk(name: str, train: bool) -> Loaded | None:
    for root in _roots():
        for base in (root, root / catalogue.FOLDERS[name]):
            loaded = _read(name, base, train)
            if loaded is not None:
                return loaded
    return None


def _read(name: str, base: Path, train: bool) -> Loaded | None:
    """The real set from the folder `base`, if it is there."""
    if name in catalogue.LOOSE_FILES:
        found = disk.loose(base, name)
        if found is None:
            return None
        if name == "shakespeare":
            inputs, columns = found[0].decode("ascii"), ()
            return _real(name, _cut(inputs, train, TEXT_SHARE), None, columns, found[1])
        inputs, columns = disk.table(found[0])
        return _real(name, _cut(inputs, train, SERIES_SHARE), None, columns, found[1])
    reader = {"cifar10": disk.cifar10, "imdb": disk.imdb}.get(name, disk.mnist_like)
    found = reader(base, name, train)
    return None if found is None else _real(name, *found[:2], _classes(name), found[2])


def _classes(name: str) -> tuple[str, ...]:
    from . import digits, garments, reviews

    real = {"mnist": digits.CLASSES, "fashion_mnist": garments.CLASSES, "imdb": reviews.CLASSES}
    return real.get(name, catalogue.CIFAR10_CLASSES)


def _real(name, inputs, labels, classes, path: Path) -> Loaded:
    if path.is_relative_to(REPOSITORY):
        path = path.relative_to(REPOSITORY)
    source = f"real data, {_count(inputs)} from {path}"
    return Loaded(name, inputs, labels, classes, source, real=True)


def _stand_in(name: str, train: bool) -> Loaded:
    """The embedded data in place of the set `name`."""
    from . import digits, garments, play, reviews, series, shapes

    labels, classes = None, ()
    if name == "mnist":
        (inputs, labels), classes = digits.digits(train), digits.CLASSES
        what = "of scikit-learn's handwritten digits, 8 x 8 enlarged to 28 x 28"
    elif name == "fashion_mnist":
        (inputs, labels), classes = garments.garments(train), garments.CLASSES
        what = "of drawn garments"
    elif name == "cifar10":
        (inputs, labels), classes = shapes.shapes(train), shapes.CLASSES
        what = "of coloured shapes"
    elif name == "imdb":
        inputs, ids = reviews.reviews(train)
        labels, classes = torch.tensor(ids), reviews.CLASSES
        what = "of made-up film reviews"
    elif name == "shakespeare":
        inputs = _cut(play.play(), train, TEXT_SHARE)
        what = "of a made-up play"
    else:
        whole = torch.from_numpy(getattr(series, name)())
        inputs, classes = _cut(whole, train, SERIES_SHARE), series.COLUMNS[name]
        what = "of a made-up series"
    source = f"embedded stand-in, {_count(inputs)} {what}"
    return Loaded(name, inputs, labels, classes, source, real=False)


def _cut(whole, train: bool, share: float):
    """The beginning of a text or series to train with, or what comes after it to test."""
    border = round(share * len(whole))
    return whole[:border] if train else whole[border:]


def _count(inputs) -> str:
    if isinstance(inputs, str):
        return f"{len(inputs):,} characters"
    if isinstance(inputs, Tensor):
        kind = "images" if inputs.ndim == 4 else "points in time"
        return f"{len(inputs):,} {kind}"
    return f"{len(inputs):,} texts"
