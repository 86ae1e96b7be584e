"""Fetching real data sets, only ever when the reader asked for it."""

from pathlib import Path

from .. import vision
from .catalogue import FOLDERS, IMDB, LOOSE_FILES
from .disk import DataError, in_a_line

_TORCHVISION = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST", "cifar10": "CIFAR10"}


def fetch(name: str, root: Path) -> None:
    """Fetch the set `name` into `root` with torchvision's downloader, which checks md5 sums.

    What is already there and whole is kept. Raises DataError when it cannot be had.
    """
    vision.install()
    from torchvision import datasets

    try:
        root.mkdir(parents=True, exist_ok=True)
        if name in _TORCHVISION:
            getattr(datasets, _TORCHVISION[name])(root, download=True)
        else:
            known = IMDB if name == "imdb" else LOOSE_FILES[name]
            folder = root / FOLDERS[name]
            datasets.utils.download_url(known.url, folder, known.file, known.md5)
    except (OSError, RuntimeError, EOFError) as error:
        raise DataError(
            f"could not download {name!r} into {root} ({in_a_line(error)}). Check the network and "
            "the free space, or leave download=True out: the embedded stand-in needs neither."
        ) from error
