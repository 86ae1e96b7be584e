"""Chapter 05's readers on real files: what its exercises build must hold for data from life.

The functions are those of the chapter's solution, run as they stand in its source. Real files are
looked for in ../shared/data, or where GRADUS_TEST_DATA says; without them those tests are skipped.
"""

import gzip
import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import gradus
from gradus.data import disk
from tests.course.solved import REAL, solved

IDX = sorted(REAL.glob("*/*/raw/*-ubyte*")) if REAL.is_dir() else []
TABLES = REAL / "tabular"
needs_tables = pytest.mark.skipif(not TABLES.is_dir(), reason=f"no tables in {TABLES}")

WINE = (
    "fixed acidity,volatile acidity,citric acid,residual sugar,chlorides,free sulfur dioxide,"
    "total sulfur dioxide,density,pH,sulphates,alcohol,quality"
)
ADULT = (
    "age,workclass,fnlwgt,education,education-num,marital-status,occupation,relationship,race,"
    "sex,capital-gain,capital-loss,hours-per-week,native-country,income"
)


@pytest.fixture(scope="module")
def chapter_05():
    return solved("05_data")


# IDX files (exercise 5.8)


def _same_as_gradus(chapter_05, path: Path) -> torch.Tensor:
    """What the student's reader gives, once it agrees with gradus's own."""
    mine, theirs = chapter_05.read_idx(path), disk.read_idx(path)
    if theirs.ndim == 3:
        assert mine.dtype == torch.float32 and torch.equal(mine, theirs[:, None].float() / 255)
    else:
        assert mine.dtype == torch.int64 and torch.equal(mine, theirs.long())
    return mine


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("shape", [(300,), (5, 28, 28), (3, 4, 7), (0,), (0, 28, 28)], ids=str)
def test_generated_idx_files(chapter_05, tmp_path, shape, zipped):
    array = np.random.default_rng(len(shape)).integers(0, 256, shape, dtype=np.uint8)
    header = struct.pack(f">{1 + len(shape)}I", 2048 + len(shape), *shape)
    data = header + array.tobytes()
    path = tmp_path / ("idx.gz" if zipped else "idx")
    path.write_bytes(gzip.compress(data) if zipped else data)
    assert len(_same_as_gradus(chapter_05, path)) == shape[0]


@pytest.mark.parametrize("path", IDX, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_real_mnist_and_fashion_mnist(chapter_05, path):
    read = _same_as_gradus(chapter_05, path)
    assert len(read) == (60000 if path.name.startswith("train") else 10000)
    if "labels" in path.name:
        assert read.bincount().tolist() != [] and read.max() == 9
    else:
        assert read.shape[1:] == (1, 28, 28) and 0.1 < read.mean() < 0.3


@pytest.mark.parametrize("keep", [4, 15, 17, -1], ids=lambda keep: f"first-{keep}")
@pytest.mark.skipif(not IDX, reason=f"no IDX files in {REAL}")
def test_a_real_file_that_was_cut_off(chapter_05, tmp_path, keep):
    packed = IDX[0].read_bytes()
    whole = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    for data in (whole[:keep], gzip.compress(whole[:50_000])[:keep]):
        path = tmp_path / "half"
        path.write_bytes(data)
        with pytest.raises(ValueError):
            chapter_05.read_idx(path)


# Tables (exercises 5.2 and 5.7)


def _parts(chapter_05, table, label, fracs=(0.6, 0.2, 0.2)) -> dict[str, list[int]]:
    kinds = sorted(set(table[label]))
    y = torch.tensor([kinds.index(kind) for kind in table[label]])
    cut = chapter_05.stratified_split(y, list(fracs), 0)
    return dict(zip(("train", "val", "test"), (part.tolist() for part in cut), strict=True))


def _balanced_accuracy(loaders, stats, epochs: int) -> float:
    """Mean recall on the test rows of a small network, trained with the loaders."""
    torch.manual_seed(0)
    width = next(iter(loaders["val"]))[0].shape[1]
    classes = len(stats["classes"])
    model = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, classes))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.005)
    gradus.fit(
        model, loaders["train"], F.cross_entropy, optimiser,
        epochs=epochs, val_loader=loaders["val"],
    )  # fmt: skip
    pairs = [(model(x).argmax(dim=1), y) for x, y in loaders["test"]]
    said, true = (torch.cat(part) for part in zip(*pairs, strict=True))
    return torch.stack([(said[true == c] == c).float().mean() for c in true.unique()]).mean().item()


def _check_pipeline(chapter_05, table, label, parts, noise=0.0):
    """The loaders and stats of `build`, once their parts agree with each other."""
    loaders, stats = chapter_05.build(table, label, parts, 256, noise, 0)
    again = json.loads(json.dumps(stats))
    for name in ("val", "test"):
        x, y = (torch.cat(part) for part in zip(*loaders[name], strict=True))
        coded = chapter_05.encode(table, parts[name], again)
        assert torch.equal(x, coded[0]) and torch.equal(y, coded[1])
        assert x.dtype == torch.float32 and y.dtype == torch.int64
        assert torch.isfinite(x).all() and len(x) == len(parts[name])
    drawn = torch.cat([y for _, y in loaders["train"]]).bincount(minlength=len(stats["classes"]))
    assert drawn.sum() == len(parts["train"])
    assert (drawn / drawn.sum() - 1 / len(stats["classes"])).abs().max() < 0.1
    return loaders, stats


def test_the_wine_table_of_scikit_learn(chapter_05):
    table = chapter_05.table_of(chapter_05.wine_text())
    parts = _parts(chapter_05, table, "kind")
    loaders, _ = _check_pipeline(chapter_05, table, "kind", parts, noise=0.1)
    assert _balanced_accuracy(loaders, {"classes": range(3)}, epochs=60) > 0.8


@needs_tables
def test_adult_with_missing_cells_and_labels_in_words(chapter_05):
    lines = (TABLES / "adult-train.csv").read_text().strip().splitlines()[:9000]
    table = chapter_05.table_of("\n".join([ADULT, *lines]))
    assert sorted(set(table["income"])) == ["<=50K", ">50K"] and "?" in table["workclass"]
    parts = _parts(chapter_05, table, "income")
    loaders, stats = _check_pipeline(chapter_05, table, "income", parts)
    numeric = {name for name, known in stats["columns"].items() if "mean" in known}
    assert numeric == {
        "age", "fnlwgt", "education-num", "capital-gain", "capital-loss", "hours-per-week"
    }  # fmt: skip
    assert all("?" not in known.get("values", ()) for known in stats["columns"].values())
    ages = [float(table["age"][row]) for row in parts["train"]]
    assert stats["columns"]["age"]["mean"] == pytest.approx(np.mean(ages))
    assert stats["columns"]["age"]["scale"] == pytest.approx(np.std(ages))
    assert _balanced_accuracy(loaders, stats, epochs=5) > 0.75


@needs_tables
def test_the_test_file_of_adult_with_the_statistics_of_the_training_file(chapter_05):
    def table(file: str):
        lines = (TABLES / file).read_text().strip().splitlines()[:3000]
        return chapter_05.table_of("\n".join([ADULT, *lines]).replace("50K.", "50K"))

    stats = chapter_05.learn_stats(table("adult-train.csv"), range(3000), "income")
    x, y = chapter_05.encode(table("adult-test.csv"), range(3000), stats)
    assert torch.isfinite(x).all() and 0.2 < y.float().mean() < 0.28
    ages = x[:, list(stats["columns"]).index("age")]
    assert 0 < ages.mean().abs() < 0.1  # near the training mean, yet not fitted anew


@needs_tables
@pytest.mark.parametrize("colour", ["red", "white"])
def test_wine_quality_with_its_rare_classes(chapter_05, colour):
    table = chapter_05.table_of(WINE + "\n" + (TABLES / f"winequality-{colour}.csv").read_text())
    parts = _parts(chapter_05, table, "quality")
    for name, share in (("train", 0.6), ("val", 0.2), ("test", 0.2)):
        for quality in set(table["quality"]):
            size = table["quality"].count(quality)
            held = sum(table["quality"][row] == quality for row in parts[name])
            assert abs(held - share * size) <= 1, (name, quality)
    loaders, stats = _check_pipeline(chapter_05, table, "quality", parts)
    assert all("mean" in known for known in stats["columns"].values())
    x = torch.cat([x for x, _ in loaders["val"]])
    assert x.shape[1] == 11 and x.mean(dim=0).abs().max() < 0.25
