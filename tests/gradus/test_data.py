"""`gradus.load`: stand-ins, real sets on disk, and files that are damaged.

Real data are looked for in ../shared/data, or where GRADUS_TEST_DATA says; without them those
tests are skipped.
"""

import gzip
import io
import lzma
import os
import pickle
import shutil
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from gradus import data
from gradus.data import DataError, disk, load
from gradus.data.catalogue import CIFAR10_CLASSES

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("GRADUS_TEST_DATA", ROOT.parent / "shared" / "data"))
needs_real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL}")
IMAGES = {"mnist": (1, 28, 28), "fashion_mnist": (1, 28, 28), "cifar10": (3, 32, 32)}
SERIES = {"sunspots": (2820, 1), "temperatures": (3650, 1), "airline": (144, 1), "ett": (17420, 7)}


@pytest.fixture(autouse=True)
def only_what_the_test_lays_down(monkeypatch, tmp_path):
    """Look in an empty folder, not in the data/ of whoever runs the tests."""
    monkeypatch.setattr(data, "REPOSITORY", tmp_path / "repository")
    monkeypatch.delenv("GRADUS_DATA", raising=False)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    """A folder that GRADUS_DATA names."""
    place = tmp_path / "sets"
    place.mkdir()
    monkeypatch.setenv("GRADUS_DATA", str(place))
    return place


@pytest.fixture
def real(monkeypatch):
    monkeypatch.setenv("GRADUS_DATA", str(REAL))


# The stand-ins


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("name", IMAGES)
def test_image_stand_in_has_the_type_of_the_real_set(name, train):
    loaded = load(name, train=train, quiet=True)
    images, labels = loaded.images, loaded.labels
    assert images.dtype == torch.uint8 and images.shape[1:] == IMAGES[name]
    assert labels.dtype == torch.int64 and labels.shape == (len(images),)
    assert len(loaded.classes) == len(set(loaded.classes)) == 10
    counts = labels.bincount(minlength=10)
    assert len(counts) == 10 and counts.min() > 0.9 * len(labels) / 10
    assert images.max() > 200 and images.float().std() > 30
    assert not loaded.real and "stand-in" in loaded.source
    assert (labels[:100] != labels[:100].sort().values).any(), "not shuffled"


@pytest.mark.parametrize("name", data.NAMES)
def test_stand_in_is_the_same_each_time_and_its_own_copy(name):
    first, second = load(name, quiet=True), load(name, quiet=True)
    if isinstance(first.inputs, torch.Tensor):
        assert torch.equal(first.inputs, second.inputs)
        assert first.inputs.data_ptr() != second.inputs.data_ptr()
    else:
        assert first.inputs == second.inputs
    torch.manual_seed(0)
    state = torch.get_rng_state()
    load(name, quiet=True)
    assert torch.equal(torch.get_rng_state(), state), "the global generator was disturbed"


@pytest.mark.parametrize("name", IMAGES)
def test_no_test_image_is_also_a_training_image(name):
    rows = [{i.numpy().tobytes() for i in load(name, train=t, quiet=True).images} for t in (1, 0)]
    assert not rows[0] & rows[1]


@pytest.mark.parametrize("name", IMAGES)
def test_image_stand_in_is_neither_broken_nor_trivial(name):
    """The nearest class mean beats chance by far only where it should, and is never perfect."""
    train, test = load(name, quiet=True), load(name, train=False, quiet=True)
    x, xt = (part.images.float().flatten(1) for part in (train, test))
    means = torch.stack([x[train.labels == c].mean(0) for c in range(10)])
    share = (torch.cdist(xt, means).argmin(1) == test.labels).float().mean().item()
    low, high = {"mnist": (0.8, 0.97), "fashion_mnist": (0.6, 0.9), "cifar10": (0, 0.3)}[name]
    assert low < share < high


def test_colour_alone_tells_nothing_about_the_shape():
    train = load("cifar10", quiet=True)
    colour = train.images.float().mean((2, 3))
    means = torch.stack([colour[train.labels == c].mean(0) for c in range(10)])
    assert means.std(0).max() < 0.2 * colour.std()


def test_reviews():
    train, test = load("imdb", quiet=True), load("imdb", train=False, quiet=True)
    assert (len(train.inputs), len(test.inputs)) == (2000, 500)
    assert all(isinstance(text, str) and len(text) > 40 for text in train.inputs)
    assert train.labels.float().mean().item() == pytest.approx(0.5, abs=0.02)
    assert train.classes == ("negative", "positive")
    assert len({*train.inputs, *test.inputs}) == 2500, "a text came twice"


def test_play_has_speeches_and_a_small_alphabet():
    train, test = load("shakespeare", quiet=True), load("shakespeare", train=False, quiet=True)
    assert len(train.inputs) == pytest.approx(9 * len(test.inputs), rel=1e-3)
    assert train.inputs.isascii() and train.labels is None
    assert 40 < len(set(train.inputs)) < 70
    assert set(test.inputs) <= set(train.inputs)
    speeches = train.inputs.split("\n\n")
    assert all(speech.partition(":\n")[0].isupper() for speech in speeches[:500])


@pytest.mark.parametrize("name", SERIES)
def test_series(name):
    train, test = load(name, quiet=True), load(name, train=False, quiet=True)
    length, columns = SERIES[name]
    whole = torch.cat([train.inputs, test.inputs])
    assert whole.shape == (length, columns) and whole.dtype == torch.float32
    assert whole.isfinite().all() and (whole.std(0) > 0).all()
    assert len(train.inputs) == round(0.8 * length)
    assert len(train.classes) == columns


def test_dataset_gives_numbers_from_zero_to_one():
    loaded = load("mnist", train=False, quiet=True)
    x, y = next(iter(DataLoader(loaded.dataset(), 8)))
    assert x.dtype == torch.float32 and x.shape == (8, 1, 28, 28)
    torch.testing.assert_close(x, loaded.images[:8] / 255)
    assert torch.equal(y, loaded.labels[:8])


def test_a_set_without_images_says_so():
    with pytest.raises(TypeError, match="'airline' holds no images"):
        load("airline", quiet=True).dataset()


def test_it_says_in_one_line_what_it_gives(capsys):
    loaded = load("mnist")
    said = capsys.readouterr().out
    assert said == f"mnist, train: {loaded.source}\n"
    assert "stand-in" in said and "1,438" in said
    load("mnist", quiet=True)
    assert capsys.readouterr().out == ""
    assert len(repr(loaded)) < 200 and "(1438, 1, 28, 28)" in repr(loaded)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="'minst'.*mnist"):
        load("minst")


# Real sets, laid down small


def _idx(array: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.astype(np.uint8).tobytes()


def _lay_mnist(root: Path, name: str = "MNIST", zipped: bool = True) -> Path:
    raw = root / name / "raw"
    raw.mkdir(parents=True)
    pixels = np.arange(5 * 28 * 28).reshape(5, 28, 28) % 256
    for part in ("train", "t10k"):
        for stem, array in (("images-idx3", pixels), ("labels-idx1", np.arange(5))):
            path = raw / f"{part}-{stem}-ubyte"
            if zipped:
                path.with_name(path.name + ".gz").write_bytes(gzip.compress(_idx(array)))
            else:
                path.write_bytes(_idx(array))
    return raw


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("below", ["", "mnist"])
def test_mnist_from_disk(folder, zipped, below):
    _lay_mnist(folder / below, zipped=zipped)
    loaded = load("mnist", quiet=True)
    assert loaded.real and str(folder) in loaded.source and "real" in loaded.source
    assert loaded.images.shape == (5, 1, 28, 28) and loaded.images[0, 0, 0, 3] == 3
    assert loaded.labels.tolist() == [0, 1, 2, 3, 4] and loaded.labels.dtype == torch.int64


def test_fashion_mnist_has_its_own_folder(folder):
    _lay_mnist(folder)
    assert not load("fashion_mnist", quiet=True).real
    _lay_mnist(folder, "FashionMNIST")
    assert load("fashion_mnist", quiet=True).real


def test_the_data_folder_of_the_repository_is_found_and_named_briefly(capsys):
    _lay_mnist(data.REPOSITORY / "data")
    assert load("mnist").real
    assert capsys.readouterr().out.endswith("from data/MNIST/raw\n".replace("/", os.sep))


def test_several_folders_and_the_stand_in_on_demand(monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    _lay_mnist(tmp_path / "full")
    folders = [str(tmp_path / "empty"), str(tmp_path / "full")]
    monkeypatch.setenv("GRADUS_DATA", os.pathsep.join(folders))
    assert load("mnist", quiet=True).real
    monkeypatch.setenv("GRADUS_DATA", "embedded")
    assert not load("mnist", quiet=True).real


def test_a_folder_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADUS_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="nowhere"):
        load("mnist")


def _batch(count: int, **changes) -> dict:
    pixels = np.arange(count * 3072, dtype=np.uint64).reshape(count, 3072).astype(np.uint8)
    return {"data": pixels, "labels": list(range(count)), "batch_label": "one"} | changes


def _lay_cifar(root: Path) -> Path:
    batches = root / "cifar-10-batches-py"
    batches.mkdir(parents=True)
    for name in [f"data_batch_{k}" for k in range(1, 6)] + ["test_batch"]:
        old = pickle.dumps(_batch(3), protocol=2).replace(b"numpy._core", b"numpy.core")
        (batches / name).write_bytes(old)
    return batches


def test_cifar10_batches(folder):
    _lay_cifar(folder)
    train, test = load("cifar10", quiet=True), load("cifar10", train=False, quiet=True)
    assert train.images.shape == (15, 3, 32, 32) and test.images.shape == (3, 3, 32, 32)
    assert train.images.dtype == torch.uint8 and train.labels.tolist() == [0, 1, 2] * 5
    expected = torch.from_numpy(_batch(3)["data"][1].reshape(3, 32, 32))
    assert torch.equal(test.images[1], expected)
    assert train.classes == CIFAR10_CLASSES


def test_cifar10_as_jpeg(folder):
    for label, kind in enumerate(CIFAR10_CLASSES):
        for part, count in (("train", 2), ("test", 1)):
            place = folder / part / kind
            place.mkdir(parents=True)
            for number in range(count):
                colour = (20 * label, 100, 200)
                Image.new("RGB", (32, 32), colour).save(place / f"{number:04}.jpg")
    loaded = load("cifar10", quiet=True)
    assert loaded.real and loaded.labels.tolist() == [k // 2 for k in range(20)]
    found = loaded.images.float().mean((2, 3))
    expected = torch.tensor([[20.0 * (k // 2), 100.0, 200.0] for k in range(20)])
    torch.testing.assert_close(found, expected, atol=3, rtol=0)
    (folder / "train" / "cat" / "0001.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(DataError, match="0001.jpg is damaged"):
        load("cifar10")


def _lay_imdb(root: Path) -> None:
    for part in ("train", "test"):
        for half, stars in (("neg", 2), ("pos", 9)):
            (root / "aclImdb" / part / half).mkdir(parents=True)
            for number in range(12):
                text = root / "aclImdb" / part / half / f"{number}_{stars}.txt"
                text.write_text(f"{part} {half} {number} naïve", encoding="utf-8")
        (root / "aclImdb" / part / "labeledBow.feat").write_text("not a review")


@pytest.mark.parametrize("packed", ["", "aclImdb_v1.tar.gz", "aclImdb.tar.xz"])
def test_imdb_from_a_folder_or_an_archive(folder, monkeypatch, packed):
    monkeypatch.setattr(disk, "IMDB_HALF", 12)
    _lay_imdb(folder)
    if packed:
        with tarfile.open(folder / packed, f"w:{packed[-2:]}") as archive:
            archive.add(folder / "aclImdb", "aclImdb")
        shutil.rmtree(folder / "aclImdb")
    loaded = load("imdb", train=False, quiet=True)
    assert loaded.real and loaded.labels.tolist() == [0] * 12 + [1] * 12
    assert loaded.inputs[2] == "test neg 2 naïve" and loaded.inputs[23] == "test pos 11 naïve"


# Damage


def _check_damage(name: str, path: Path) -> None:
    """The error is one line that names the file, the cure and the way on without it."""
    with pytest.raises(DataError) as caught:
        load(name)
    said = str(caught.value)
    assert str(path) in said and "download=True" in said and "elete" in said
    assert "\n" not in said and "stand-in" in said


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("keep", [0, 3, 10, 200, -1])
@pytest.mark.parametrize("which", ["images-idx3", "labels-idx1"])
def test_a_half_downloaded_mnist_file(folder, zipped, keep, which):
    raw = _lay_mnist(folder, zipped=zipped)
    path = next(raw.glob(f"train-{which}*"))
    content = path.read_bytes()
    path.write_bytes(content[: min(keep, len(content) - 1)])
    _check_damage("mnist", path)
    assert load("mnist", train=False, quiet=True).real, "the other part is whole"


@pytest.mark.parametrize(
    "content",
    [
        b"<html>404</html>",
        _idx(np.zeros((5, 5))),
        _idx(np.arange(4)),
        _idx(np.array([0, 1, 2, 3, 77])),
    ],
    ids=["a web page", "two dimensions", "too few", "label 77"],
)
def test_a_wrong_mnist_file(folder, content):
    path = _lay_mnist(folder, zipped=False) / "train-labels-idx1-ubyte"
    path.write_bytes(content)
    _check_damage("mnist", path)


def test_a_missing_mnist_file(folder):
    path = _lay_mnist(folder) / "train-labels-idx1-ubyte.gz"
    path.unlink()
    _check_damage("mnist", path.with_suffix(""))


class _Hostile:
    def __reduce__(self):
        return os.mkdir, ("hacked",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        pickle.dumps(_batch(3))[:1000],
        pickle.dumps({"labels": []}),
        pickle.dumps(_batch(3, labels=[0, 1])),
        pickle.dumps(_batch(3, labels=[0, 1, 10])),
        pickle.dumps(_batch(3, data=np.zeros((3, 3072)))),
        pickle.dumps([1]),
        pickle.dumps(_batch(3, more=_Hostile())),
    ],
    ids="empty half no-data too-few label-10 floats no-dict hostile".split(),
)
def test_a_damaged_or_hostile_cifar10_batch(folder, monkeypatch, content):
    monkeypatch.chdir(folder)
    path = _lay_cifar(folder) / "data_batch_4"
    path.write_bytes(content)
    _check_damage("cifar10", path)
    assert not Path("hacked").exists()


def test_a_missing_cifar10_batch_and_an_archive_not_unpacked(folder):
    path = _lay_cifar(folder) / "data_batch_4"
    path.unlink()
    _check_damage("cifar10", path)
    shutil.rmtree(path.parent)
    archive = folder / "cifar-10-python.tar.gz"
    archive.write_bytes(b"\x1f\x8b")
    _check_damage("cifar10", archive)


def test_a_damaged_subset(folder):
    path = folder / "cifar10_exact_subset.npz"
    path.write_bytes(b"PK\x03\x04 and no more")
    _check_damage("cifar10", path)


def test_a_half_unpacked_imdb(folder, monkeypatch):
    monkeypatch.setattr(disk, "IMDB_HALF", 12)
    _lay_imdb(folder)
    (folder / "aclImdb" / "train" / "pos" / "3_9.txt").unlink()
    _check_damage("imdb", folder / "aclImdb")


@pytest.mark.parametrize("content", [b"", lzma.compress(b"x" * 5000)[:60], b"junk"], ids=len)
def test_a_half_downloaded_imdb(folder, content):
    path = folder / "aclImdb.tar.xz"
    path.write_bytes(content)
    _check_damage("imdb", path)


@pytest.mark.parametrize("name", ["shakespeare", "sunspots"])
def test_a_changed_single_file(folder, name):
    path = folder / {"shakespeare": "input.txt", "sunspots": "monthly-sunspots.csv"}[name]
    path.write_text("First Citizen:\n")
    _check_damage(name, path)


# Download


def _no_network(*args, **kwargs):
    raise urllib.error.URLError("the network is cut")


@pytest.mark.parametrize("name", ["mnist", "cifar10", "imdb", "shakespeare"])
def test_a_download_that_fails_says_how_to_go_on(folder, monkeypatch, name):
    monkeypatch.setattr(urllib.request, "urlopen", _no_network)
    with pytest.raises(DataError, match=f"could not download '{name}'.*leave download=True out"):
        load(name, download=True)


def test_nothing_is_fetched_unless_asked_or_needed(folder, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", _no_network)
    assert not load("mnist", quiet=True).real
    _lay_mnist(folder)
    assert load("mnist", download=True, quiet=True).real
    monkeypatch.setenv("GRADUS_DATA", "embedded")
    assert not load("mnist", download=True, quiet=True).real


def test_a_download_goes_to_the_first_folder_and_is_checked(folder, monkeypatch):
    asked = []

    def answer(request, *args, **kwargs):
        asked.append(request.full_url)
        body = io.BytesIO(b"not the book")
        body.url, body.length, body.headers = request.full_url, 12, {}
        body.getheader = lambda *args: "12"
        return body

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    with pytest.raises(DataError, match="could not download"):
        load("shakespeare", download=True)
    assert asked and all("tinyshakespeare/input.txt" in url for url in asked)


def test_a_download_repairs_what_is_damaged(folder, monkeypatch):
    raw = _lay_mnist(folder)
    whole = (raw / "train-labels-idx1-ubyte.gz").read_bytes()
    (raw / "train-labels-idx1-ubyte.gz").write_bytes(whole[:20])

    def fetch(name, root):
        assert (name, root) == ("mnist", folder)
        (raw / "train-labels-idx1-ubyte.gz").write_bytes(whole)

    monkeypatch.setattr("gradus.data.download.fetch", fetch)
    assert load("mnist", download=True, quiet=True).real


# The real sets


@needs_real
def test_real_mnist(real):
    loaded = load("mnist", quiet=True)
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert loaded.real and loaded.labels.bincount().tolist() == counts
    assert loaded.images.float().mean().item() / 255 == pytest.approx(0.1307, abs=1e-4)
    assert len(load("mnist", train=False, quiet=True).images) == 10_000


@needs_real
def test_real_fashion_mnist(real):
    loaded = load("fashion_mnist", train=False, quiet=True)
    assert loaded.real and loaded.labels.bincount().tolist() == [1000] * 10
    assert loaded.classes[9] == "Ankle boot"


@needs_real
def test_real_mnist_after_torchvision_unpacked_it(folder, monkeypatch):
    """The .gz files pass torchvision's md5 check, so download=True fetches nothing."""
    monkeypatch.setattr(urllib.request, "urlopen", _no_network)
    shutil.copytree(REAL / "mnist" / "MNIST", folder / "MNIST")
    from gradus.data.download import fetch

    fetch("mnist", folder)
    raw = folder / "MNIST" / "raw"
    for path in raw.glob("*.gz"):
        path.chmod(0o644)
        path.unlink()
    assert load("mnist", train=False, quiet=True).images.shape == (10_000, 1, 28, 28)


@needs_real
def test_real_cifar10_subset(real):
    train, test = load("cifar10", quiet=True), load("cifar10", train=False, quiet=True)
    assert train.real and train.images.shape == (8068, 3, 32, 32) and len(test.images) == 1017
    assert train.images.dtype == torch.uint8 and test.labels.max() == 9


@needs_real
def test_real_imdb_from_its_archive(real):
    loaded = load("imdb", train=False, quiet=True)
    assert loaded.real and len(loaded.inputs) == 25_000
    assert loaded.labels.sum().item() == 12_500
    assert sum(len(text.split()) for text in loaded.inputs) / 25_000 == pytest.approx(230, abs=10)


@needs_real
def test_real_shakespeare(real):
    parts = [load("shakespeare", train=train, quiet=True) for train in (True, False)]
    whole = "".join(part.inputs for part in parts)
    assert parts[0].real and len(whole) == 1_115_394 and len(set(whole)) == 65
    assert whole.startswith("First Citizen:\n")


@needs_real
@pytest.mark.parametrize("name", SERIES)
def test_real_series_have_the_shape_of_their_stand_ins(real, monkeypatch, name):
    parts = [load(name, train=train, quiet=True) for train in (True, False)]
    assert parts[0].real and torch.cat([part.inputs for part in parts]).shape == SERIES[name]
    monkeypatch.setenv("GRADUS_DATA", "embedded")
    assert load(name, quiet=True).classes == parts[0].classes
