"""Reading real data sets from disk, where torchvision (or their makers) lay them.

Each reader takes a folder that may hold its set. It gives None when nothing of the set is there,
and raises DataError, which names the file and the cure, when something is there but broken.
Nothing is executed that a file says: pickles go through `_SafeUnpickler`, archives are not
unpacked but read.
"""

import csv
import gzip
import hashlib
import io
import math
import pickle
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from .catalogue import CIFAR10_CLASSES, IDX_FOLDERS, LOOSE_FILES

_BROKEN = (EOFError, OSError, zlib.error, tarfile.TarError, zipfile.BadZipFile, LookupError)
_BROKEN += (pickle.UnpicklingError, ValueError, TypeError, AttributeError)
try:
    import lzma

    _BROKEN += (lzma.LZMAError,)
except ImportError:  # a Python built without xz reads all but .tar.xz
    pass

IMDB_HALF = 12500  # reviews of one opinion in one part


class DataError(RuntimeError):
    """A data set that is on disk but cannot be used, or that cannot be fetched."""


def in_a_line(error: Exception) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def reading(path: Path, name: str) -> Iterator[None]:
    """Turn what goes wrong while reading `path` into a DataError with the cure."""
    try:
        yield
    except DataError:
        raise
    except _BROKEN as error:
        raise DataError(
            f"{path} is damaged or only half downloaded ({in_a_line(error)}). Delete it; then "
            f"gradus.load({name!r}, download=True) fetches it again, and without download "
            "you get the embedded stand-in."
        ) from error


def read_idx(path: Path) -> torch.Tensor:
    """An IDX file (LeCun's format, plain or .gz) of unsigned bytes: uint8 of the shape it states.

    Raises ValueError when the file is no such file or its length is not what its header says.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        data = file.read()
    if len(data) < 4 or data[:3] != b"\0\0\x08":
        raise ValueError("it does not begin like an IDX file of bytes")
    start = 4 + 4 * data[3]
    shape = [int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4)]
    if len(data) != start + math.prod(shape):
        raise ValueError(f"its header promises {shape}, but the file has {len(data)} bytes")
    return torch.from_numpy(np.frombuffer(data, np.uint8, offset=start).reshape(shape).copy())


def mnist_like(base: Path, name: str, train: bool):
    """MNIST or Fashion-MNIST from ``MNIST/raw`` or ``FashionMNIST/raw``: images, labels, path."""
    folder = base / IDX_FOLDERS[name] / "raw"
    part = "train" if train else "t10k"
    stems = (f"{part}-images-idx3-ubyte", f"{part}-labels-idx1-ubyte")
    found = [
        next((p for p in (folder / s, folder / f"{s}.gz") if p.is_file()), None) for s in stems
    ]
    if found == [None, None]:
        return None
    if None in found:
        missing = folder / stems[found.index(None)]
        raise _missing(missing, name)
    tensors = []
    for path in found:
        with reading(path, name):
            tensors.append(read_idx(path))
    images, labels = tensors
    with reading(found[1], name):
        if labels.ndim != 1 or images.shape[1:] != (28, 28) or len(images) != len(labels):
            raise ValueError(f"{list(images.shape)} images do not fit {list(labels.shape)} labels")
        if len(labels) and labels.max() > 9:
            raise ValueError(f"it holds the label {labels.max()}")
    return images[:, None], labels.long(), folder


def cifar10(base: Path, name: str, train: bool):
    """CIFAR-10 as its makers' batches, else as JPEG files, else the exact subset."""
    for reader in (_cifar_batches, _cifar_jpeg, _cifar_subset):
        found = reader(base, name, train)
        if found is not None:
            return found
    return None


class _SafeUnpickler(pickle.Unpickler):
    """Unpickles NumPy arrays and plain values; anything else in the file is an error."""

    ALLOWED = {
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("_codecs", "encode"),
    }

    def find_class(self, module: str, name: str):
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no data set needs")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _cifar_batches(base: Path, name: str, train: bool):
    folder, archive = base / "cifar-10-batches-py", base / "cifar-10-python.tar.gz"
    if not folder.is_dir():
        if archive.is_file():
            raise DataError(
                f"{archive} is not unpacked, perhaps only half downloaded. "
                f"gradus.load({name!r}, download=True) checks, completes and unpacks it; "
                "delete it to get the embedded stand-in."
            )
        return None
    paths = [folder / f"data_batch_{k}" for k in range(1, 6)] if train else [folder / "test_batch"]
    images, labels = [], []
    for path in paths:
        if not path.is_file():
            raise _missing(path, name)
        with reading(path, name), open(path, "rb") as file:
            batch = _SafeUnpickler(file, encoding="latin1").load()
            pixels, ids = np.asarray(batch["data"]), np.asarray(batch["labels"])
            if pixels.dtype != np.uint8 or pixels.shape != (len(ids), 3072):
                raise ValueError(f"pixels {pixels.dtype} {pixels.shape} for {len(ids)} labels")
            images.append(torch.from_numpy(pixels.copy()).reshape(-1, 3, 32, 32))
            labels.append(_labels(ids))
    return torch.cat(images), torch.cat(labels), folder


def _cifar_jpeg(base: Path, name: str, train: bool):
    """``train/<class>/<number>.jpg``, as torchvision's ImageFolder reads it; lossy."""
    part = "train" if train else "test"
    if not (base / part / CIFAR10_CLASSES[0]).is_dir():
        return None
    from PIL import Image

    images, labels = [], []
    for label, kind in enumerate(CIFAR10_CLASSES):
        paths = sorted((base / part / kind).glob("*.jpg"))
        if not paths:
            raise _missing(base / part / kind, name)
        for path in paths:
            with reading(path, name), Image.open(path) as picture:
                pixels = np.array(picture.convert("RGB"))
                if pixels.shape != (32, 32, 3):
                    raise ValueError(f"its shape is {pixels.shape}, not (32, 32, 3)")
            images.append(torch.from_numpy(pixels).permute(2, 0, 1))
        labels += [label] * len(paths)
    return torch.stack(images), torch.tensor(labels), base / part


def _cifar_subset(base: Path, name: str, train: bool):
    path = base / "cifar10_exact_subset.npz"
    if not path.is_file():
        return None
    part = "train" if train else "test"
    with reading(path, name), np.load(path, allow_pickle=False) as arrays:
        pixels, ids = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if pixels.dtype != np.uint8 or pixels.shape != (len(ids), 3, 32, 32):
            raise ValueError(f"pixels {pixels.dtype} {pixels.shape} for {len(ids)} labels")
        return torch.from_numpy(pixels), _labels(ids), path


def _labels(ids: np.ndarray) -> torch.Tensor:
    if not (ids.ndim == 1 and np.issubdtype(ids.dtype, np.integer) and ids.min() >= 0):
        raise ValueError("its labels are not class numbers")
    if ids.max() > 9:
        raise ValueError(f"it holds the label {ids.max()}")
    return torch.from_numpy(ids.astype(np.int64))


def imdb(base: Path, name: str, train: bool):
    """Reviews from the folder ``aclImdb`` or straight from the archive that holds it.

    The negative ones come first, each half by the number in its file's name.
    """
    part, halves = "train" if train else "test", {"neg": [], "pos": []}
    places = [base / "aclImdb", base / "aclImdb_v1.tar.gz", base / "aclImdb.tar.xz"]
    place = next((place for place in places if place.exists()), None)
    if place is None:
        return None
    with reading(place, name):
        for path, data in _files(place, part):
            number = path.stem.partition("_")[0]
            if path.parent.name in halves and path.suffix == ".txt" and number.isdigit():
                halves[path.parent.name].append((int(number), data().decode("utf-8")))
        counts = {half: len(texts) for half, texts in halves.items()}
        if set(counts.values()) != {IMDB_HALF}:
            raise ValueError(f"{part} holds {counts} reviews where {IMDB_HALF} of each belong")
    texts = [text for half in ("neg", "pos") for _, text in sorted(halves[half])]
    return texts, torch.arange(2).repeat_interleave(IMDB_HALF), place


def _files(place: Path, part: str):
    """Path and a reader of the bytes of each file of one part, in a folder or in an archive."""
    if place.is_dir():
        for path in (place / part).glob("*/*.txt"):
            yield PurePosixPath(path.as_posix()), path.read_bytes
        return
    with tarfile.open(place) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            if member.isfile() and part in path.parts:
                yield path, archive.extractfile(member).read


def loose(base: Path, name: str) -> tuple[bytes, Path] | None:
    """The bytes of a set that is one file, checked against the md5 that it is known by."""
    known = LOOSE_FILES[name]
    path = base / known.file
    if not path.is_file():
        return None
    with reading(path, name):
        data = path.read_bytes()
        if hashlib.md5(data, usedforsecurity=False).hexdigest() != known.md5:
            raise ValueError(f"its {len(data)} bytes do not have the md5 {known.md5}")
    return data, path


def table(data: bytes) -> tuple[torch.Tensor, tuple[str, ...]]:
    """A CSV file with a header and a first column of dates: float32 (T, C) and the C names."""
    header, *rows = [row for row in csv.reader(io.StringIO(data.decode("utf-8"))) if row]
    values = [[float(number) for number in row[1:]] for row in rows]
    return torch.tensor(values, dtype=torch.float32), tuple(header[1:])


def _missing(path: Path, name: str) -> DataError:
    return DataError(
        f"{path} is missing beside other files of its set: only half downloaded. "
        f"gradus.load({name!r}, download=True) fetches what is missing; delete the folder "
        "to get the embedded stand-in."
    )
