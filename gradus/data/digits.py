"""The stand-in for MNIST: scikit-learn's 1,797 real handwritten digits, enlarged to 28 x 28.

Source: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
Learning Repository (CC BY 4.0); the copy that scikit-learn ships (8 x 8 pixels, values 0 to 16).
"""

import gzip
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import interpolate, pad

CLASSES = tuple(str(digit) for digit in range(10))
TEST_SHARE = 0.2


def digits(train: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (N, 1, 28, 28) uint8 and labels (N,) int64: 1,438 to train with or 359 to test.

    As in MNIST the digit fills a box of 20 x 20 pixels in the middle, light on black.
    """
    table = _table()
    pixels, labels = table[:, :64].reshape(-1, 1, 8, 8), table[:, 64].astype(np.int64)
    rows = _rows(labels, train)
    small = torch.from_numpy(pixels[rows]).float() * (255 / 16)
    large = interpolate(small, size=(20, 20), mode="bicubic", align_corners=False)
    images = pad(large, (4, 4, 4, 4)).round().clamp(0, 255).to(torch.uint8)
    return images, torch.from_numpy(labels[rows])


def _table() -> np.ndarray:
    """64 pixels and the label of each digit. The file itself: importing scikit-learn is slow."""
    folder = find_spec("sklearn").submodule_search_locations[0]
    path = Path(folder, "datasets", "data", "digits.csv.gz")
    if path.is_file():
        with gzip.open(path, "rt", encoding="ascii") as file:
            return np.loadtxt(file, delimiter=",", dtype=np.float32)
    from sklearn.datasets import load_digits  # should the file ever move

    bunch = load_digits()
    return np.column_stack([bunch.data, bunch.target]).astype(np.float32)


def _rows(labels: np.ndarray, train: bool) -> np.ndarray:
    """Row numbers of one part, shuffled; each class is split in the same proportion."""
    rng = np.random.default_rng(0)
    part = []
    for digit in range(10):
        rows = rng.permutation(np.flatnonzero(labels == digit))
        border = round(TEST_SHARE * len(rows))
        part.append(rows[border:] if train else rows[:border])
    return rng.permutation(np.concatenate(part))
