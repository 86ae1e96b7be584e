"""Names, layouts and addresses of the real data sets: facts, no code."""

from typing import NamedTuple

CIFAR10_CLASSES = tuple("airplane automobile bird cat deer dog frog horse ship truck".split())

# Folder, below a data root, that holds the IDX files in its sub-folder `raw` (torchvision's names).
IDX_FOLDERS = {"mnist": "MNIST", "fashion_mnist": "FashionMNIST"}

# Sub-folder of a data root that may hold a set, if the root itself does not.
FOLDERS = {
    "mnist": "mnist",
    "fashion_mnist": "fashion_mnist",
    "cifar10": "cifar10",
    "imdb": "imdb",
    "shakespeare": "tinyshakespeare",
    "sunspots": "timeseries",
    "temperatures": "timeseries",
    "airline": "timeseries",
    "ett": "timeseries",
}


class LooseFile(NamedTuple):
    """A set that is one file: its name, where it lies on the web, its md5."""

    file: str
    url: str
    md5: str


_RAW = "https://raw.githubusercontent.com"
_SERIES = f"{_RAW}/jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f"
LOOSE_FILES = {
    "shakespeare": LooseFile(
        "input.txt",
        f"{_RAW}/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e"
        "/data/tinyshakespeare/input.txt",
        "6fb458f1232090904fb40fe944165e91",
    ),
    "sunspots": LooseFile(
        "monthly-sunspots.csv",
        f"{_SERIES}/monthly-sunspots.csv",
        "dee19278d812667c0933bfcccbe4d0b2",
    ),
    "temperatures": LooseFile(
        "daily-min-temperatures.csv",
        f"{_SERIES}/daily-min-temperatures.csv",
        "5d343d678173fadff7c8474073145e73",
    ),
    "airline": LooseFile(
        "airline-passengers.csv",
        f"{_SERIES}/airline-passengers.csv",
        "558a08bfda3955c8506436677352f7b8",
    ),
    "ett": LooseFile(
        "ETTh1.csv",
        f"{_RAW}/zhouhaoyi/ETDataset/1d16c8f4f943005d613b5bc962e9eeb06058cf07/ETT-small/ETTh1.csv",
        "8381763947c85f4be6ac456c508460d6",
    ),
}
IMDB = LooseFile(
    "aclImdb_v1.tar.gz",
    "https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
    "7c2ac02c03563afcf9b574c7e56c153a",
)
